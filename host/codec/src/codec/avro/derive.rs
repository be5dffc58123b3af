//! The Avro schema of columns: what a sink writes that is given none. Knows nothing of bytes.

use arrow::datatypes::{DataType, Field, Fields, SchemaRef, TimeUnit};
use serde_json::{Value, json};

use super::parse::check_name;
use crate::codec::column::MAX_SCHEMA_DEPTH;

/// Digits of the largest unsigned 64-bit number.
const UINT64_DIGITS: u8 = 20;

/// The Avro schema, as JSON, of a record `name` (which may have a namespace) with these columns; or every column
/// that Avro cannot hold, with the reason. The module's documentation has the table of types.
pub fn schema_of(schema: &SchemaRef, name: &str) -> Result<String, String> {
    name.split('.').try_for_each(check_name)?;
    record(schema.fields(), name, 0).map(|json| json.to_string())
}

fn record(fields: &Fields, full: &str, depth: usize) -> Result<Value, String> {
    let (space, name) = full.rsplit_once('.').unwrap_or(("", full));
    let mut members = Vec::with_capacity(fields.len());
    let mut refused = Vec::new();
    for field in fields {
        match member(field, full, depth) {
            Ok(member) => members.push(member),
            Err(why) => refused.push(format!("{}: {why}", field.name())),
        }
    }
    if !refused.is_empty() {
        return Err(refused.join("; "));
    }
    Ok(match space {
        "" => json!({ "type": "record", "name": name, "fields": members }),
        _ => json!({ "type": "record", "name": name, "namespace": space, "fields": members }),
    })
}

fn member(field: &Field, record: &str, depth: usize) -> Result<Value, String> {
    check_name(field.name()).map_err(|why| format!("{why}: rename the column"))?;
    // A name for each place: no two can be the same.
    let of = value(field, &format!("{record}.{}", field.name()), depth + 1)?;
    Ok(match field.is_nullable() {
        true => json!({ "name": field.name(), "type": of, "default": null }),
        false => json!({ "name": field.name(), "type": of }),
    })
}

/// The type of a field, item or value. `name` is for what needs one.
fn value(field: &Field, name: &str, depth: usize) -> Result<Value, String> {
    if depth > MAX_SCHEMA_DEPTH {
        return Err(format!("nested deeper than {MAX_SCHEMA_DEPTH} levels: flatten the column"));
    }
    let of = data_type(field, name, depth)?;
    let nullable = field.is_nullable() && of != "null";
    Ok(if nullable { json!(["null", of]) } else { of })
}

fn data_type(field: &Field, name: &str, depth: usize) -> Result<Value, String> {
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    Ok(match field.data_type() {
        DataType::Null => json!("null"),
        DataType::Boolean => json!("boolean"),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 => {
            json!("int")
        }
        DataType::Int64 | DataType::UInt32 => json!("long"),
        DataType::UInt64 => decimal(UINT64_DIGITS, 0)?,
        DataType::Float16 | DataType::Float32 => json!("float"),
        DataType::Float64 => json!("double"),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => json!("string"),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => json!("bytes"),
        DataType::FixedSizeBinary(width) => fixed(field, *width, name),
        DataType::Date32 | DataType::Date64 => json!({ "type": "int", "logicalType": "date" }),
        DataType::Time32(_) => json!({ "type": "int", "logicalType": "time-millis" }),
        DataType::Time64(Microsecond) => json!({ "type": "long", "logicalType": "time-micros" }),
        // Avro has no name for these: the number is kept.
        DataType::Time64(_) | DataType::Duration(_) => json!("long"),
        DataType::Timestamp(unit, zone) => {
            let unit = match unit {
                Second | Millisecond => "millis",
                Microsecond => "micros",
                Nanosecond => "nanos",
            };
            let local = if zone.is_none() { "local-" } else { "" };
            json!({ "type": "long", "logicalType": format!("{local}timestamp-{unit}") })
        }
        DataType::Decimal32(p, s)
        | DataType::Decimal64(p, s)
        | DataType::Decimal128(p, s)
        | DataType::Decimal256(p, s) => decimal(*p, *s)?,
        DataType::Struct(fields) => record(fields, name, depth)?,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            json!({ "type": "array", "items": value(item, name, depth + 1)? })
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 && is_text(fields[0].data_type()) => {
                json!({ "type": "map", "values": value(&fields[1], name, depth + 1)? })
            }
            _ => return Err("the keys of a map in Avro are strings: make the key a string".to_owned()),
        },
        DataType::Dictionary(_, values) => {
            data_type(&Field::new("", values.as_ref().clone(), false), name, depth + 1)?
        }
        other => return Err(format!("Avro cannot hold {other}: choose another type")),
    })
}

/// Avro's scale is neither negative nor beyond the precision; Arrow's may be.
fn decimal(precision: u8, scale: i8) -> Result<Value, String> {
    let whole = i32::from(precision) - i32::from(scale.min(0));
    let (precision, scale) = (whole.max(i32::from(scale)), scale.max(0));
    if precision > 76 {
        return Err(format!("{precision} digits; a decimal may have 76: choose another type"));
    }
    Ok(json!({ "type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale }))
}

fn fixed(field: &Field, width: i32, full: &str) -> Value {
    let (space, name) = full.rsplit_once('.').unwrap_or(("", full));
    let uuid = field.metadata().get("ARROW:extension:name").is_some_and(|name| name == "arrow.uuid");
    match uuid && width == 16 {
        true => {
            json!({ "type": "fixed", "name": name, "namespace": space, "size": width, "logicalType": "uuid" })
        }
        false => json!({ "type": "fixed", "name": name, "namespace": space, "size": width }),
    }
}

pub(super) fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}
