//! Makes the plan by which a message is read, once for the schema of a reader and that of a writer: fields are matched
//! by their numbers, as protobuf does, and what a column cannot take is named. Knows nothing of records.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind as ProtoKind, MessageDescriptor, Value};

use super::json_text::JsonText;
use super::kind::{Number, WellKnown, enum_values, field_names, kind_name};
use super::plan::{Absent, Cost, Kind, Message, Names, Oneof, Shape, Slot, Target, Targets};
use super::time::Time;
use crate::codec::column::{MAX_SCHEMA_DEPTH, is_json, type_name};
use crate::codec::column::{arrays_of, size_of_null};

/// Most members of oneofs in one plan, each as often as columns are made of its message.
const MAX_MEMBERS: usize = 1 << 20;

/// What the parts of a plan have in common.
#[derive(Default)]
struct Common {
    /// The names of each enum, which may be those of many columns.
    names: HashMap<String, Arc<Names>>,
    /// Members of oneofs so far.
    members: usize,
}

impl Common {
    fn names(&mut self, values: &EnumDescriptor) -> Arc<Names> {
        if let Some(names) = self.names.get(values.full_name()) {
            return Arc::clone(names);
        }
        let pairs = enum_values(values).map(|(number, name)| (number, name.into()));
        let names = Arc::new(Names::new(pairs.collect()));
        self.names.insert(values.full_name().to_owned(), Arc::clone(&names));
        names
    }
}

impl Message {
    /// How messages that `writer` describes are read into columns that are fields of `reader`.
    pub(super) fn new(
        reader: &MessageDescriptor,
        writer: &MessageDescriptor,
        columns: &Fields,
    ) -> Result<Message, String> {
        Message::nested(reader, writer, columns, 0, &mut Common::default())
    }

    fn nested(
        reader: &MessageDescriptor,
        writer: &MessageDescriptor,
        columns: &Fields,
        depth: usize,
        common: &mut Common,
    ) -> Result<Message, String> {
        if depth > MAX_SCHEMA_DEPTH {
            return Err(format!("columns are nested deeper than {MAX_SCHEMA_DEPTH} levels"));
        }
        let mut slots = Vec::with_capacity(columns.len());
        let mut read = Vec::new();
        for (index, column) in columns.iter().enumerate() {
            let name = column.name();
            let field = reader.get_field_by_name(name).ok_or_else(|| {
                let (message, known) = (reader.full_name(), field_names(reader));
                format!("{name}: the message {message} has no such field; it has {known}")
            })?;
            let written = writer.get_field(field.number());
            let slot = Slot::new(&field, written.as_ref().unwrap_or(&field), column, depth, common);
            slots.push(slot.map_err(|why| format!("{name}: {why}"))?);
            read.extend(written.map(|written| (written, index as u32)));
        }
        let (oneofs, targets) = targets(writer, &read, common)?;
        let cost = slots.iter().fold(Cost { empty: 1, defaults: 0 }, |all, slot: &Slot| Cost {
            empty: all.empty.saturating_add(slot.cost.empty),
            defaults: all.defaults.saturating_add(slot.cost.defaults),
        });
        Ok(Message { slots, oneofs: vec![Oneof::default(); oneofs], targets: Targets::new(targets), cost })
    }
}

/// Where the fields go of which `read` has the columns, and how many oneofs they are in.
fn targets(
    writer: &MessageDescriptor,
    read: &[(FieldDescriptor, u32)],
    common: &mut Common,
) -> Result<(usize, Vec<Target>), String> {
    let columns: HashMap<u32, u32> = read.iter().map(|(field, column)| (field.number(), *column)).collect();
    let mut targets: Vec<Target> = Vec::new();
    let mut members = HashSet::new();
    let mut oneofs = 0;
    for oneof in writer.oneofs().filter(|oneof| !oneof.is_synthetic()) {
        if !oneof.fields().any(|field| columns.contains_key(&field.number())) {
            continue;
        }
        for number in oneof.fields().map(|field| field.number()) {
            members.insert(number);
            targets.push(Target { number, column: columns.get(&number).copied(), oneof: Some(oneofs) });
        }
        oneofs += 1;
    }
    common.members += members.len();
    if common.members > MAX_MEMBERS {
        return Err(format!(
            "the oneofs of all columns have more than {MAX_MEMBERS} members together: declare fewer columns"
        ));
    }
    for (field, column) in read {
        if !members.contains(&field.number()) {
            targets.push(Target { number: field.number(), column: Some(*column), oneof: None });
        }
    }
    Ok((oneofs as usize, targets))
}

impl Slot {
    /// How a column is filled that is the field `reader` and was written as the field `writer`.
    fn new(
        reader: &FieldDescriptor,
        writer: &FieldDescriptor,
        column: &Field,
        depth: usize,
        common: &mut Common,
    ) -> Result<Slot, String> {
        let mut kind = |column: &Field| Kind::new(reader, writer, column, depth + 1, common);
        // Repeated fields are never absent: none is an empty list.
        let (shape, absent) = match column.data_type() {
            DataType::Map(entries, _) if writer.is_map() => {
                (Shape::Map(entry(reader, writer, entries, depth, common)?), Absent::Empty)
            }
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                (Shape::Many(kind(item).map_err(|why| format!("[]: {why}"))?), Absent::Empty)
            }
            _ if writer.is_list() || writer.is_map() => return Err(unlike(writer, column)),
            _ => (Shape::One(kind(column)?), Absent::of(reader, column, common)?),
        };
        Ok(Slot::of(shape, absent, column))
    }

    fn of(shape: Shape, absent: Absent, column: &Field) -> Slot {
        let inner = match &shape {
            Shape::One(kind) => kind.cost(),
            // Each of their items is counted where it is read.
            Shape::Many(_) | Shape::Map(_) => Cost::default(),
        };
        let (null, default) = (size_of_null(column.data_type()), absent.size());
        let cost = Cost {
            empty: null.max(inner.empty).saturating_add(default),
            defaults: inner.defaults.saturating_add(default),
        };
        Slot { shape, absent, cost, arrays: arrays_of(column.data_type()) }
    }
}

fn entry(
    reader: &FieldDescriptor,
    writer: &FieldDescriptor,
    entries: &FieldRef,
    depth: usize,
    common: &mut Common,
) -> Result<Box<[Slot; 2]>, String> {
    let (DataType::Struct(fields), ProtoKind::Message(read), ProtoKind::Message(written)) =
        (entries.data_type(), reader.kind(), writer.kind())
    else {
        return Err(format!("expected a map, found {}", kind_name(reader)));
    };
    let [key, value] = &fields[..] else {
        return Err("the entries of a map have a key and a value".to_owned());
    };
    // By number, as the field may be no map in the reader's schema.
    let mut part = |number: u32, column: &Field| {
        let found = read.get_field(number).zip(written.get_field(number));
        let (read, written) = found.ok_or_else(|| format!("{} is no map", kind_name(reader)))?;
        let shape = Shape::One(Kind::new(&read, &written, column, depth + 1, common)?);
        Ok(Slot::of(shape, Absent::zero(&read, column, common)?, column))
    };
    Ok(Box::new([
        part(1, key).map_err(|why: String| format!("map key: {why}"))?,
        part(2, value).map_err(|why: String| format!("map value: {why}"))?,
    ]))
}

impl Kind {
    /// How one value of a field becomes one value of a column.
    fn new(
        reader: &FieldDescriptor,
        writer: &FieldDescriptor,
        column: &Field,
        depth: usize,
        common: &mut Common,
    ) -> Result<Kind, String> {
        use DataType::*;
        let data_type = column.data_type();
        let written = writer.kind();
        Ok(match (&written, data_type) {
            (ProtoKind::String, Utf8 | LargeUtf8 | Decimal128(..) | Decimal256(..)) => Kind::Text,
            (ProtoKind::Bytes, Binary | LargeBinary | FixedSizeBinary(_)) => Kind::Bytes,
            (ProtoKind::Enum(values), Utf8 | LargeUtf8) if !is_json(column) => {
                Kind::Enum(common.names(values))
            }
            (ProtoKind::Enum(_), _) if takes(Number::Int32, data_type) => Kind::Number(Number::Int32),
            (ProtoKind::Message(written), _) => {
                Kind::of_message(reader, writer, written, column, depth, common)?
            }
            (other, _) => match Number::of(other) {
                Some(number) if takes(number, data_type) => Kind::Number(number),
                _ => return Err(unlike(writer, column)),
            },
        })
    }

    fn of_message(
        reader: &FieldDescriptor,
        writer: &FieldDescriptor,
        written: &MessageDescriptor,
        column: &Field,
        depth: usize,
        common: &mut Common,
    ) -> Result<Kind, String> {
        if let DataType::Struct(fields) = column.data_type() {
            let ProtoKind::Message(read) = reader.kind() else { return Err(unlike(reader, column)) };
            let message = Box::new(Message::nested(&read, written, fields, depth, common)?);
            let group = writer.is_group();
            return Ok(if group { Kind::Group(message, writer.number()) } else { Kind::Message(message) });
        }
        match (WellKnown::of(written), column.data_type()) {
            (Some(WellKnown::Timestamp), DataType::Timestamp(unit, _)) => {
                Ok(Kind::Time(Time::instant(*unit)))
            }
            (Some(WellKnown::Duration), DataType::Duration(unit)) => Ok(Kind::Time(Time::duration(*unit))),
            (Some(WellKnown::Json(root)), DataType::Utf8 | DataType::LargeUtf8) => {
                Ok(Kind::Json(JsonText::new(root)))
            }
            (Some(WellKnown::Wrapper(field)), _) => {
                let shape = Shape::One(Kind::new(&field, &field, column, depth, common)?);
                let absent = Absent::zero(&field, column, common)?;
                Ok(Kind::Wrapper(Box::new(Slot::of(shape, absent, column)), false))
            }
            _ => Err(unlike(writer, column)),
        }
    }
}

impl Absent {
    fn of(field: &FieldDescriptor, column: &Field, common: &mut Common) -> Result<Absent, String> {
        let declared = field.field_descriptor_proto().default_value.is_some();
        if !field.is_required() && (declared || !field.supports_presence()) {
            return Absent::zero(field, column, common);
        }
        if !field.is_required() && column.is_nullable() {
            return Ok(Absent::Null);
        }
        Ok(Absent::Missing(format!("expected {}, found no such field", type_name(column.data_type()))))
    }

    /// The default value of the field, or of its type.
    fn zero(field: &FieldDescriptor, column: &Field, common: &mut Common) -> Result<Absent, String> {
        if field.kind().as_message().is_some() {
            return Ok(Absent::Empty);
        }
        let kind = Kind::new(field, field, column, 0, common)?;
        Ok(Absent::Default(Box::new((kind, on_the_wire(&field.default_value(), field)))))
    }
}

/// A default value as the wire has it, without its tag.
fn on_the_wire(value: &Value, field: &FieldDescriptor) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut varint = |value: u64| prost::encoding::encode_varint(value, &mut bytes);
    match (value, field.kind()) {
        (Value::Bool(value), _) => varint(u64::from(*value)),
        (Value::EnumNumber(value), _) => varint(*value as i64 as u64),
        (Value::I32(value), ProtoKind::Sint32) => varint(u64::from(((value << 1) ^ (value >> 31)) as u32)),
        (Value::I64(value), ProtoKind::Sint64) => varint(((value << 1) ^ (value >> 63)) as u64),
        (Value::I32(value), ProtoKind::Sfixed32) => bytes.extend(value.to_le_bytes()),
        (Value::I64(value), ProtoKind::Sfixed64) => bytes.extend(value.to_le_bytes()),
        (Value::U32(value), ProtoKind::Fixed32) => bytes.extend(value.to_le_bytes()),
        (Value::U64(value), ProtoKind::Fixed64) => bytes.extend(value.to_le_bytes()),
        (Value::I32(value), _) => varint(*value as i64 as u64),
        (Value::I64(value), _) => varint(*value as u64),
        (Value::U32(value), _) => varint(u64::from(*value)),
        (Value::U64(value), _) => varint(*value),
        (Value::F32(value), _) => bytes.extend(value.to_le_bytes()),
        (Value::F64(value), _) => bytes.extend(value.to_le_bytes()),
        (Value::String(text), _) => {
            varint(text.len() as u64);
            bytes.extend(text.as_bytes());
        }
        (Value::Bytes(value), _) => {
            varint(value.len() as u64);
            bytes.extend(&value[..]);
        }
        // These have no default but to be empty, which needs no bytes.
        (Value::Message(_) | Value::List(_) | Value::Map(_), _) => {}
    }
    bytes
}

/// Whether numbers of this kind can be values of this type, those out of its range aside.
fn takes(number: Number, data_type: &DataType) -> bool {
    use DataType::*;
    match number {
        Number::Bool => matches!(data_type, Boolean),
        Number::Float => matches!(data_type, Float32 | Float64),
        Number::Double => matches!(data_type, Float64),
        _ => matches!(
            data_type,
            Int8 | Int16
                | Int32
                | Int64
                | UInt8
                | UInt16
                | UInt32
                | UInt64
                | Date32
                | Date64
                | Time32(_)
                | Time64(_)
                | Timestamp(..)
                | Duration(_)
        ),
    }
}

fn unlike(field: &FieldDescriptor, column: &Field) -> String {
    let (kind, wanted) = (kind_name(field), type_name(column.data_type()));
    format!("{kind} in {} cannot be read into a column of {wanted}", field.parent_message().full_name())
}
