//! What must hold of rows of CSV, whatever stands in them and in the first line of their file: each is a row or refused,
//! once, and one alone is as it is among others.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use sabot_codec::batch::RawRecords;
use sabot_codec::codec::csv::{FIRST_LINE, check_first_line};
use sabot_codec::codec::registry::Registries;
use sabot_codec::codec::{Codec, Decode, Decoded, Decoder};

use crate::input::Value;

fn columns() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("name", DataType::Utf8, true),
        Field::new("price", DataType::Decimal128(10, 2), true),
        Field::new("share", DataType::Float64, true),
        Field::new("at", DataType::Timestamp(TimeUnit::Millisecond, None), true),
        Field::new("day", DataType::Date32, true),
        Field::new("ok", DataType::Boolean, true),
    ]))
}

/// The first value is a file's first line, or stands for the usual one where it has not the columns; the others are rows.
pub(crate) fn must_hold(values: &[Value]) {
    let Some((first, rows)) = values.split_first() else { return };
    let columns = columns();
    let first_line = match first {
        Some(line) if check_first_line(line, &columns).is_ok() => line,
        _ => b"id,name,price,share,at,day,ok".as_slice(),
    };
    let decode = |rows: &[Value]| -> Decoded {
        let mut raw = RawRecords::with_capacity("fuzz.csv".into(), 0, rows.len(), 0);
        for (offset, row) in rows.iter().enumerate() {
            raw.push(offset as i64, None, None, *row);
            raw.push_header(FIRST_LINE, Some(first_line));
        }
        let decoder = Decoder::new(&Decode::plain(Codec::Csv, Arc::clone(&columns)), &Registries::default());
        decoder.expect("columns that CSV has").decode(&raw).expect("no registry is asked")
    };
    let all = decode(rows);
    assert_eq!((all.taken, all.rows.num_rows() + all.errors.len()), (rows.len(), rows.len()));
    assert!(all.errors.is_sorted_by_key(|error| error.index));
    // A quote that is not closed, or a line break outside of quotes, is no row of a file that has others behind it.
    let open =
        |row: &Value| row.is_some_and(|row| row.iter().any(|byte| matches!(byte, b'"' | b'\r' | b'\n')));
    if rows.iter().any(open) {
        return;
    }
    for (index, row) in rows.iter().enumerate() {
        let one = decode(std::slice::from_ref(row));
        let error = all.errors.iter().find(|error| error.index as usize == index);
        assert_eq!(one.errors.first().map(|e| (e.code, &e.message)), error.map(|e| (e.code, &e.message)));
        if error.is_none() {
            let place = index - all.errors.iter().filter(|error| (error.index as usize) < index).count();
            assert_eq!(one.rows, all.rows.slice(place, 1));
        }
    }
}
