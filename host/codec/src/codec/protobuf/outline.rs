//! How columns are written as a message: which field each of them is, and how its values are put on the wire. Made
//! once for a schema and the columns of a sink; every column that does not fit is named. Knows nothing of batches.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use prost_reflect::{FieldDescriptor, Kind as ProtoKind, MessageDescriptor};

use super::kind::{JsonRoot, Number, WellKnown, declared, enum_values, field_names, kind_name};
use super::put::Tag;
use super::wire::WireType;
use crate::codec::column::{MAX_SCHEMA_DEPTH, type_name};

/// A message and the columns that it is made of.
pub(super) struct Message {
    /// In the order of the fields' numbers.
    pub(super) members: Vec<Member>,
    /// Of each oneof with several columns: its name and their members.
    pub(super) oneofs: Vec<(String, Vec<usize>)>,
}

/// A field that has a column.
pub(super) struct Member {
    pub(super) name: String,
    /// Which column it is.
    pub(super) column: usize,
    pub(super) presence: Presence,
    pub(super) shape: Shape,
}

/// What a value that is the default, or null, means for a field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// Neither is written, and both read as the default.
    Implicit,
    /// The default is written, null is not.
    Explicit,
    /// The default is written, null is refused.
    Required,
}

/// How often a field may be there.
pub(super) enum Shape {
    One(Single),
    Many(Single),
    /// Many numbers behind one tag.
    Packed(Tag, Kind),
    /// The tag of an entry, its key and its value.
    Map(Tag, Box<[Single; 2]>),
}

/// A value behind its tag.
pub(super) struct Single {
    pub(super) tag: Tag,
    pub(super) kind: Kind,
}

/// What a value is.
pub(super) enum Kind {
    Number(Number),
    Enum(HashMap<Box<str>, i32>),
    Text,
    Bytes,
    Message(Message),
    /// A message between two tags: the second one.
    Group(Message, Tag),
    /// A `Timestamp` (true) or `Duration`, from a number of units.
    Time(bool, TimeUnit),
    /// A message of one field that is the value.
    Wrapper(Box<Single>),
    Json(JsonRoot),
}

impl Message {
    /// How these columns, which are fields of `message` by name, are written; or which of them cannot be.
    pub(super) fn new(
        message: &MessageDescriptor,
        columns: &[&Field],
        depth: usize,
    ) -> Result<Message, String> {
        if depth > MAX_SCHEMA_DEPTH {
            return Err(format!("nested deeper than {MAX_SCHEMA_DEPTH} levels: flatten the column"));
        }
        let mut fields = Vec::with_capacity(columns.len());
        for (index, column) in columns.iter().enumerate() {
            let name = column.name();
            let field = message.get_field_by_name(name).ok_or_else(|| {
                let (message, known) = (message.full_name(), field_names(message));
                format!("{name}: the message {message} has no such field; it has {known}")
            })?;
            fields.push((field, index));
        }
        for field in declared(message).filter(FieldDescriptor::is_required) {
            if !fields.iter().any(|(known, _)| known.number() == field.number()) {
                let (name, message) = (field.name(), message.full_name());
                return Err(format!("{name}: required in {message}, and there is no such column"));
            }
        }
        fields.sort_by_key(|(field, _)| field.number());
        let mut members = Vec::with_capacity(fields.len());
        for (field, index) in &fields {
            let member = Member::new(field, *index, columns[*index], depth);
            members.push(member.map_err(|why| format!("{}: {why}", field.name()))?);
        }
        let mut oneofs = Vec::new();
        for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
            let among =
                |field: &FieldDescriptor| oneof.fields().any(|other| other.number() == field.number());
            let places: Vec<usize> = (0..fields.len()).filter(|&place| among(&fields[place].0)).collect();
            if places.len() > 1 {
                oneofs.push((oneof.name().to_owned(), places));
            }
        }
        Ok(Message { members, oneofs })
    }
}

impl Member {
    fn new(field: &FieldDescriptor, index: usize, column: &Field, depth: usize) -> Result<Member, String> {
        let presence = match field {
            field if field.is_required() => Presence::Required,
            field if field.supports_presence() => Presence::Explicit,
            _ => Presence::Implicit,
        };
        let shape = match column.data_type() {
            DataType::Map(entries, _) if field.is_map() => map(field, entries, depth)?,
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _)
                if field.is_list() =>
            {
                let single = Single::new(field, item, depth).map_err(|why| format!("[]: {why}"))?;
                if field.is_packed() {
                    Shape::Packed(Tag::new(field.number(), WireType::Length), single.kind)
                } else {
                    Shape::Many(single)
                }
            }
            _ if field.is_list() || field.is_map() => return Err(unlike(field, column)),
            _ => Shape::One(Single::new(field, column, depth)?),
        };
        Ok(Member { name: field.name().to_owned(), column: index, presence, shape })
    }
}

fn map(field: &FieldDescriptor, entries: &FieldRef, depth: usize) -> Result<Shape, String> {
    let (DataType::Struct(columns), ProtoKind::Message(entry)) = (entries.data_type(), field.kind()) else {
        return Err(unlike(field, entries));
    };
    let [key, value] = &columns[..] else {
        return Err("the entries of a map have a key and a value".to_owned());
    };
    let part = |what: &str, field: &FieldDescriptor, column: &Field| {
        Single::new(field, column, depth).map_err(|why| format!("map {what}: {why}"))
    };
    let key = part("key", &entry.map_entry_key_field(), key)?;
    let value = part("value", &entry.map_entry_value_field(), value)?;
    Ok(Shape::Map(Tag::new(field.number(), WireType::Length), Box::new([key, value])))
}

impl Single {
    fn new(field: &FieldDescriptor, column: &Field, depth: usize) -> Result<Single, String> {
        let kind = Kind::new(field, column, depth)?;
        let wire = match &kind {
            Kind::Number(number) => number.wire(),
            Kind::Enum(_) => WireType::Varint,
            Kind::Group(..) => WireType::Group,
            _ => WireType::Length,
        };
        Ok(Single { tag: Tag::new(field.number(), wire), kind })
    }
}

impl Kind {
    fn new(field: &FieldDescriptor, column: &Field, depth: usize) -> Result<Kind, String> {
        use DataType::*;
        let data_type = column.data_type();
        if let Dictionary(_, values) = data_type {
            return Kind::new(field, &column.clone().with_data_type(DataType::clone(values)), depth);
        }
        let text = matches!(data_type, Utf8 | LargeUtf8 | Utf8View);
        Ok(match (field.kind(), data_type) {
            (ProtoKind::String, _) if text => Kind::Text,
            (ProtoKind::String, Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..)) => {
                Kind::Text
            }
            (ProtoKind::Bytes, Binary | LargeBinary | BinaryView | FixedSizeBinary(_)) => Kind::Bytes,
            (ProtoKind::Enum(values), _) if text => {
                Kind::Enum(enum_values(&values).map(|(number, name)| (name.into(), number)).collect())
            }
            (ProtoKind::Enum(_), _) if makes(data_type, Number::Int32) => Kind::Number(Number::Int32),
            (ProtoKind::Message(message), Struct(fields)) => {
                let columns: Vec<&Field> = fields.iter().map(|field| &**field).collect();
                let message = Message::new(&message, &columns, depth + 1)?;
                match field.is_group() {
                    true => Kind::Group(message, Tag::new(field.number(), WireType::GroupEnd)),
                    false => Kind::Message(message),
                }
            }
            (ProtoKind::Message(message), _) => match (WellKnown::of(&message), data_type) {
                (Some(WellKnown::Timestamp), Timestamp(unit, _)) => Kind::Time(true, *unit),
                (Some(WellKnown::Duration), Duration(unit)) => Kind::Time(false, *unit),
                (Some(WellKnown::Json(root)), _) if text => Kind::Json(root),
                (Some(WellKnown::Wrapper(value)), _) => {
                    Kind::Wrapper(Box::new(Single::new(&value, column, depth)?))
                }
                _ => return Err(unlike(field, column)),
            },
            (other, _) => match Number::of(&other) {
                Some(number) if makes(data_type, number) => Kind::Number(number),
                _ => return Err(unlike(field, column)),
            },
        })
    }
}

/// Whether values of this type can be numbers of this kind, those out of its range aside.
fn makes(data_type: &DataType, number: Number) -> bool {
    use DataType::*;
    match number {
        Number::Bool => matches!(data_type, Boolean),
        Number::Float => matches!(data_type, Float16 | Float32),
        Number::Double => matches!(data_type, Float16 | Float32 | Float64),
        _ => {
            data_type.is_integer()
                || matches!(data_type, Date32 | Date64 | Time32(_) | Time64(_) | Timestamp(..) | Duration(_))
        }
    }
}

fn unlike(field: &FieldDescriptor, column: &Field) -> String {
    let (kind, found) = (kind_name(field), type_name(column.data_type()));
    format!("a column of {found} cannot be written as {kind} in {}", field.parent_message().full_name())
}
