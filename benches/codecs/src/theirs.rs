//! The libraries that one would take otherwise, as contestants on the very records that our codecs read and write.
//! Those that read into values or structs have not yet put them into columns. Knows nothing of our codecs.

use std::hint::black_box;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use arrow::array::RecordBatch;
use arrow::json::{LineDelimitedWriter, ReaderBuilder};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use serde_json::Value;

use crate::Failed;
use crate::contest::Contestant;
use crate::records::Shape;

/// A library's name, and one run of it on all records.
type Run = (&'static str, Box<dyn FnMut()>);

/// Contestants on these records.
pub fn contestants<S: Shape>(
    codec: &'static str,
    rows: &RecordBatch,
    values: &[Vec<u8>],
) -> Result<Vec<Contestant<'static>>, Failed> {
    let (decoders, encoders) = match codec {
        "json" => (json_decoders::<S>(rows, values)?, json_encoders::<S>(rows, values)?),
        "avro" => (vec![avro_decoder::<S>(values)?], vec![avro_encoder::<S>(values)?]),
        "protobuf" => (vec![prost_decoder::<S>(values)], vec![prost_encoder::<S>(values)?]),
        "msgpack" => (msgpack_decoders::<S>(values), vec![msgpack_encoder::<S>(values)?]),
        "arrow" => (vec![ipc_decoder(values)], vec![ipc_encoder(rows)]),
        _ => (Vec::new(), Vec::new()),
    };
    let ways = [("decode", decoders), ("encode", encoders)];
    let all = ways.into_iter().flat_map(|(way, runs)| runs.into_iter().map(move |run| (way, run)));
    let (records, bytes) = (values.len(), values.iter().map(Vec::len).sum());
    let of = |(way, (by, run))| Contestant { shape: S::NAME, codec, way, by, records, bytes, run };
    Ok(all.map(of).collect())
}

/// A run that does something with each record.
fn each(values: &[Vec<u8>], mut read: impl FnMut(&[u8]) + 'static) -> Box<dyn FnMut()> {
    let values = values.to_vec();
    Box::new(move || values.iter().for_each(|value| read(value)))
}

fn json_decoders<S: Shape>(rows: &RecordBatch, values: &[Vec<u8>]) -> Result<Vec<Run>, Failed> {
    let mut decoder = ReaderBuilder::new(rows.schema()).with_batch_size(values.len()).build_decoder()?;
    let lines = values.join(&b'\n');
    let columns = Box::new(move || {
        let read = decoder.decode(&lines);
        black_box((read.ok(), decoder.flush().ok()));
    });
    let tree = each(values, |text| drop(black_box(serde_json::from_slice::<Value>(text))));
    let structs = each(values, |text| drop(black_box(serde_json::from_slice::<S>(text))));
    let (mut text, mut buffers) = (Vec::new(), simd_json::Buffers::default());
    let mut spare = simd_json::Tape::null();
    let tape = each(values, move |value| {
        // It works in the text itself, which is not ours to change.
        text.clear();
        text.extend_from_slice(value);
        let mut tape = std::mem::replace(&mut spare, simd_json::Tape(Vec::new())).reset();
        black_box(simd_json::fill_tape(&mut text, &mut buffers, &mut tape)).ok();
        spare = black_box(tape).reset();
    });
    Ok(vec![
        ("arrow-json", columns),
        ("serde_json to values", tree),
        ("serde_json to structs", structs),
        ("simd-json to a tape", tape),
    ])
}

fn json_encoders<S: Shape>(rows: &RecordBatch, values: &[Vec<u8>]) -> Result<Vec<Run>, Failed> {
    let (rows, mut out) = (rows.clone(), Vec::new());
    let columns = Box::new(move || {
        out.clear();
        black_box(LineDelimitedWriter::new(&mut out).write(&rows)).ok();
    });
    let structs =
        values.iter().map(|text| serde_json::from_slice::<S>(text)).collect::<Result<Vec<_>, _>>()?;
    let mut out = Vec::new();
    let structs = Box::new(move || {
        out.clear();
        structs.iter().for_each(|record| drop(black_box(serde_json::to_writer(&mut out, record))));
    });
    Ok(vec![("arrow-json", columns), ("serde_json from structs", structs)])
}

/// Avro records of these structs.
pub fn avro_records<S: Shape>(structs: &[S]) -> Result<Vec<Vec<u8>>, Failed> {
    let schema = Schema::parse_str(S::AVRO)?;
    let writer = GenericDatumWriter::builder(&schema).build()?;
    Ok(structs.iter().map(|record| writer.write_ser_to_vec(record)).collect::<Result<_, _>>()?)
}

/// Kept to the end of the program, as those who read by it borrow it.
fn avro_schema<S: Shape>() -> Result<&'static Schema, Failed> {
    Ok(Box::leak(Box::new(Schema::parse_str(S::AVRO)?)))
}

fn avro_decoder<S: Shape>(values: &[Vec<u8>]) -> Result<Run, Failed> {
    let reader = GenericDatumReader::builder(avro_schema::<S>()?).build()?;
    Ok((
        "apache-avro to values",
        each(values, move |mut bytes| drop(black_box(reader.read_value(&mut bytes)))),
    ))
}

fn avro_encoder<S: Shape>(values: &[Vec<u8>]) -> Result<Run, Failed> {
    let schema = avro_schema::<S>()?;
    let reader = GenericDatumReader::builder(schema).build()?;
    let values =
        values.iter().map(|bytes| reader.read_value(&mut bytes.as_slice())).collect::<Result<Vec<_>, _>>()?;
    let (writer, mut out) = (GenericDatumWriter::builder(schema).build()?, Vec::new());
    let run = move || {
        out.clear();
        values.iter().for_each(|value| drop(black_box(writer.write_value_ref(&mut out, value))));
    };
    Ok(("apache-avro from values", Box::new(run)))
}

fn prost_decoder<S: Shape>(values: &[Vec<u8>]) -> Run {
    ("prost to structs", each(values, |bytes| drop(black_box(S::decode(bytes)))))
}

fn prost_encoder<S: Shape>(values: &[Vec<u8>]) -> Result<Run, Failed> {
    let structs = values.iter().map(|bytes| S::decode(bytes.as_slice())).collect::<Result<Vec<_>, _>>()?;
    let mut out = Vec::new();
    let run = move || {
        out.clear();
        structs.iter().for_each(|record| {
            black_box(record.encode(&mut out)).ok();
        });
    };
    Ok(("prost from structs", Box::new(run)))
}

fn msgpack_decoders<S: Shape>(values: &[Vec<u8>]) -> Vec<Run> {
    let structs = each(values, |bytes| drop(black_box(rmp_serde::from_slice::<S>(bytes))));
    let tree = each(values, |bytes| drop(black_box(rmp_serde::from_slice::<Value>(bytes))));
    vec![("rmp-serde to structs", structs), ("rmp-serde to values", tree)]
}

fn msgpack_encoder<S: Shape>(values: &[Vec<u8>]) -> Result<Run, Failed> {
    let structs =
        values.iter().map(|bytes| rmp_serde::from_slice::<S>(bytes)).collect::<Result<Vec<_>, _>>()?;
    let mut out = Vec::new();
    let run = move || {
        out.clear();
        structs.iter().for_each(|record| drop(black_box(rmp_serde::encode::write_named(&mut out, record))));
    };
    Ok(("rmp-serde from structs", Box::new(run)))
}

fn ipc_decoder(values: &[Vec<u8>]) -> Run {
    let read = |bytes: &[u8]| {
        if let Ok(reader) = StreamReader::try_new(bytes, None) {
            reader.for_each(|batch| drop(black_box(batch)));
        }
    };
    ("arrow-ipc", each(values, read))
}

fn ipc_encoder(rows: &RecordBatch) -> Run {
    let (rows, mut out) = (rows.clone(), Vec::new());
    let run = move || {
        out.clear();
        for row in 0..rows.num_rows() {
            black_box(stream(&rows.slice(row, 1), &mut out)).ok();
        }
    };
    ("arrow-ipc", Box::new(run))
}

/// Writes a stream of one batch.
pub fn stream(rows: &RecordBatch, out: &mut Vec<u8>) -> Result<(), Failed> {
    let mut writer = StreamWriter::try_new(out, rows.schema_ref())?;
    writer.write(rows)?;
    Ok(writer.finish()?)
}

/// The library's reader on one record that holds all rows.
pub fn in_one_record(shape: &'static str, rows: usize, record: &[u8]) -> Contestant<'static> {
    let (_, run) = ipc_decoder(&[record.to_vec()]);
    let by = "arrow-ipc, all rows in one record";
    Contestant { shape, codec: "arrow", way: "decode", by, records: rows, bytes: record.len(), run }
}
