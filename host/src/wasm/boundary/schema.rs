//! Schemas across the border: what a pipeline has as plain columns, Schema messages written and, with every type
//! and limit checked, read.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, IntervalUnit, Schema, SchemaRef, TimeUnit};
use arrow_ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteOptions, write_message};

use super::{CONTINUATION, PREFIX};
use crate::wasm::limits::{MAX_COLUMNS, MAX_NAME_BYTES, MAX_NESTING, MAX_SCHEMA_BYTES, cut};

/// The schema as a guest is told it: dictionary, run-end and view columns as what they stand for, lists with
/// 32-bit offsets, no metadata. The error names the column that cannot be sent.
pub(in crate::wasm) fn plain_schema(schema: &Schema) -> Result<Schema, String> {
    let fields = schema.fields().iter().map(|field| {
        plain_field(field)
            .map_err(|e| format!("the column `{}` cannot be sent to a component: {e}", field.name()))
    });
    Ok(Schema::new(fields.collect::<Result<Fields, String>>()?))
}

fn plain_field(field: &FieldRef) -> Result<FieldRef, String> {
    Ok(Arc::new(Field::new(field.name(), plain(field.data_type())?, field.is_nullable())))
}

fn plain(data_type: &DataType) -> Result<DataType, String> {
    Ok(match data_type {
        DataType::Dictionary(_, value) => plain(value)?,
        DataType::RunEndEncoded(_, value) => plain(value.data_type())?,
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => DataType::List(plain_field(item)?),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(plain_field(item)?, *size),
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(plain_field).collect::<Result<_, _>>()?)
        }
        DataType::Map(entries, sorted) => DataType::Map(plain_field(entries)?, *sorted),
        DataType::Union(..) => return Err("it is a union".into()),
        other => other.clone(),
    })
}

/// Whether a column of type `has` is what a guest asked for: compared without nullability, metadata, time zones
/// and the names of list items and map entries.
pub(in crate::wasm) fn fits(asked: &DataType, has: &DataType) -> bool {
    use DataType::{FixedSizeList, List, Map, Struct, Timestamp};
    match (asked, has) {
        (Timestamp(a, _), Timestamp(b, _)) => a == b,
        (List(a), List(b)) => fits(a.data_type(), b.data_type()),
        (FixedSizeList(a, n), FixedSizeList(b, m)) => n == m && fits(a.data_type(), b.data_type()),
        (Struct(a), Struct(b)) => {
            let same =
                |(a, b): (&FieldRef, &FieldRef)| a.name() == b.name() && fits(a.data_type(), b.data_type());
            a.len() == b.len() && a.iter().zip(b).all(same)
        }
        (Map(a, _), Map(b, _)) => match (a.data_type(), b.data_type()) {
            (Struct(a), Struct(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| fits(a.data_type(), b.data_type()))
            }
            _ => false,
        },
        _ => asked == has,
    }
}

/// A Schema message. The schema must be a plain one.
pub(in crate::wasm) fn encode_schema(schema: &Schema) -> Result<Vec<u8>, String> {
    let options = IpcWriteOptions::default();
    let mut tracker = DictionaryTracker::new(false);
    let encoded =
        IpcDataGenerator::default().schema_to_bytes_with_dictionary_tracker(schema, &mut tracker, &options);
    let mut message = Vec::new();
    write_message(&mut message, encoded, &options).map_err(|e| e.to_string())?;
    Ok(message)
}

/// Reads a Schema message that a guest wrote.
pub(in crate::wasm) fn decode_schema(message: &[u8]) -> Result<SchemaRef, String> {
    if message.len() > MAX_SCHEMA_BYTES {
        return Err(format!("it has {} bytes; at most {MAX_SCHEMA_BYTES} are allowed", message.len()));
    }
    let metadata = metadata(message)?;
    let root = root(metadata)?;
    let schema = root.header_as_schema().ok_or("it is another kind of message")?;
    if schema.endianness() != arrow_ipc::Endianness::Little {
        return Err("it is big-endian".into());
    }
    let mut reader = Reader { columns: 0 };
    let fields = schema.fields().ok_or("it has no fields")?;
    let fields = fields.iter().map(|field| reader.field(field, 1)).collect::<Result<Fields, _>>()?;
    Ok(Arc::new(Schema::new(fields)))
}

/// The metadata of an encapsulated message.
pub(super) fn metadata(message: &[u8]) -> Result<&[u8], String> {
    let (prefix, rest) =
        message.split_first_chunk::<PREFIX>().ok_or("it is shorter than the prefix of a message")?;
    if prefix[..4] != CONTINUATION {
        return Err("it does not start with the continuation marker ffffffff".into());
    }
    let length = u32::from_le_bytes([prefix[4], prefix[5], prefix[6], prefix[7]]) as usize;
    rest.get(..length).ok_or_else(|| {
        format!("its metadata should have {length} bytes, and only {} bytes follow the prefix", rest.len())
    })
}

/// The root of the metadata, verified. What is wrong goes into the first line of the verifier's text.
pub(super) fn root(metadata: &[u8]) -> Result<arrow_ipc::Message<'_>, String> {
    arrow_ipc::root_as_message(metadata).map_err(|e| {
        let text = e.to_string();
        format!("its metadata is damaged: {}", text.lines().next().unwrap_or_default())
    })
}

/// Reads fields, counting them.
struct Reader {
    columns: usize,
}

impl Reader {
    fn field(&mut self, field: arrow_ipc::Field<'_>, depth: usize) -> Result<FieldRef, String> {
        let name = field.name().unwrap_or_default();
        if name.len() > MAX_NAME_BYTES {
            return Err(format!(
                "a column's name has {} bytes; at most {MAX_NAME_BYTES} are allowed",
                name.len()
            ));
        }
        self.columns += 1;
        if self.columns > MAX_COLUMNS {
            return Err(format!("it has more than {MAX_COLUMNS} columns, nested ones counted"));
        }
        if depth > MAX_NESTING {
            return Err(format!("it is nested deeper than {MAX_NESTING}"));
        }
        let data_type = self
            .data_type(field, depth)
            .map_err(|e| if depth == 1 { format!("the column `{name}`: {e}") } else { e })?;
        Ok(Arc::new(Field::new(name, data_type, field.nullable())))
    }

    fn children(&mut self, field: arrow_ipc::Field<'_>, depth: usize) -> Result<Vec<FieldRef>, String> {
        let children = field.children().into_iter().flatten();
        children.map(|child| self.field(child, depth + 1)).collect()
    }

    fn only_child(&mut self, field: arrow_ipc::Field<'_>, depth: usize) -> Result<FieldRef, String> {
        let [child] = <[FieldRef; 1]>::try_from(self.children(field, depth)?)
            .map_err(|children| format!("it is a list with {} children; it must have one", children.len()))?;
        Ok(child)
    }

    fn data_type(&mut self, field: arrow_ipc::Field<'_>, depth: usize) -> Result<DataType, String> {
        use arrow_ipc::Type;
        if field.dictionary().is_some() {
            return Err("it is a dictionary; send it as what it stands for".into());
        }
        let data_type = match field.type_type() {
            Type::Bool => DataType::Boolean,
            Type::Binary => DataType::Binary,
            Type::LargeBinary => DataType::LargeBinary,
            Type::Utf8 => DataType::Utf8,
            Type::LargeUtf8 => DataType::LargeUtf8,
            Type::List => DataType::List(self.only_child(field, depth)?),
            Type::FixedSizeList => {
                let size = field.type_as_fixed_size_list().map_or(0, |list| list.listSize());
                let item = self.only_child(field, depth)?;
                if size < 1 {
                    return Err(format!("it is a list of {size} items each; send 1 or more"));
                }
                DataType::FixedSizeList(item, size)
            }
            Type::Struct_ => {
                let fields = self.children(field, depth)?;
                if fields.is_empty() {
                    return Err("it is a struct without fields".into());
                }
                DataType::Struct(fields.into())
            }
            Type::Map => self.map(field, depth)?,
            _ => flat_type(field)?,
        };
        Ok(data_type)
    }

    fn map(&mut self, field: arrow_ipc::Field<'_>, depth: usize) -> Result<DataType, String> {
        let entries = self.only_child(field, depth)?;
        let sorted = field.type_as_map().is_some_and(|map| map.keysSorted());
        let good = match entries.data_type() {
            DataType::Struct(fields) => {
                fields.len() == 2 && !fields[0].is_nullable() && !entries.is_nullable()
            }
            _ => false,
        };
        if !good {
            return Err(
                "it is a map whose entries are not structs of a key that is never null and a value".into()
            );
        }
        Ok(DataType::Map(entries, sorted))
    }
}

/// A type without children and with numbers to check.
fn flat_type(field: arrow_ipc::Field<'_>) -> Result<DataType, String> {
    use arrow_ipc::Type;
    let read = match field.type_type() {
        Type::Int => field.type_as_int().and_then(int),
        Type::FloatingPoint => field.type_as_floating_point().and_then(|float| match float.precision() {
            arrow_ipc::Precision::HALF => Some(DataType::Float16),
            arrow_ipc::Precision::SINGLE => Some(DataType::Float32),
            arrow_ipc::Precision::DOUBLE => Some(DataType::Float64),
            _ => None,
        }),
        Type::Decimal => field.type_as_decimal().and_then(decimal),
        Type::FixedSizeBinary => {
            let width = field.type_as_fixed_size_binary().map_or(0, |binary| binary.byteWidth());
            (width > 0).then_some(DataType::FixedSizeBinary(width))
        }
        Type::Date => field.type_as_date().and_then(|date| match date.unit() {
            arrow_ipc::DateUnit::DAY => Some(DataType::Date32),
            arrow_ipc::DateUnit::MILLISECOND => Some(DataType::Date64),
            _ => None,
        }),
        Type::Time => field.type_as_time().and_then(|time| match (time.bitWidth(), unit(time.unit())?) {
            (32, unit @ (TimeUnit::Second | TimeUnit::Millisecond)) => Some(DataType::Time32(unit)),
            (64, unit @ (TimeUnit::Microsecond | TimeUnit::Nanosecond)) => Some(DataType::Time64(unit)),
            _ => None,
        }),
        Type::Timestamp => field.type_as_timestamp().and_then(|at| {
            let zone = at.timezone().map(|zone| cut(zone, MAX_NAME_BYTES)).filter(|zone| !zone.is_empty());
            Some(DataType::Timestamp(unit(at.unit())?, zone.map(Arc::from)))
        }),
        Type::Duration => {
            field.type_as_duration().and_then(|time| Some(DataType::Duration(unit(time.unit())?)))
        }
        Type::Interval => field.type_as_interval().and_then(|interval| match interval.unit() {
            arrow_ipc::IntervalUnit::YEAR_MONTH => Some(DataType::Interval(IntervalUnit::YearMonth)),
            arrow_ipc::IntervalUnit::DAY_TIME => Some(DataType::Interval(IntervalUnit::DayTime)),
            arrow_ipc::IntervalUnit::MONTH_DAY_NANO => Some(DataType::Interval(IntervalUnit::MonthDayNano)),
            _ => None,
        }),
        _ => None,
    };
    read.ok_or_else(|| {
        let name = field.type_type().variant_name().unwrap_or("of a kind unknown here");
        format!("its type ({name}) does not cross the border; send plain columns")
    })
}

fn unit(unit: arrow_ipc::TimeUnit) -> Option<TimeUnit> {
    Some(match unit {
        arrow_ipc::TimeUnit::SECOND => TimeUnit::Second,
        arrow_ipc::TimeUnit::MILLISECOND => TimeUnit::Millisecond,
        arrow_ipc::TimeUnit::MICROSECOND => TimeUnit::Microsecond,
        arrow_ipc::TimeUnit::NANOSECOND => TimeUnit::Nanosecond,
        _ => return None,
    })
}

fn int(int: arrow_ipc::Int<'_>) -> Option<DataType> {
    Some(match (int.bitWidth(), int.is_signed()) {
        (8, true) => DataType::Int8,
        (16, true) => DataType::Int16,
        (32, true) => DataType::Int32,
        (64, true) => DataType::Int64,
        (8, false) => DataType::UInt8,
        (16, false) => DataType::UInt16,
        (32, false) => DataType::UInt32,
        (64, false) => DataType::UInt64,
        _ => return None,
    })
}

/// Arrow's own limits: 1 to so many digits, and a scale of at most as many.
fn decimal(decimal: arrow_ipc::Decimal<'_>) -> Option<DataType> {
    let precision = u8::try_from(decimal.precision()).ok()?;
    let scale = i8::try_from(decimal.scale()).ok()?;
    let (most, data_type) = match decimal.bitWidth() {
        32 => (9, DataType::Decimal32(precision, scale)),
        64 => (18, DataType::Decimal64(precision, scale)),
        128 => (38, DataType::Decimal128(precision, scale)),
        256 => (76, DataType::Decimal256(precision, scale)),
        _ => return None,
    };
    ((1..=most).contains(&precision) && scale.unsigned_abs() <= precision).then_some(data_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(fields: Vec<Field>) -> Result<SchemaRef, String> {
        decode_schema(&encode_schema(&Schema::new(fields)).unwrap())
    }

    #[test]
    fn every_type_that_may_cross_comes_back() {
        let item = |data_type| Arc::new(Field::new("item", data_type, true));
        let entries = DataType::Struct(
            vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Int64, true)].into(),
        );
        let types = vec![
            DataType::Boolean,
            DataType::Int8,
            DataType::UInt16,
            DataType::UInt64,
            DataType::Float16,
            DataType::Float64,
            DataType::Utf8,
            DataType::LargeUtf8,
            DataType::Binary,
            DataType::LargeBinary,
            DataType::FixedSizeBinary(16),
            DataType::Date32,
            DataType::Date64,
            DataType::Time32(TimeUnit::Second),
            DataType::Time64(TimeUnit::Nanosecond),
            DataType::Timestamp(TimeUnit::Microsecond, None),
            DataType::Timestamp(TimeUnit::Millisecond, Some("+02:00".into())),
            DataType::Duration(TimeUnit::Second),
            DataType::Interval(IntervalUnit::MonthDayNano),
            DataType::Decimal128(38, -2),
            DataType::Decimal256(76, 5),
            DataType::Decimal32(9, 2),
            DataType::List(item(DataType::List(item(DataType::Utf8)))),
            DataType::FixedSizeList(item(DataType::Float32), 3),
            DataType::Map(Arc::new(Field::new("entries", entries, false)), false),
        ];
        let fields: Vec<Field> =
            types.into_iter().enumerate().map(|(i, t)| Field::new(format!("c{i}"), t, i % 2 == 0)).collect();
        let schema = Schema::new(fields.clone());
        assert_eq!(*round_trip(fields).unwrap(), schema);
        assert_eq!(plain_schema(&schema).unwrap(), schema);
    }

    #[test]
    fn what_may_not_cross_is_named() {
        let mut deep = DataType::Int8;
        for _ in 0..MAX_NESTING {
            deep = DataType::List(Arc::new(Field::new("item", deep, true)));
        }
        let refusals: Vec<String> = [
            vec![Field::new("view", DataType::Utf8View, true)],
            vec![Field::new("nothing", DataType::Null, true)],
            vec![Field::new_dictionary("coded", DataType::Int8, DataType::Utf8, true)],
            vec![Field::new("deep", deep, true)],
            vec![Field::new("n".repeat(MAX_NAME_BYTES + 1), DataType::Int8, true)],
            (0..=MAX_COLUMNS).map(|i| Field::new(format!("c{i}"), DataType::Int8, true)).collect(),
            vec![Field::new("none", DataType::Struct(Fields::empty()), true)],
            vec![Field::new("zero", DataType::FixedSizeBinary(0), true)],
        ]
        .into_iter()
        .map(|fields| round_trip(fields).unwrap_err())
        .collect();
        insta::assert_snapshot!(refusals.join("\n"), @r"
        the column `view`: its type (Utf8View) does not cross the border; send plain columns
        the column `nothing`: its type (Null) does not cross the border; send plain columns
        the column `coded`: it is a dictionary; send it as what it stands for
        the column `deep`: it is nested deeper than 16
        a column's name has 257 bytes; at most 256 are allowed
        it has more than 1024 columns, nested ones counted
        the column `none`: it is a struct without fields
        the column `zero`: its type (FixedSizeBinary) does not cross the border; send plain columns
        ");
    }

    #[test]
    fn what_is_no_schema_message_is_told() {
        let good = encode_schema(&Schema::new(vec![Field::new("a", DataType::Int8, true)])).unwrap();
        let mut damaged = good.clone();
        damaged[12..40].fill(0xee);
        let refusals: Vec<String> = [&b""[..], b"short", &[0; 64], &good[..20], &damaged]
            .into_iter()
            .map(|message| decode_schema(message).unwrap_err())
            .collect();
        insta::assert_snapshot!(refusals.join("\n"), @r"
        it is shorter than the prefix of a message
        it is shorter than the prefix of a message
        it does not start with the continuation marker ffffffff
        its metadata should have 120 bytes, and only 12 bytes follow the prefix
        its metadata is damaged: Signed offset at position 16 has value -286331154 which points out of bounds.
        ");
    }

    #[test]
    fn columns_are_sent_as_what_they_stand_for() {
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let list = DataType::LargeList(Arc::new(Field::new("item", dictionary, true)));
        let schema =
            Schema::new(vec![Field::new("tags", list, true), Field::new("name", DataType::Utf8View, false)]);
        let plain = plain_schema(&schema).unwrap();
        assert_eq!(
            *plain.field(0).data_type(),
            DataType::List(Arc::new(Field::new("item", DataType::Utf8, true)))
        );
        assert_eq!(*plain.field(1), Field::new("name", DataType::Utf8, false));
    }

    #[test]
    fn types_fit_without_zone_nullability_and_item_names() {
        let list =
            |name: &str, nullable| DataType::List(Arc::new(Field::new(name, DataType::Int64, nullable)));
        assert!(fits(&list("item", true), &list("element", false)));
        let at = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Millisecond, zone.map(Arc::from));
        assert!(fits(&at(None), &at(Some("UTC"))));
        assert!(!fits(&at(None), &DataType::Timestamp(TimeUnit::Second, None)));
        assert!(!fits(&DataType::Int64, &DataType::Int32));
    }
}
