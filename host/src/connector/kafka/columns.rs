//! Columns as the parts of a record beside its value: key, headers, timestamp, partition. Pure.
//!
//! A key of one column is its text, or its bytes for a binary column; a key of several is a compact JSON array of
//! them, so that `["a","b"]` and `["a,b"]` stay apart. Null is no key. Or they are as a codec encodes them.

use std::io::Write as _;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, Int64Array, LargeBinaryArray, LargeStringArray,
    RecordBatch, StringArray, StringViewArray,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Schema, TimeUnit};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::codec::Encoded;
use crate::connector::ConnectorError;

/// The place of column `name`, or a refusal that says what needs it and which columns there are.
pub(super) fn place(schema: &Schema, name: &str, what: &str) -> Result<usize, ConnectorError> {
    schema.index_of(name).map_err(|_| {
        let there: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        ConnectorError::Stop(format!(
            "{what} is column `{name}`, which the rows do not have: they have `{}`",
            there.join("`, `")
        ))
    })
}

/// One cell a row, as bytes.
pub(super) enum Cells {
    /// None at all.
    Nothing,
    Text(StringArray),
    LargeText(LargeStringArray),
    TextView(StringViewArray),
    Binary(BinaryArray),
    LargeBinary(LargeBinaryArray),
    BinaryView(BinaryViewArray),
    /// Written out.
    Written(BinaryArray),
    /// By a codec.
    Encoded(Encoded),
}

impl Cells {
    /// The cells of one column.
    pub fn of(column: &ArrayRef) -> Result<Self, ArrowError> {
        let any = column.as_any();
        match column.data_type() {
            DataType::Utf8 => any.downcast_ref().cloned().map(Cells::Text),
            DataType::LargeUtf8 => any.downcast_ref().cloned().map(Cells::LargeText),
            DataType::Utf8View => any.downcast_ref().cloned().map(Cells::TextView),
            DataType::Binary => any.downcast_ref().cloned().map(Cells::Binary),
            DataType::LargeBinary => any.downcast_ref().cloned().map(Cells::LargeBinary),
            DataType::BinaryView => any.downcast_ref().cloned().map(Cells::BinaryView),
            _ => None,
        }
        .map_or_else(|| written(column).map(Cells::Written), Ok)
    }

    /// The key of each row, from the columns at `places`.
    pub fn key(rows: &RecordBatch, places: &[usize]) -> Result<Self, ArrowError> {
        match places {
            [] => Ok(Cells::Nothing),
            [one] => Cells::of(rows.column(*one)),
            several => json_arrays(rows, several).map(Cells::Written),
        }
    }

    /// The bytes of `row`; `None` is null.
    pub fn get(&self, row: usize) -> Option<&[u8]> {
        macro_rules! cell {
            ($array:expr) => {
                $array.is_valid(row).then(|| {
                    let bytes: &[u8] = $array.value(row).as_ref();
                    bytes
                })
            };
        }
        match self {
            Cells::Nothing => None,
            Cells::Encoded(keys) if keys.nulls.binary_search(&(row as u32)).is_ok() => None,
            Cells::Encoded(keys) => Some(keys.row(row)),
            Cells::Text(array) => cell!(array),
            Cells::LargeText(array) => cell!(array),
            Cells::TextView(array) => cell!(array),
            Cells::Binary(array) | Cells::Written(array) => cell!(array),
            Cells::LargeBinary(array) => cell!(array),
            Cells::BinaryView(array) => cell!(array),
        }
    }
}

/// What stands for a number or time that is there and does not fit.
pub(super) const DOES_NOT_FIT: i64 = i64::MIN;

/// Milliseconds since 1970 of a column of times or numbers.
pub(super) fn milliseconds(column: &ArrayRef) -> Result<Int64Array, ArrowError> {
    match column.data_type() {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
            whole(column, &cast(column, &DataType::Timestamp(TimeUnit::Millisecond, None))?)
        }
        _ => integers(column),
    }
}

/// A column of whole numbers.
pub(super) fn integers(column: &ArrayRef) -> Result<Int64Array, ArrowError> {
    whole(column, column)
}

/// `of` as whole numbers, with [`DOES_NOT_FIT`] where that is null and `column` is not.
fn whole(column: &ArrayRef, of: &ArrayRef) -> Result<Int64Array, ArrowError> {
    let cast = cast(of, &DataType::Int64)?;
    let numbers: &Int64Array = cast
        .as_any()
        .downcast_ref()
        .ok_or_else(|| ArrowError::CastError(format!("{} is no whole number", column.data_type())))?;
    if numbers.null_count() == column.null_count() {
        return Ok(numbers.clone());
    }
    let fits = |row: usize| numbers.is_valid(row).then(|| numbers.value(row));
    Ok((0..column.len())
        .map(|row| fits(row).or_else(|| column.is_valid(row).then_some(DOES_NOT_FIT)))
        .collect())
}

fn cast(column: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    cast_with_options(column, to, &CastOptions { safe: true, ..Default::default() })
}

fn written(column: &ArrayRef) -> Result<BinaryArray, ArrowError> {
    let format = ArrayFormatter::try_new(column, &FormatOptions::default())?;
    let mut cells = arrow::array::BinaryBuilder::with_capacity(column.len(), column.len() * 12);
    let mut text = Vec::new();
    for row in 0..column.len() {
        if column.is_null(row) {
            cells.append_null();
            continue;
        }
        text.clear();
        write!(text, "{}", format.value(row).try_to_string()?)?;
        cells.append_value(&text);
    }
    Ok(cells.finish())
}

fn json_arrays(rows: &RecordBatch, places: &[usize]) -> Result<BinaryArray, ArrowError> {
    let mut parts = Vec::with_capacity(places.len());
    for place in places {
        let column = rows.column(*place);
        parts.push((column, ArrayFormatter::try_new(column, &FormatOptions::default())?));
    }
    let mut cells = arrow::array::BinaryBuilder::with_capacity(rows.num_rows(), rows.num_rows() * 32);
    let mut json = Vec::new();
    for row in 0..rows.num_rows() {
        json.clear();
        for (i, (column, format)) in parts.iter().enumerate() {
            json.push(if i == 0 { b'[' } else { b',' });
            if column.is_null(row) {
                json.extend_from_slice(b"null");
                continue;
            }
            let text = format.value(row).try_to_string()?;
            if is_bare(column.data_type(), &text) {
                json.extend_from_slice(text.as_bytes());
            } else {
                serde_json::to_writer(&mut json, &text).map_err(|e| ArrowError::JsonError(e.to_string()))?;
            }
        }
        json.push(b']');
        cells.append_value(&json);
    }
    Ok(cells.finish())
}

/// Whether the text is JSON as it stands: numbers but for NaN and infinity, and booleans.
fn is_bare(kind: &DataType, text: &str) -> bool {
    match kind {
        DataType::Boolean => true,
        kind if kind.is_integer() => true,
        kind if kind.is_floating() => text.bytes().all(|b| b.is_ascii_digit() || b"+-.e".contains(&b)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Float64Array, Int32Array, TimestampSecondArray, UInt64Array};

    use super::*;

    fn rows() -> RecordBatch {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("shop", Arc::new(StringArray::from(vec![Some("a,\"b"), None, Some("")]))),
            ("n", Arc::new(Int32Array::from(vec![Some(7), Some(-1), None]))),
            ("x", Arc::new(Float64Array::from(vec![1.5, f64::NAN, 1e300]))),
            ("ok", Arc::new(BooleanArray::from(vec![true, false, true]))),
            ("at", Arc::new(TimestampSecondArray::from(vec![Some(1), None, Some(0)]))),
            ("raw", Arc::new(BinaryArray::from_opt_vec(vec![Some(&[0, 255]), Some(&[]), None]))),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap()
    }

    fn keys(names: &[&str]) -> Vec<Option<String>> {
        let rows = rows();
        let places: Vec<usize> = names.iter().map(|n| place(&rows.schema(), n, "the key").unwrap()).collect();
        let cells = Cells::key(&rows, &places).unwrap();
        (0..rows.num_rows())
            .map(|row| cells.get(row).map(|b| String::from_utf8_lossy(b).into_owned()))
            .collect()
    }

    #[test]
    fn one_column_is_its_text_and_null_is_no_key() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(keys(&["shop"]), [some("a,\"b"), None, some("")]);
        assert_eq!(keys(&["n"]), [some("7"), some("-1"), None]);
        assert_eq!(keys(&["ok"]), [some("true"), some("false"), some("true")]);
        assert_eq!(keys(&["at"]), [some("1970-01-01T00:00:01"), None, some("1970-01-01T00:00:00")]);
        assert_eq!(keys(&[]), [None, None, None]);
        let cells = Cells::of(rows().column(5)).unwrap();
        assert_eq!((cells.get(0), cells.get(1), cells.get(2)), (Some(&[0u8, 255][..]), Some(&[][..]), None));
    }

    #[test]
    fn several_columns_are_a_json_array() {
        let keys: Vec<String> = keys(&["shop", "n", "x", "ok"]).into_iter().flatten().collect();
        insta::assert_snapshot!(keys.join("\n"), @r#"
        ["a,\"b",7,1.5,true]
        [null,-1,"NaN",false]
        ["",null,1e300,true]
        "#);
        keys.iter().for_each(|key| drop(serde_json::from_str::<serde_json::Value>(key).unwrap()));
    }

    #[test]
    fn a_missing_column_is_named_with_those_there_are() {
        insta::assert_snapshot!(place(&rows().schema(), "store", "the key of sink `out`").unwrap_err(), @"the key of sink `out` is column `store`, which the rows do not have: they have `shop`, `n`, `x`, `ok`, `at`, `raw`");
    }

    #[test]
    fn times_are_milliseconds_and_numbers_are_taken_as_such() {
        let rows = rows();
        let ms = milliseconds(rows.column(4)).unwrap();
        assert_eq!(ms.iter().collect::<Vec<_>>(), [Some(1000), None, Some(0)]);
        let ms = milliseconds(rows.column(1)).unwrap();
        assert_eq!(ms.iter().collect::<Vec<_>>(), [Some(7), Some(-1), None]);
        let far: ArrayRef = Arc::new(TimestampSecondArray::from(vec![Some(i64::MAX), None, Some(2)]));
        let ms = milliseconds(&far).unwrap();
        assert_eq!(ms.iter().collect::<Vec<_>>(), [Some(DOES_NOT_FIT), None, Some(2000)]);
        let large: ArrayRef = Arc::new(UInt64Array::from(vec![Some(u64::MAX), None]));
        assert_eq!(integers(&large).unwrap().iter().collect::<Vec<_>>(), [Some(DOES_NOT_FIT), None]);
    }
}
