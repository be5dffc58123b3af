//! What a field of a message holds, as the codec sees it: the numbers by how they are written, the well-known
//! types that are more than messages, the names of an enum. Knows nothing of columns.

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};

use super::wire::WireType;

/// Most names that a text lists.
const NAMES_LISTED: usize = 20;

/// Numbers and booleans, by how they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    Bool,
    Int32,
    Int64,
    UInt32,
    UInt64,
    SInt32,
    SInt64,
    Fixed32,
    Fixed64,
    SFixed32,
    SFixed64,
    Float,
    Double,
}

impl Number {
    /// Where the kind is one.
    pub(super) fn of(kind: &Kind) -> Option<Number> {
        Some(match kind {
            Kind::Bool => Number::Bool,
            Kind::Int32 => Number::Int32,
            Kind::Int64 => Number::Int64,
            Kind::Uint32 => Number::UInt32,
            Kind::Uint64 => Number::UInt64,
            Kind::Sint32 => Number::SInt32,
            Kind::Sint64 => Number::SInt64,
            Kind::Fixed32 => Number::Fixed32,
            Kind::Fixed64 => Number::Fixed64,
            Kind::Sfixed32 => Number::SFixed32,
            Kind::Sfixed64 => Number::SFixed64,
            Kind::Float => Number::Float,
            Kind::Double => Number::Double,
            Kind::String | Kind::Bytes | Kind::Message(_) | Kind::Enum(_) => return None,
        })
    }

    pub(super) fn wire(self) -> WireType {
        use Number::*;
        match self {
            Bool | Int32 | Int64 | UInt32 | UInt64 | SInt32 | SInt64 => WireType::Varint,
            Fixed32 | SFixed32 | Float => WireType::Fixed32,
            Fixed64 | SFixed64 | Double => WireType::Fixed64,
        }
    }
}

/// A message that has a meaning of its own.
pub(super) enum WellKnown {
    /// `google.protobuf.Timestamp` and `Duration`: seconds and nanoseconds.
    Timestamp,
    Duration,
    /// `google.protobuf.Int64Value` and its like: a scalar that may be absent; the field that holds it.
    Wrapper(FieldDescriptor),
    /// `google.protobuf.Struct`, `Value`, `ListValue`: JSON.
    Json(JsonRoot),
}

/// Which JSON values a message can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JsonRoot {
    /// `Struct`.
    Object,
    /// `ListValue`.
    Array,
    /// `Value`.
    Any,
}

impl WellKnown {
    /// What the message means, if it is one of them.
    pub(super) fn of(message: &MessageDescriptor) -> Option<WellKnown> {
        let name = message.full_name().strip_prefix("google.protobuf.")?;
        Some(match name {
            "Timestamp" => WellKnown::Timestamp,
            "Duration" => WellKnown::Duration,
            "Struct" => WellKnown::Json(JsonRoot::Object),
            "ListValue" => WellKnown::Json(JsonRoot::Array),
            "Value" => WellKnown::Json(JsonRoot::Any),
            "DoubleValue" | "FloatValue" | "Int64Value" | "UInt64Value" | "Int32Value" | "UInt32Value"
            | "BoolValue" | "StringValue" | "BytesValue" => WellKnown::Wrapper(
                message
                    .get_field(1)
                    .filter(|field| field.kind().as_message().is_none() && !field.is_list())?,
            ),
            _ => return None,
        })
    }
}

/// Names and numbers of an enum, as declared.
pub(super) fn enum_values(descriptor: &EnumDescriptor) -> impl Iterator<Item = (i32, &str)> {
    descriptor.enum_descriptor_proto().value.iter().map(|value| (value.number(), value.name()))
}

/// The fields of a message in the order of its declaration.
pub(super) fn declared(message: &MessageDescriptor) -> impl Iterator<Item = FieldDescriptor> {
    let fields = &message.descriptor_proto().field;
    fields.iter().filter_map(|field| message.get_field(u32::try_from(field.number()).ok()?))
}

/// A field as a user knows it, for texts: `int64`, `repeated acme.Item`.
pub(super) fn kind_name(field: &FieldDescriptor) -> String {
    match field.kind() {
        _ if field.is_map() => "a map".to_owned(),
        kind if field.is_list() => format!("repeated {kind:?}"),
        kind => format!("{kind:?}"),
    }
}

/// What a message has, for texts.
pub(super) fn field_names(message: &MessageDescriptor) -> String {
    listed(declared(message).map(|field| field.name().to_owned()))
}

/// The first of what may be many names, for texts.
pub(super) fn listed(mut names: impl Iterator<Item = String>) -> String {
    let first: Vec<String> = names.by_ref().take(NAMES_LISTED).collect();
    match names.next() {
        _ if first.is_empty() => "none".to_owned(),
        None => first.join(", "),
        Some(_) => format!("{} and more", first.join(", ")),
    }
}
