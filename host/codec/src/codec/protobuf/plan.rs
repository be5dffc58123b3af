//! How a message is read into columns: which field of the wire goes into which column, as what, and what a column
//! holds whose field is not there. Made once for the schema of a reader and that of a writer; fields are matched by
//! their numbers, as protobuf does. Knows nothing of records.

use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use prost_reflect::{FieldDescriptor, Kind as ProtoKind, MessageDescriptor, Value};

use super::json_text::JsonText;
use super::kind::{Number, WellKnown, enum_values, field_names, kind_name};
use super::time::Time;
use super::wire::WireType;
use crate::codec::column::{MAX_SCHEMA_DEPTH, is_json, type_name};

/// A message and the columns of an object (or of the record itself).
pub(super) struct Message {
    /// How each column is filled, in their order.
    pub(super) slots: Vec<Slot>,
    /// The columns of each oneof.
    pub(super) oneofs: Vec<Vec<u32>>,
    targets: Targets,
}

/// How a column is filled.
pub(super) struct Slot {
    pub(super) shape: Shape,
    pub(super) absent: Absent,
}

/// How often a field may be there.
pub(super) enum Shape {
    One(Kind),
    Many(Kind),
    /// A key and its value.
    Map(Box<[Slot; 2]>),
}

/// What one value is.
pub(super) enum Kind {
    Number(Number),
    Enum(Names),
    Text,
    Bytes,
    Message(Box<Message>),
    /// A message written between tags: the field's number.
    Group(Box<Message>, u32),
    Time(Time),
    /// A message of one field that is the value.
    Wrapper(Box<Slot>),
    Json(JsonText),
}

impl Kind {
    pub(super) fn wire(&self) -> WireType {
        match self {
            Kind::Number(number) => number.wire(),
            Kind::Enum(_) => WireType::Varint,
            Kind::Group(..) => WireType::Group,
            _ => WireType::Length,
        }
    }
}

/// What a column holds whose field is not there.
pub(super) enum Absent {
    Null,
    /// It cannot: the record is refused. What was expected.
    Missing(String),
    /// The message without fields, or the empty list.
    Empty,
    /// This value, as the wire has it.
    Default(Box<(Kind, Vec<u8>)>),
}

/// Names of an enum by number.
pub(super) struct Names(Vec<(i32, Box<str>)>);

impl Names {
    fn of(descriptor: &prost_reflect::EnumDescriptor) -> Names {
        let mut names: Vec<(i32, Box<str>)> =
            enum_values(descriptor).map(|(number, name)| (number, name.into())).collect();
        // Stable: of several names for one number the first counts.
        names.sort_by_key(|(number, _)| *number);
        names.dedup_by_key(|(number, _)| *number);
        Names(names)
    }

    /// The name of a number that has one.
    #[inline]
    pub(super) fn get(&self, number: i32) -> Option<&str> {
        // Most enums count from zero.
        let guess = self.0.get(number as usize).filter(|(known, _)| *known == number);
        let found = guess.or_else(|| {
            let place = self.0.binary_search_by_key(&number, |(known, _)| *known);
            place.ok().map(|place| &self.0[place])
        });
        found.map(|(_, name)| &**name)
    }
}

/// Where a field of the wire goes.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) number: u32,
    /// Its column; a member of a oneof without one still takes the place of its siblings.
    pub(super) column: Option<u32>,
    /// Its oneof, among those of the message that have columns.
    pub(super) oneof: Option<u32>,
}

/// Targets by number.
struct Targets {
    /// In the order of their numbers.
    all: Vec<Target>,
    /// For low numbers: the place among all, or [`NOWHERE`].
    low: Vec<u16>,
}

const NOWHERE: u16 = u16::MAX;
const LOW: u32 = 1024;

impl Targets {
    fn new(mut all: Vec<Target>) -> Targets {
        all.sort_by_key(|target| target.number);
        let last = all.iter().map(|target| target.number).filter(|number| *number < LOW).max();
        let mut low = vec![NOWHERE; last.map_or(0, |last| last as usize + 1)];
        for (place, target) in all.iter().enumerate().filter(|(_, target)| target.number < LOW) {
            low[target.number as usize] = place as u16;
        }
        Targets { all, low }
    }
}

impl Message {
    /// Where a field goes; none where nobody takes it.
    #[inline]
    pub(super) fn target(&self, number: u32) -> Option<Target> {
        let targets = &self.targets;
        match targets.low.get(number as usize) {
            Some(&place) => targets.all.get(usize::from(place)).copied(),
            None => {
                let place = targets.all.binary_search_by_key(&number, |target| target.number);
                place.ok().map(|place| targets.all[place])
            }
        }
    }

    /// How messages that `writer` describes are read into columns that are fields of `reader`.
    pub(super) fn new(
        reader: &MessageDescriptor,
        writer: &MessageDescriptor,
        columns: &Fields,
        depth: usize,
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
            let slot = Slot::new(&field, written.as_ref().unwrap_or(&field), column, depth);
            slots.push(slot.map_err(|why| format!("{name}: {why}"))?);
            read.extend(written.map(|written| (written, index as u32)));
        }
        let (oneofs, targets) = targets(writer, &read);
        Ok(Message { slots, oneofs, targets: Targets::new(targets) })
    }
}

/// Where the fields go of which `read` has the columns, and the columns of each oneof.
fn targets(writer: &MessageDescriptor, read: &[(FieldDescriptor, u32)]) -> (Vec<Vec<u32>>, Vec<Target>) {
    let column_of =
        |number| read.iter().find(|(field, _)| field.number() == number).map(|(_, column)| *column);
    let mut targets: Vec<Target> = Vec::new();
    let mut oneofs = Vec::new();
    for oneof in writer.oneofs().filter(|oneof| !oneof.is_synthetic()) {
        let columns: Vec<u32> = oneof.fields().filter_map(|field| column_of(field.number())).collect();
        if columns.is_empty() {
            continue;
        }
        let index = oneofs.len() as u32;
        targets.extend(oneof.fields().map(|field| Target {
            number: field.number(),
            column: column_of(field.number()),
            oneof: Some(index),
        }));
        oneofs.push(columns);
    }
    for (field, column) in read {
        let number = field.number();
        if !targets.iter().any(|target| target.number == number) {
            targets.push(Target { number, column: Some(*column), oneof: None });
        }
    }
    (oneofs, targets)
}

impl Slot {
    /// How a column is filled that is the field `reader` and was written as the field `writer`.
    fn new(
        reader: &FieldDescriptor,
        writer: &FieldDescriptor,
        column: &Field,
        depth: usize,
    ) -> Result<Slot, String> {
        let kind = |column: &Field| Kind::new(reader, writer, column, depth + 1);
        // Repeated fields are never absent: none is an empty list.
        let (shape, absent) = match column.data_type() {
            DataType::Map(entries, _) if writer.is_map() => {
                (Shape::Map(entry(reader, writer, entries, depth)?), Absent::Empty)
            }
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                (Shape::Many(kind(item).map_err(|why| format!("[]: {why}"))?), Absent::Empty)
            }
            _ if writer.is_list() || writer.is_map() => return Err(unlike(writer, column)),
            _ => (Shape::One(kind(column)?), Absent::of(reader, column)?),
        };
        Ok(Slot { shape, absent })
    }
}

fn entry(
    reader: &FieldDescriptor,
    writer: &FieldDescriptor,
    entries: &FieldRef,
    depth: usize,
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
    let part = |number: u32, column: &Field| {
        let found = read.get_field(number).zip(written.get_field(number));
        let (read, written) = found.ok_or_else(|| format!("{} is no map", kind_name(reader)))?;
        let shape = Shape::One(Kind::new(&read, &written, column, depth + 1)?);
        Ok(Slot { shape, absent: Absent::zero(&read, column)? })
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
    ) -> Result<Kind, String> {
        use DataType::*;
        let data_type = column.data_type();
        let written = writer.kind();
        Ok(match (&written, data_type) {
            (ProtoKind::String, Utf8 | LargeUtf8 | Decimal128(..) | Decimal256(..)) => Kind::Text,
            (ProtoKind::Bytes, Binary | LargeBinary | FixedSizeBinary(_)) => Kind::Bytes,
            (ProtoKind::Enum(values), Utf8 | LargeUtf8) if !is_json(column) => Kind::Enum(Names::of(values)),
            (ProtoKind::Enum(_), _) if takes(Number::Int32, data_type) => Kind::Number(Number::Int32),
            (ProtoKind::Message(written), _) => Kind::of_message(reader, writer, written, column, depth)?,
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
    ) -> Result<Kind, String> {
        if let DataType::Struct(fields) = column.data_type() {
            let ProtoKind::Message(read) = reader.kind() else { return Err(unlike(reader, column)) };
            let message = Box::new(Message::new(&read, written, fields, depth)?);
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
                let shape = Shape::One(Kind::new(&field, &field, column, depth)?);
                Ok(Kind::Wrapper(Box::new(Slot { shape, absent: Absent::zero(&field, column)? })))
            }
            _ => Err(unlike(writer, column)),
        }
    }
}

impl Absent {
    fn of(field: &FieldDescriptor, column: &Field) -> Result<Absent, String> {
        let declared = field.field_descriptor_proto().default_value.is_some();
        if !field.is_required() && (declared || !field.supports_presence()) {
            return Absent::zero(field, column);
        }
        if !field.is_required() && column.is_nullable() {
            return Ok(Absent::Null);
        }
        Ok(Absent::Missing(format!("expected {}, found no such field", type_name(column.data_type()))))
    }

    /// The default value of the field, or of its type.
    fn zero(field: &FieldDescriptor, column: &Field) -> Result<Absent, String> {
        if field.kind().as_message().is_some() {
            return Ok(Absent::Empty);
        }
        let kind = Kind::new(field, field, column, 0)?;
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
