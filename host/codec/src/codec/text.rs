//! A record's value as it is, in one column: text, or bytes. A record without a value (a tombstone) is a null, and
//! a null is written as one. Knows nothing of formats.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Schema, SchemaRef};

use super::chosen::Chosen;
use super::column::{Column, Struct, type_name};
use super::problem::{Outcome, Problem, code};
use super::rows::{MAX_RECORD_BYTES, ReadRecord, too_long};
use super::{Codec, Encoded, json};

/// Reads values as they are into the one column of a schema.
pub struct TextReader {
    scratch: Vec<u8>,
}

impl TextReader {
    /// A reader of the codec `string` or `bytes`, whose column must be the only one, and of its type.
    pub(crate) fn new(codec: Codec, schema: &Schema) -> Result<TextReader, String> {
        let [field] = &schema.fields()[..] else {
            let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            return Err(format!(
                "the codec {} gives one column; the schema has {}: {}",
                codec.name(),
                names.len(),
                names.join(", ")
            ));
        };
        check_type(codec, field.data_type()).map_err(|why| format!("{}: {why}", field.name()))?;
        Ok(TextReader { scratch: Vec::new() })
    }
}

impl ReadRecord for TextReader {
    /// Nothing is made of a value but a copy, so that one which is too large for another codec can be kept as it is.
    const VALUE_MAX: usize = 1 << 30;

    #[inline]
    fn read(&mut self, value: &[u8], columns: &mut Struct) -> Outcome<()> {
        let field = &mut columns.fields[0];
        match &mut field.column {
            Column::Utf8(c) => c.push_text(value),
            Column::LargeUtf8(c) => c.push_text(value),
            Column::Json(_) if value.len() > MAX_RECORD_BYTES => Err(too_long(value.len(), MAX_RECORD_BYTES)),
            Column::Json(c) => json::check(value, &mut self.scratch).and_then(|()| c.push(value)),
            Column::Binary(c) => c.push(value),
            Column::LargeBinary(c) => c.push(value),
            Column::FixedBinary(c) if c.width() == value.len() => {
                c.push(value);
                Ok(())
            }
            _ => Err(mismatch(&field.data_type, value.len())),
        }
        .map_err(|problem| problem.in_field(columns.field_name(0)))?;
        columns.end_value();
        Ok(())
    }
}

#[cold]
fn mismatch(data_type: &DataType, len: usize) -> Box<Problem> {
    Problem::new(code::TYPE_MISMATCH, format!("expected {}, found {len} bytes", type_name(data_type)))
}

fn check_type(codec: Codec, data_type: &DataType) -> Result<(), String> {
    let (fits, wanted) = match codec {
        Codec::String => {
            let text = matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
            (text, "string")
        }
        _ => {
            use DataType::{Binary, BinaryView, FixedSizeBinary, LargeBinary};
            (matches!(data_type, Binary | LargeBinary | BinaryView | FixedSizeBinary(_)), "bytes")
        }
    };
    match fits {
        true => Ok(()),
        false => Err(format!(
            "the codec {} takes a column of type {wanted}, not {}",
            codec.name(),
            type_name(data_type)
        )),
    }
}

/// Writes one column as it is.
pub struct TextEncoder {
    chosen: Chosen,
}

impl TextEncoder {
    /// An encoder of the codec `string` or `bytes` for the only column of `schema`, or the only one of `columns`.
    pub(crate) fn new(
        codec: Codec,
        columns: Option<&[String]>,
        schema: &SchemaRef,
    ) -> Result<TextEncoder, String> {
        let chosen = Chosen::new(columns, schema)?;
        let names: Vec<&str> = chosen.fields().map(|field| field.name().as_str()).collect();
        if names.len() != 1 {
            return Err(format!(
                "the codec {} writes one column, not {}: choose one ({})",
                codec.name(),
                names.len(),
                names.join(", ")
            ));
        }
        for field in chosen.fields() {
            check_type(codec, field.data_type()).map_err(|why| format!("{}: {why}", field.name()))?;
        }
        Ok(TextEncoder { chosen })
    }

    /// Encodes all rows of a batch of the schema given, in place of what `out` held. A null is a value that is not
    /// there.
    pub fn encode(&mut self, rows: &RecordBatch, out: &mut Encoded) {
        out.clear();
        let array = match self.chosen.of(rows) {
            Ok(arrays) => arrays[0],
            Err(why) => return out.refuse_all(rows.num_rows(), code::TYPE_MISMATCH, &why),
        };
        match array.data_type() {
            DataType::Utf8 => write(array.as_string::<i32>(), out),
            DataType::LargeUtf8 => write(array.as_string::<i64>(), out),
            DataType::Utf8View => write(array.as_string_view(), out),
            DataType::Binary => write(array.as_binary::<i32>(), out),
            DataType::LargeBinary => write(array.as_binary::<i64>(), out),
            DataType::BinaryView => write(array.as_binary_view(), out),
            DataType::FixedSizeBinary(_) => write(array.as_fixed_size_binary(), out),
            other => unreachable!("no encoder is made for {other}"),
        }
    }
}

fn write<T: AsRef<[u8]>>(values: impl IntoIterator<Item = Option<T>>, out: &mut Encoded) {
    for (row, value) in values.into_iter().enumerate() {
        let begin = out.begin_row();
        match value {
            Some(value) => out.bytes.extend_from_slice(value.as_ref()),
            None => out.nulls.push(row as u32),
        }
        out.end_row(row, begin, Ok(()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BinaryArray, Int64Array, StringArray};
    use arrow::datatypes::Field;
    use proptest::prelude::*;

    use super::*;
    use crate::batch::RawRecords;
    use crate::codec::trip::{self, Types};
    use crate::codec::{Decode, Decoded, Decoder, Encode, Encoder, Meta};

    fn one(data_type: DataType, nullable: bool) -> SchemaRef {
        Arc::new(Schema::new(vec![Field::new("line", data_type, nullable)]))
    }

    fn decode(codec: Codec, schema: SchemaRef, values: &[Option<&[u8]>]) -> Decoded {
        let mut raw = RawRecords::with_capacity("t".into(), 0, values.len(), 0);
        values.iter().for_each(|value| raw.push(0, None, None, *value));
        Decoder::new(&Decode::plain(codec, schema), &Default::default()).unwrap().decode(&raw).unwrap()
    }

    fn errors(decoded: &Decoded) -> String {
        let text = |e: &crate::codec::RecordError| format!("{} {}: {}", e.index, e.code, e.message);
        decoded.errors.iter().map(text).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn text_is_a_column_and_a_tombstone_a_null() {
        let values = [Some(&b"a"[..]), None, Some(b"ab\xc3\x28"), Some(b""), Some("é\n".as_bytes())];
        let decoded = decode(Codec::String, one(DataType::Utf8, true), &values);
        insta::assert_snapshot!(errors(&decoded), @"2 not-utf8: line: the text is not UTF-8 from its byte 2 on");
        let expected = StringArray::from(vec![Some("a"), None, Some(""), Some("é\n")]);
        assert_eq!(decoded.rows.column(0).as_string(), &expected);
        assert_eq!(decoded.records, Some(vec![0, 1, 3, 4]));

        let encoded = trip::encode(&Encode::plain(Codec::String), &decoded.rows);
        assert_eq!((encoded.bytes.as_slice(), encoded.nulls.as_slice()), ("aé\n".as_bytes(), &[1][..]));
        assert_eq!(encoded.ends, [1, 1, 1, 4]);

        let refused = decode(Codec::String, one(DataType::LargeUtf8, false), &values);
        insta::assert_snapshot!(errors(&refused), @r"
        1 tombstone: the record has no value (a tombstone) and not every column may be null: set `tombstone: row` in `decode`
        2 not-utf8: line: the text is not UTF-8 from its byte 2 on
        ");
    }

    #[test]
    fn a_key_without_a_codec_is_text_where_it_is_included() {
        let mut raw = RawRecords::with_capacity("t".into(), 0, 3, 0);
        for key in [Some(&b"k"[..]), None, Some(b"\xff")] {
            raw.push(0, None, key, Some(b"v"));
        }
        let include = vec![Meta::Headers, Meta::Key, Meta::Topic];
        let settings = Decode { include, ..Decode::plain(Codec::String, one(DataType::Utf8, true)) };
        let decoded = Decoder::new(&settings, &Default::default()).unwrap().decode(&raw).unwrap();
        insta::assert_snapshot!(errors(&decoded), @"2 not-utf8: key: value: the text is not UTF-8 from its byte 0 on");
        let keys = decoded.rows.column_by_name("$key").unwrap();
        assert_eq!(keys.as_string(), &StringArray::from(vec![Some("k"), None]));
    }

    #[test]
    fn bytes_are_a_column_of_any_bytes() {
        let values = [Some(&b"\xff\0"[..]), None, Some(b""), Some(b"abc")];
        let decoded = decode(Codec::Bytes, one(DataType::Binary, true), &values);
        assert_eq!((decoded.errors.len(), &decoded.records), (0, &None));
        assert_eq!(decoded.rows.column(0).as_binary(), &BinaryArray::from(values.to_vec()));
        let encoded = trip::encode(&Encode::plain(Codec::Bytes), &decoded.rows);
        assert_eq!(
            (encoded.row(0), encoded.row(3), &encoded.nulls[..]),
            (&b"\xff\0"[..], &b"abc"[..], &[1][..])
        );
        let fixed = decode(Codec::Bytes, one(DataType::FixedSizeBinary(2), true), &values);
        insta::assert_snapshot!(errors(&fixed), @r"
        2 type-mismatch: line: expected 2 bytes, found 0 bytes
        3 type-mismatch: line: expected 2 bytes, found 3 bytes
        ");
    }

    #[test]
    fn a_column_of_json_holds_json() {
        let json = [("ARROW:extension:name".to_owned(), "arrow.json".to_owned())].into();
        let field = Field::new("line", DataType::Utf8, true).with_metadata(json);
        let schema = Arc::new(Schema::new(vec![field]));
        let decoded = decode(Codec::String, schema, &[Some(b"[1]"), Some(b"[1")]);
        insta::assert_snapshot!(errors(&decoded), @"1 json-syntax: line: at byte 2: expected ',' or ']', found the end of the record");
    }

    #[test]
    fn what_is_no_single_column_of_the_type_is_refused() {
        let two = Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int64, true),
            Field::new("line", DataType::Utf8, true),
        ]));
        let refused = |codec, schema: &SchemaRef| {
            let decoder = Decoder::new(&Decode::plain(codec, Arc::clone(schema)), &Default::default());
            let encoder = Encoder::new(&Encode::plain(codec), schema);
            format!("{}\n{}", decoder.err().unwrap(), encoder.err().unwrap())
        };
        insta::assert_snapshot!(
            [refused(Codec::String, &two), refused(Codec::Bytes, &one(DataType::Utf8, true))].join("\n"),
            @r"
        the codec string gives one column; the schema has 2: id, line
        the codec string writes one column, not 2: choose one (id, line)
        line: the codec bytes takes a column of type bytes, not string
        line: the codec bytes takes a column of type bytes, not string
        "
        );
        let line = Encode { columns: Some(vec!["line".into()]), ..Encode::plain(Codec::String) };
        let columns: Vec<ArrayRef> =
            vec![Arc::new(Int64Array::from(vec![1])), Arc::new(StringArray::from(vec!["x"]))];
        let encoded = trip::encode(&line, &RecordBatch::try_new(two, columns).unwrap());
        assert_eq!(encoded.row(0), b"x");
    }

    /// Batches of one column of one of these types.
    fn batch(leaves: Vec<DataType>) -> impl Strategy<Value = RecordBatch> {
        let types =
            Types { leaves, nestings: Vec::new(), names: &["x", "", "", "", "", "", "", ""], ..Types::all() };
        types.batch(1).prop_map(|batch| batch.project(&[0]).unwrap())
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_the_same(
            text in batch(vec![DataType::Utf8, DataType::LargeUtf8]),
            bytes in batch(vec![DataType::Binary, DataType::LargeBinary, DataType::FixedSizeBinary(3)]),
            changes in trip::changes(),
        ) {
            for (codec, batch) in [(Codec::String, text), (Codec::Bytes, bytes)] {
                let (decode, encode) = (Decode::plain(codec, batch.schema()), Encode::plain(codec));
                trip::comes_back(&decode, &encode, &batch);
                trip::spares_neighbours(&decode, &encode, &batch, &changes);
            }
        }
    }
}
