//! Ways for a component to misbehave, picked by its configuration: `{"mode": "endless-loop"}`. Shared by the
//! hostile components of several worlds. It knows the SDK alone; what the host makes of it, the host's tests say.

use sabot_sdk::bindings::sabot::operator::output;
use sabot_sdk::prelude::*;
use std::hint::black_box;

/// What the components take in.
#[derive(Row)]
pub struct Input {
    /// Compared with [`Config::value`] by the modes that hit one row.
    pub id: i64,
}

/// The text that is added to every row.
pub const TEXT: &str = "row";

/// Columns that nobody has promised.
#[derive(OutputRow)]
pub struct Other {
    /// Of a type that is not expected.
    pub other: bool,
}

/// How to misbehave.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// In which way.
    pub mode: Mode,
    /// The `id` that the modes `…-on-value` hit.
    #[serde(default)]
    pub value: i64,
    /// How large, for the modes that are large.
    #[serde(default = "default_bytes")]
    pub bytes: usize,
}

fn default_bytes() -> usize {
    32 << 20
}

/// In which way.
#[derive(serde::Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Not at all: a filter keeps every row, a map copies `id`.
    Ok,
    /// Computes for ever.
    EndlessLoop,
    /// The same, within `bind`.
    EndlessBind,
    /// The same, within `open`.
    EndlessOpen,
    /// The same, within `close`.
    EndlessClose,
    /// Allocates until there is no more.
    GrowMemory,
    /// Recurses until there is no more stack.
    StackOverflow,
    /// Panics at a row.
    PanicOnValue,
    /// Traps without a word at a row.
    TrapOnValue,
    /// Loops for ever at a row.
    LoopOnValue,
    /// Emits a good batch and then panics if the row is in it.
    EmitThenPanicOnValue,
    /// Refuses a row with an error.
    RefuseOnValue,
    /// Refuses a row that may succeed later.
    RetryOnValue,
    /// Panics in `bind`.
    PanicInBind,
    /// Panics in `open`.
    PanicInOpen,
    /// Panics in `close`.
    PanicInClose,
    /// Refuses its configuration.
    ConfigError,
    /// Refuses its input schema.
    SchemaError,
    /// Says that the batch may succeed later.
    Transient,
    /// Says that the batch never will.
    Fatal,
    /// Writes one enormous line of log.
    HugeLog,
    /// Writes a hundred thousand lines of log.
    ManyLogs,
    /// Counts under ten thousand names.
    ManyCounters,
    /// Emits within `bind`.
    EmitFromBind,
    /// Emits one enormous message.
    GiantEmit,
    /// Emits for ever.
    EndlessEmit,
    /// Emits nothing.
    NoEmit,
    /// Emits its batch twice.
    EmitTwice,
    /// Emits bytes that are no message.
    MalformedIpc,
    /// Emits the first half of a message.
    TruncatedIpc,
    /// Says that a buffer is longer than the body.
    LyingBufferLength,
    /// Says that a buffer starts beyond the body.
    LyingBufferOffset,
    /// Says that the metadata is longer than the message.
    LyingMetadataLength,
    /// Points outside of the metadata.
    LyingMetadataOffset,
    /// Says that the batch has a negative length.
    NegativeLength,
    /// Emits other columns than it has promised.
    WrongSchema,
    /// Emits one row less than it was given.
    WrongRowCount,
    /// Emits text that is not UTF-8.
    InvalidUtf8,
    /// Emits text whose offsets descend.
    DescendingOffsets,
    /// Emits to a port that it does not have.
    UnknownPort,
    /// Answers `bind` with bytes that are no schema.
    GarbageSchema,
    /// Refuses a row that is not in the batch.
    RowOutOfRange,
    /// Refuses rows in descending order.
    DescendingRows,
    /// Answers a bitmap that is too short.
    ShortBitmap,
    /// Answers a bitmap that is too long.
    LongBitmap,
    /// Says that a row comes from an input row that there is not.
    OriginOutOfRange,
}

/// The error of the modes that refuse a row.
fn refusal(mode: Mode) -> Option<RowError> {
    match mode {
        Mode::RefuseOnValue => Some(RowError::new("refused", "this row is not liked")),
        Mode::RetryOnValue => Some(RowError::new("later", "this row is not liked now").retryable()),
        _ => None,
    }
}

/// What happens in `bind`.
pub fn at_bind(config: &Config) -> Result<(), OpError> {
    match config.mode {
        Mode::EndlessBind => endless(),
        Mode::PanicInBind => panic!("bind does not want to"),
        Mode::ConfigError => Err(OpError::Config("this configuration is not liked".into())),
        Mode::SchemaError => Err(OpError::Schema("these columns are not liked".into())),
        Mode::EmitFromBind => {
            output::emit(0, b"early");
            Ok(())
        }
        _ => Ok(()),
    }
}

/// What happens in `open`.
pub fn at_open(config: &Config) -> Result<(), OpError> {
    match config.mode {
        Mode::EndlessOpen => endless(),
        Mode::PanicInOpen => panic!("open does not want to"),
        _ => Ok(()),
    }
}

/// What happens in `close`.
pub fn at_close(config: &Config) {
    match config.mode {
        Mode::EndlessClose => endless(),
        Mode::PanicInClose => panic!("close does not want to"),
        _ => {}
    }
}

/// What happens before a batch is answered, in every world.
pub fn at_batch(config: &Config, ids: &[i64]) -> Result<(), OpError> {
    let hit = ids.contains(&config.value);
    match config.mode {
        Mode::EndlessLoop => endless(),
        Mode::LoopOnValue if hit => endless(),
        Mode::PanicOnValue if hit => panic!("id is {}", config.value),
        Mode::TrapOnValue if hit => trap(),
        Mode::GrowMemory => loop {
            black_box(vec![1u8; 1 << 20]).leak();
        },
        Mode::StackOverflow => {
            black_box(recurse(black_box(0)));
            Ok(())
        }
        Mode::Transient => Err(OpError::Transient("not now".into())),
        Mode::Fatal => Err(OpError::Fatal("never".into())),
        Mode::HugeLog => {
            log(Level::Error, &"x".repeat(config.bytes));
            Ok(())
        }
        Mode::ManyLogs => {
            (0..100_000).for_each(|i| log(Level::Info, &format!("line {i}")));
            Ok(())
        }
        Mode::ManyCounters => {
            (0..10_000).for_each(|i| count(&format!("counter {i}"), 1));
            Ok(())
        }
        _ => Ok(()),
    }
}

fn endless() -> ! {
    let mut i = 0u64;
    loop {
        i = black_box(i.wrapping_add(1));
    }
}

fn trap() -> ! {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    std::process::abort()
}

#[allow(unconditional_recursion)]
fn recurse(depth: u64) -> u64 {
    black_box([depth; 64])[3] + recurse(black_box(depth + 1))
}

/// The `id`s of a batch.
pub fn ids(batch: &Batch<'_>) -> Result<Vec<i64>, OpError> {
    let ids = batch.typed::<Input>()?.iter().map(|row| row.map(|r| r.id)).collect::<Result<_, _>>();
    ids.map_err(|e| OpError::Fatal(e.message))
}

/// Which rows are refused, for the modes that refuse some.
pub fn refuse(config: &Config, ids: &[i64], refused: &mut RowErrors) {
    if let Some(error) = refusal(config.mode) {
        let hit = ids.iter().enumerate().filter(|(_, id)| **id == config.value);
        hit.for_each(|(row, _)| refused.push(row, error.clone()));
    }
    if config.mode == Mode::RowOutOfRange {
        refused.push(ids.len(), RowError::new("refused", "there is no such row"));
    }
}

/// Emits a good message in a bad way: what remains are the modes of those worlds that emit.
pub fn emit(config: &Config, ids: &[i64], message: &[u8]) {
    let mut bytes = message.to_vec();
    // The metadata ends with the offset and the length of the last buffer.
    let metadata_end = 8 + u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]) as usize;
    let huge = (1u64 << 40).to_le_bytes();
    match config.mode {
        Mode::NoEmit => return,
        Mode::EmitTwice => output::emit(0, &bytes),
        Mode::EndlessEmit => loop {
            output::emit(0, &bytes);
        },
        Mode::GiantEmit => bytes = vec![0; config.bytes],
        Mode::MalformedIpc => bytes = (0..200u8).collect(),
        Mode::TruncatedIpc => bytes.truncate(bytes.len() / 2),
        Mode::LyingBufferLength => bytes[metadata_end - 8..metadata_end].copy_from_slice(&huge),
        Mode::LyingBufferOffset => bytes[metadata_end - 16..metadata_end - 8].copy_from_slice(&huge),
        Mode::LyingMetadataLength => bytes[4..8].copy_from_slice(&0x7fff_fff0u32.to_le_bytes()),
        Mode::LyingMetadataOffset => bytes[8..12].copy_from_slice(&0x7fff_fff0u32.to_le_bytes()),
        Mode::NegativeLength => negate_lengths(&mut bytes, metadata_end, ids.len()),
        Mode::InvalidUtf8 | Mode::DescendingOffsets => spoil_text(&mut bytes, config.mode),
        Mode::UnknownPort => return output::emit(7, &bytes),
        _ => {}
    }
    output::emit(0, &bytes);
    if config.mode == Mode::EmitThenPanicOnValue && ids.contains(&config.value) {
        panic!("id is {}, and the batch is out", config.value);
    }
}

/// Wherever the metadata says the number of rows, it says the opposite.
fn negate_lengths(bytes: &mut [u8], metadata_end: usize, rows: usize) {
    let (rows, negative) = ((rows as u64).to_le_bytes(), (-(rows as i64)).to_le_bytes());
    for at in (8..metadata_end - 7).step_by(8) {
        if bytes[at..at + 8] == rows {
            bytes[at..at + 8].copy_from_slice(&negative);
        }
    }
}

/// Spoils the text column of a good message, in which every text is [`TEXT`].
fn spoil_text(bytes: &mut [u8], mode: Mode) {
    let find = |bytes: &[u8], pattern: &[u8]| bytes.windows(pattern.len()).rposition(|w| w == pattern);
    if mode == Mode::InvalidUtf8
        && let Some(at) = find(bytes, TEXT.as_bytes())
    {
        bytes[at] = 0xff;
    }
    // The offsets of the first rows.
    if mode == Mode::DescendingOffsets
        && let Some(at) = find(bytes, &[0, 0, 0, 0, 3, 0, 0, 0, 6, 0, 0, 0])
    {
        bytes.swap(at + 4, at + 8);
    }
}
