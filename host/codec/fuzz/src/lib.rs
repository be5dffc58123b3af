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
mod csv;
mod given;
mod infer;
mod input;
mod judges;
mod registry;
mod schemas;
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
    /// Codecs that are run on the records of an input; their good records are the first seeds.
    cases: fn() -> Vec<Case>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "json", run: json, cases: || cases::of(Codec::Json) },
    Target { name: "avro", run: avro, cases: || cases::of(Codec::Avro) },
    Target { name: "protobuf", run: protobuf, cases: || cases::of(Codec::Protobuf) },
    Target { name: "json_schema", run: json_schema, cases: || cases::of(Codec::JsonSchema) },
    Target { name: "msgpack", run: msgpack, cases: || cases::of(Codec::MessagePack) },
    Target { name: "string", run: string, cases: || cases::of(Codec::String) },
    Target { name: "bytes", run: bytes, cases: || cases::of(Codec::Bytes) },
    Target { name: "arrow", run: arrow, cases: || cases::of(Codec::Arrow) },
    Target { name: "csv", run: csv, cases: Vec::new },
    Target { name: "wire", run: wire, cases: registry::cases },
    Target { name: "infer", run: infer, cases: Vec::new },
    Target { name: "schemas", run: schemas, cases: Vec::new },
];

impl Target {
    /// Inputs made by our own encoders, by name.
    pub fn made(&self) -> Vec<(String, Vec<u8>)> {
        let cases = (self.cases)();
        let seeds = cases.iter().map(Case::seed);
        seeds.map(|(name, seed)| (format!("made-{}", name.replace(' ', "-")), seed)).collect()
    }
}

thread_local! {
    /// The cases of each target, once they were needed.
    static CASES: RefCell<HashMap<&'static str, Vec<Case>>> = RefCell::default();
}

/// Runs the cases of a target on the records of an input.
fn run(name: &str, data: &[u8]) {
    let Some(target) = TARGETS.iter().find(|target| target.name == name) else { return };
    let values = input::values(data);
    CASES.with_borrow_mut(|cases| {
        let cases = cases.entry(target.name).or_insert_with(target.cases);
        cases.iter_mut().for_each(|case| case.must_hold(&values));
    });
}

/// JSON, and whether it is JSON at all, as another parser sees it.
pub fn json(data: &[u8]) {
    run("json", data);
    judges::json(&input::values(data));
}

/// Avro, by schemas given and schemas derived.
pub fn avro(data: &[u8]) {
    run("avro", data);
}

/// Protobuf, by schemas given and schemas derived.
pub fn protobuf(data: &[u8]) {
    run("protobuf", data);
}

/// JSON checked against schemas given and schemas derived.
pub fn json_schema(data: &[u8]) {
    run("json_schema", data);
}

/// MessagePack, written as maps and as arrays.
pub fn msgpack(data: &[u8]) {
    run("msgpack", data);
}

/// One column of text.
pub fn string(data: &[u8]) {
    run("string", data);
}

/// One column of bytes.
pub fn bytes(data: &[u8]) {
    run("bytes", data);
}

/// Arrow IPC, of which a record is any number of rows.
pub fn arrow(data: &[u8]) {
    run("arrow", data);
}

/// Rows of CSV files.
pub fn csv(data: &[u8]) {
    csv::must_hold(&input::values(data));
}

/// The header that names a record's schema, and values read by the schema they name.
pub fn wire(data: &[u8]) {
    wire::must_hold(data);
    run("wire", data);
    registry::forget_requests();
}

/// Columns inferred from a sample.
pub fn infer(data: &[u8]) {
    infer::must_hold(&input::values(data));
}

/// Schemas of any text, and values read by them.
pub fn schemas(data: &[u8]) {
    schemas::must_hold(&input::values(data));
}
