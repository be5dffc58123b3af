//! What a component may use and send. The limits a pipeline can set are in its spec (`memory`,
//! `batch_timeout`, `emit_bytes`); these are the others, the same for everybody.
//!
//! | limit | value | when it is passed |
//! |---|---|---|
//! | linear memory | spec, all memories together | growing fails; the trap that follows names the limit |
//! | processor time of one call | spec | the call is a timeout |
//! | bytes emitted by one call | spec | the call is invalid |
//! | processor time of describe, bind and open | [`SETUP_TIMEOUT`] | refused |
//! | processor time of close | [`CLOSE_TIMEOUT`] | ended: a stop waits for it, and nothing comes of it |
//! | memory in describe | [`DESCRIBE_MEMORY_BYTES`] | refused |
//! | wasm stack | [`STACK_BYTES`] | a trap |
//! | batches emitted by one call | [`MAX_EMITS`] | the call is invalid |
//! | rows emitted by one call | [`MAX_ROWS`] | the call is invalid |
//! | columns of a schema, nested ones counted | [`MAX_COLUMNS`] | refused at bind |
//! | nesting of a column | [`MAX_NESTING`] | refused at bind |
//! | a name (column, port, state) | [`MAX_NAME_BYTES`] | refused |
//! | a schema message | [`MAX_SCHEMA_BYTES`] | refused |
//! | output ports | [`MAX_PORTS`] | refused at bind |
//! | code and text of a row error | [`MAX_ERROR_CODE_BYTES`], [`MAX_TEXT_BYTES`] | cut |
//! | log kept for the next trap | [`MAX_LOG_LINES`] lines of at most [`MAX_TEXT_BYTES`] | the oldest go |
//! | log lines passed on to the host's log and the pipeline's | [`MAX_LOG_LINES_PER_SECOND`] a version of a step | counted, not written |
//! | counters | [`MAX_COUNTERS`] names an instance | further names are ignored |
//! | tables | [`MAX_TABLES`] with [`MAX_TABLE_ELEMENTS`] elements each; 8 bytes an element count as memory | growing fails |
//! | modules and components inside | [`MAX_MODULES`] | refused, not compiled |
//! | functions, all modules together | [`MAX_FUNCTIONS`] | refused, not compiled |
//! | code, all together and of one function | [`MAX_CODE_BYTES`], [`MAX_FUNCTION_BYTES`] | refused, not compiled |
//! | core instances, memories | [`MAX_INSTANCES`], [`MAX_MEMORIES`] | refused |
//! | memories and first elements of tables, all modules together | [`MAX_MEMORIES`], [`MAX_FIRST_ELEMENTS`] | refused, not compiled |
//! | instantiations inside, nesting of components | [`MAX_INSTANTIATIONS`], [`MAX_COMPONENT_NESTING`] | refused, not compiled |
//! | functions that cross a border inside, imports and exports | [`MAX_CROSSINGS`], [`MAX_NAMES`] | refused, not compiled |
//! | local variables times blocks of one function | [`MAX_LOCALS_BY_BLOCKS`] | refused, not compiled |
//! | what describe hands over | [`MAX_MANIFEST_BYTES`] | refused |
//! | schema of a configuration | [`MAX_CONFIG_SCHEMA_BYTES`] | refused |
//! | capabilities, states, versions to upgrade from | [`MAX_DECLARED`] each | refused |

use std::time::Duration;

/// Processor time that describe, bind and open may take, each.
pub const SETUP_TIMEOUT: Duration = Duration::from_secs(5);
/// Processor time that close may take.
pub const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);
/// Linear memory that describe may use, bytes.
pub const DESCRIBE_MEMORY_BYTES: usize = 256 << 20;
/// Native stack of wasm code, bytes. A thread that calls a component needs this and half a MiB more.
pub const STACK_BYTES: usize = 1 << 20;
/// Batches that one call may emit.
pub const MAX_EMITS: usize = 4096;
/// Rows that one call may emit, all batches together.
pub const MAX_ROWS: usize = 1 << 24;
/// Columns of a schema, nested ones counted.
pub const MAX_COLUMNS: usize = 1024;
/// How deep a column may be nested.
pub const MAX_NESTING: usize = 16;
/// Length of a name, bytes.
pub const MAX_NAME_BYTES: usize = 256;
/// Length of a schema message, bytes.
pub const MAX_SCHEMA_BYTES: usize = 1 << 20;
/// Output ports of a component.
pub const MAX_PORTS: usize = 64;
/// Length of a row error's code, bytes.
pub const MAX_ERROR_CODE_BYTES: usize = 64;
/// Length of a row error's message or of a line of log, bytes.
pub const MAX_TEXT_BYTES: usize = 1024;
/// Lines of log kept for the next trap.
pub const MAX_LOG_LINES: usize = 32;
/// Lines of log that the instances of a step's version may pass on to the host's log in a second.
pub const MAX_LOG_LINES_PER_SECOND: u32 = 50;
/// Counters of an instance.
pub const MAX_COUNTERS: usize = 64;
/// Tables of an instance.
pub const MAX_TABLES: usize = 64;
/// Elements of a table.
pub const MAX_TABLE_ELEMENTS: usize = 1 << 20;
/// Modules and components inside a component.
pub const MAX_MODULES: usize = 1_000;
/// Functions of a component, all its modules together. A Python interpreter has 13,000.
pub const MAX_FUNCTIONS: usize = 100_000;
/// Code of a component, bytes. A Python interpreter has 7 MB.
pub const MAX_CODE_BYTES: usize = 32 << 20;
/// Code of one function, bytes. The longest of a Python interpreter has 430 KB.
pub const MAX_FUNCTION_BYTES: usize = 1 << 20;
/// Core instances inside a component.
pub const MAX_INSTANCES: usize = 256;
/// Linear memories inside a component.
pub const MAX_MEMORIES: usize = 16;
/// Elements that the tables of all its modules begin with.
pub const MAX_FIRST_ELEMENTS: usize = 1 << 20;
/// Components and modules that are instantiated inside, wherever that is written.
pub const MAX_INSTANTIATIONS: usize = 128;
/// How deep components may lie within each other: each level multiplies what the one above instantiates.
pub const MAX_COMPONENT_NESTING: usize = 2;
/// Functions that cross a border inside a component: the types of each are gone through anew.
pub const MAX_CROSSINGS: usize = 1_000;
/// Imports and exports of a component.
pub const MAX_NAMES: usize = 1_000;
/// Local variables of a function times its blocks and branches: the compiler keeps a word for each pair.
pub const MAX_LOCALS_BY_BLOCKS: usize = 1 << 24;
/// What describe may hand over, bytes.
pub const MAX_MANIFEST_BYTES: usize = 4 << 20;
/// The JSON Schema of a configuration, bytes.
pub const MAX_CONFIG_SCHEMA_BYTES: usize = 64 << 10;
/// Capabilities, states, or versions to upgrade from in a manifest.
pub const MAX_DECLARED: usize = 64;

/// `text` cut to at most `bytes` bytes at a character's border.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// `text` on one line: whoever reads a log must know which lines the host wrote.
pub(super) fn on_one_line(text: &str) -> String {
    let one = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    match text.contains(char::is_control) {
        true => text.chars().map(one).collect(),
        false => text.to_owned(),
    }
}
