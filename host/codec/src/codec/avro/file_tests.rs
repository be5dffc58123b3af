//! Files that are damaged, and files that are read into other columns.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::*;

use super::AvroFile;
use super::tests::bytes;

const SCHEMA: &str =
    r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"string"}]}"#;
const MARK: [u8; 16] = *b"sixteen bytes ok";

fn header(codec: &str) -> Vec<u8> {
    let meta =
        bytes().raw(b"Obj\x01").long(3).text("avro.schema").text(SCHEMA).text("avro.codec").text(codec);
    meta.text("more").text("x").long(0).raw(&MARK).0
}

fn block(count: i64, body: &[u8]) -> Vec<u8> {
    bytes().long(count).long(body.len() as i64).raw(body).raw(&MARK).0
}

fn row(a: i64, b: &str) -> Vec<u8> {
    bytes().long(a).text(b).0
}

/// What a file gives: its rows, and what is wrong.
fn read(file: &[u8]) -> String {
    let mut lines = String::new();
    let blocks = match AvroFile::open(file, None) {
        Ok(blocks) => blocks,
        Err(why) => return why,
    };
    for block in blocks {
        match block {
            Ok(block) => {
                let values: &[i32] = block.rows.column(0).as_primitive::<Int32Type>().values();
                lines += &format!("{values:?} {:?}\n", block.lost);
            }
            Err(why) => lines += &why,
        }
    }
    lines
}

#[test]
fn damage_costs_what_cannot_be_told_apart_and_no_more() {
    let good = [row(1, "x"), row(2, "y")].concat();
    let file = [
        header("null"),
        block(2, &good),
        block(3, &[row(3, "x"), bytes().long(4).long(90).0, row(5, "z")].concat()),
        block(1, &good),
        block(500, &good),
        block(0, b""),
        block(2, &good),
    ];
    insta::assert_snapshot!(read(&file.concat()), @r#"
    [1, 2] None
    [3] Some((2, "block 1: record 1: b: at byte 1: a length of 90 bytes, and 3 are left"))
    [1] Some((0, "block 2: 3 bytes follow the 1 records"))
    [] Some((500, "block 3: 500 records do not fit 6 bytes"))
    [] None
    [1, 2] None
    "#);
    let mut other_mark = block(2, &good);
    *other_mark.last_mut().unwrap() = 0;
    insta::assert_snapshot!(read(&[header("null"), block(2, &good), other_mark, block(2, &good)].concat()), @r"
    [1, 2] None
    block 1: the mark at its end is not that of the file
    ");
    insta::assert_snapshot!([
        read(&[header("null"), block(-1, &good)].concat()),
        read(&[header("null"), block(2, &good)[..9].to_vec()].concat()),
        read(&[header("deflate"), block(2, &good)].concat()),
        read(&[header("snappy"), block(2, &good)].concat()),
        read(&[header("snappy"), block(2, &[0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0, 0])].concat()),
        read(&[header("zstandard"), block(2, &good)].concat()),
        read(&header("xz")),
        read(b"Obj\x02"),
        read(b"Obj\x01\x00"),
        read(&[b"Obj\x01\x00".to_vec(), MARK.to_vec()].concat()),
    ].join("\n"), @r#"
    block 0: a number of records that is negative: -1
    block 0: at byte 8: expected 16 bytes, and 1 are left
    [] Some((2, "block 0: deflate: incomplete deflate stream"))

    [] Some((2, "block 0: snappy: corrupt input (expected copy read of length 2; remaining src: 0)"))

    [] Some((2, "block 0: decompressed it has more than 67108864 bytes"))

    [] Some((2, "block 0: zstandard: Unknown frame descriptor"))

    the codec `xz` is not known: null, deflate, snappy and zstandard are
    not an Avro file: it does not begin with `Obj` and 1
    header: no avro.schema
    header: no avro.schema
    "#);
}

#[test]
fn a_file_may_be_read_into_other_columns() {
    let columns: SchemaRef = Arc::new(Schema::new(vec![
        Field::new("c", DataType::Utf8, true),
        Field::new("a", DataType::Int64, false),
    ]));
    let file = [header("null"), block(1, &row(7, "x"))].concat();
    let mut opened = AvroFile::open(&file, Some(&columns)).unwrap();
    assert_eq!((opened.columns(), opened.schema().text.as_str()), (&columns, SCHEMA));
    let rows = opened.next().unwrap().unwrap().rows;
    assert!(rows.column(0).is_null(0) && opened.next().is_none());
    assert_eq!(rows.column(1).as_primitive::<Int64Type>().value(0), 7);
    let others: SchemaRef = Arc::new(Schema::new(vec![Field::new("b", DataType::Int64, false)]));
    insta::assert_snapshot!(AvroFile::open(&file, Some(&others)).err().unwrap(), @"b: string does not go into a column of int64");
}

#[test]
fn records_of_no_bytes_are_bounded() {
    let empty = r#"{"type":"record","name":"R","fields":[]}"#;
    let header = bytes().raw(b"Obj\x01").long(1).text("avro.schema").text(empty).long(0).raw(&MARK).0;
    let read = |count| {
        let file = [header.clone(), block(count, b"")].concat();
        let block = AvroFile::open(&file, None).unwrap().next().unwrap().unwrap();
        (block.rows.num_rows(), block.lost.is_some())
    };
    assert_eq!((read(131_072), read(i64::MAX)), ((131_072, false), (0, true)));
}
