//! Fuzz targets of the codecs: functions that take any bytes and panic where something does not hold that must
//! hold of every codec. No byte may cost a good record its row; what decodes must be valid, must encode, and must
//! come back the same.
//!
//! `cargo test -p sabot-codec-fuzz` runs every target on its seeds (`seeds/NAME`) and on a bounded number of changes
//! of them; `cargo xtask fuzz [NAME] [SECONDS]` looks for new inputs, guided by coverage. A finding, once mended,
//! becomes a seed. Knows only what the codecs show to everybody.
//!
//! To add a codec: a line in [`TARGETS`] and its cases in `cases`; `cargo run -p sabot-codec-fuzz --example seeds`
//! then writes its first seeds.

mod case;
mod cases;
mod columns;
mod infer;
mod input;
mod judges;
mod wire;

use std::cell::RefCell;
use std::collections::HashMap;

use sabot_codec::codec::Codec;

use case::Case;

/// A fuzz target.
pub struct Target {
    /// Its name, and its folder of seeds.
    pub name: &'static str,
    /// Panics where something does not hold.
    pub run: fn(&[u8]),
    /// The codec whose good records are its first seeds.
    codec: Option<Codec>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "json", run: json, codec: Some(Codec::Json) },
    Target { name: "msgpack", run: msgpack, codec: Some(Codec::MessagePack) },
    Target { name: "string", run: string, codec: Some(Codec::String) },
    Target { name: "bytes", run: bytes, codec: Some(Codec::Bytes) },
    Target { name: "wire", run: wire, codec: None },
    Target { name: "infer", run: infer, codec: None },
];

impl Target {
    /// Inputs made by our own encoders, by name.
    pub fn made(&self) -> Vec<(String, Vec<u8>)> {
        let cases = self.codec.map_or_else(Vec::new, cases::of);
        let seeds = cases.iter().map(Case::seed);
        seeds.map(|(name, seed)| (format!("made-{}", name.replace(' ', "-")), seed)).collect()
    }
}

thread_local! {
    /// The cases of each codec, once they were needed.
    static CASES: RefCell<HashMap<Codec, Vec<Case>>> = RefCell::default();
}

/// Runs the cases of a codec on the records of an input.
fn run(codec: Codec, data: &[u8]) {
    let values = input::values(data);
    CASES.with_borrow_mut(|cases| {
        let cases = cases.entry(codec).or_insert_with(|| cases::of(codec));
        cases.iter_mut().for_each(|case| case.must_hold(&values));
    });
}

/// JSON, and whether it is JSON at all, as another parser sees it.
pub fn json(data: &[u8]) {
    run(Codec::Json, data);
    judges::json(&input::values(data));
}

/// MessagePack, written as maps and as arrays.
pub fn msgpack(data: &[u8]) {
    run(Codec::MessagePack, data);
}

/// One column of text.
pub fn string(data: &[u8]) {
    run(Codec::String, data);
}

/// One column of bytes.
pub fn bytes(data: &[u8]) {
    run(Codec::Bytes, data);
}

/// The header that names a record's schema.
pub fn wire(data: &[u8]) {
    wire::must_hold(data);
}

/// Columns inferred from a sample.
pub fn infer(data: &[u8]) {
    infer::must_hold(&input::values(data));
}
