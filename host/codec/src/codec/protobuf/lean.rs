//! What the compiler is given of a file: checked where it would not check, bounded where its work grows faster than the
//! file, and without all that nobody asks for: services, extensions, and options but `packed`, `allow_alias` and
//! `map_entry`. Knows nothing of texts and imports.

use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumOptions, FieldDescriptorProto, FieldOptions,
    FileDescriptorProto, MessageOptions, UninterpretedOption,
};

use super::text::MAX_NAME;

/// Most bytes of all full names: each has those of what is around it, again.
const MAX_NAMES: usize = 16 << 20;

/// Most comparisons of numbers and names with those that are reserved.
const MAX_RESERVED: usize = 10_000_000;

/// Most values of an enum: the compiler sorts them one by one.
const MAX_VALUES: usize = 20_000;

/// What the files of a schema may still have.
pub(super) struct Budget {
    names: usize,
    reserved: usize,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { names: MAX_NAMES, reserved: MAX_RESERVED }
    }
}

impl Budget {
    /// Leaves of a file what is needed, if that can be compiled. `places`: with the places in its text, for errors; each
    /// error goes through all of them.
    pub(super) fn lean(&mut self, file: &mut FileDescriptorProto, places: bool) -> Result<(), String> {
        if !matches!(file.syntax(), "proto2" | "proto3") && file.syntax.is_some() {
            let found = short(file.syntax());
            return Err(format!("syntax {found:?} is not read: write the file in proto2 or proto3"));
        }
        file.options = None;
        file.service.clear();
        file.extension.clear();
        file.weak_dependency.clear();
        file.source_code_info = file.source_code_info.take().filter(|_| places);
        let package = file.package().to_owned();
        name(&package)?;
        // With each part of a package the compiler keeps all before it.
        self.spend(package.len() * (1 + package.matches('.').count()))?;
        file.message_type.iter_mut().try_for_each(|message| self.message(message, &package))?;
        file.enum_type.iter_mut().try_for_each(|values| self.values(values, &package))
    }

    fn spend(&mut self, names: usize) -> Result<(), String> {
        self.names = self.names.checked_sub(names).ok_or_else(|| {
            format!("the full names of all messages, fields and values have more than {MAX_NAMES} bytes: shorten them")
        })?;
        Ok(())
    }

    fn full_name(&mut self, outer: &str, own: &str) -> Result<String, String> {
        name(own)?;
        let full = if outer.is_empty() { own.to_owned() } else { format!("{outer}.{own}") };
        self.spend(full.len())?;
        Ok(full)
    }

    fn message(&mut self, message: &mut DescriptorProto, outer: &str) -> Result<(), String> {
        let full = self.full_name(outer, message.name())?;
        if full.starts_with("google.protobuf.") && full.ends_with("Options") {
            return Err(format!(
                "{full}: only google/protobuf/descriptor.proto declares it: rename the message"
            ));
        }
        let entry = map_entry(message).map_err(|why| format!("{full}: {why}"))?;
        message.options = entry.then(|| MessageOptions { map_entry: Some(true), ..Default::default() });
        message.extension.clear();
        message.extension_range.clear();
        for field in &mut message.field {
            self.full_name(&full, field.name())?;
            lean_field(field).map_err(|why| format!("{full}.{}: {why}", field.name()))?;
        }
        for oneof in &mut message.oneof_decl {
            self.full_name(&full, oneof.name())?;
            oneof.options = None;
        }
        let ranges = std::mem::take(&mut message.reserved_range);
        let names = std::mem::take(&mut message.reserved_name);
        self.compare(message.field.len(), ranges.len() + names.len())?;
        for field in &message.field {
            let (name, number) = (field.name(), field.number());
            if ranges.iter().any(|range| (range.start()..range.end()).contains(&number))
                || names.iter().any(|n| n == name)
            {
                return Err(format!("{full}.{name}: the name or its number {number} is reserved"));
            }
        }
        message.nested_type.iter_mut().try_for_each(|inner| self.message(inner, &full))?;
        message.enum_type.iter_mut().try_for_each(|values| self.values(values, &full))
    }

    fn values(&mut self, values: &mut EnumDescriptorProto, outer: &str) -> Result<(), String> {
        let full = self.full_name(outer, values.name())?;
        if values.value.len() > MAX_VALUES {
            return Err(format!("{full}: an enum has at most {MAX_VALUES} values"));
        }
        let options = values.options.take().unwrap_or_default();
        let alias = flag(&options.uninterpreted_option, "allow_alias").or(options.allow_alias);
        values.options = alias.map(|alias| EnumOptions { allow_alias: Some(alias), ..Default::default() });
        let ranges = std::mem::take(&mut values.reserved_range);
        let names = std::mem::take(&mut values.reserved_name);
        self.compare(values.value.len(), ranges.len() + names.len())?;
        for value in &mut values.value {
            self.full_name(outer, value.name())?;
            value.options = None;
            let (name, number) = (value.name(), value.number());
            if ranges.iter().any(|range| (range.start()..=range.end()).contains(&number))
                || names.iter().any(|n| n == name)
            {
                return Err(format!("{full}.{name}: the name or its number {number} is reserved"));
            }
        }
        Ok(())
    }

    fn compare(&mut self, members: usize, reserved: usize) -> Result<(), String> {
        self.reserved = self.reserved.checked_sub(members.saturating_mul(reserved)).ok_or_else(|| {
            format!("members times what is reserved are more than {MAX_RESERVED}: reserve ranges of numbers")
        })?;
        Ok(())
    }
}

fn lean_field(field: &mut FieldDescriptorProto) -> Result<(), String> {
    name(field.type_name())?;
    name(field.json_name())?;
    // The compiler cuts it between any two bytes.
    if field.r#type() == Type::Bytes && !field.default_value().is_ascii() {
        return Err("the default of bytes is written with escapes".to_owned());
    }
    let options = field.options.take().unwrap_or_default();
    let packed = flag(&options.uninterpreted_option, "packed").or(options.packed);
    field.options = packed.map(|packed| FieldOptions { packed: Some(packed), ..Default::default() });
    Ok(())
}

/// Whether a message is the entry of a map, which then has to be like one.
fn map_entry(message: &DescriptorProto) -> Result<bool, String> {
    let Some(options) = &message.options else { return Ok(false) };
    if flag(&options.uninterpreted_option, "map_entry").is_some() {
        return Err("map_entry is not for files: write map<key, value>".to_owned());
    }
    if !options.map_entry() {
        return Ok(false);
    }
    let is_key = |kind: Type| {
        !matches!(kind, Type::Double | Type::Float | Type::Bytes | Type::Message | Type::Group | Type::Enum)
    };
    let single = |field: &FieldDescriptorProto| field.label() == Label::Optional;
    match &message.field[..] {
        [key, value]
            if (key.number(), value.number()) == (1, 2)
                && single(key)
                && single(value)
                && key.r#type.is_some()
                && is_key(key.r#type())
                && value.r#type() != Type::Group =>
        {
            Ok(true)
        }
        _ => {
            Err("the entry of a map has a key, which is field 1, and a value, which is field 2, and no more"
                .to_owned())
        }
    }
}

/// What a file says of an option that is true or false.
fn flag(options: &[UninterpretedOption], name: &str) -> Option<bool> {
    let option = options
        .iter()
        .find(|option| matches!(&option.name[..], [part] if part.name_part == name && !part.is_extension))?;
    Some(option.identifier_value() == "true")
}

fn name(name: &str) -> Result<(), String> {
    if name.len() > MAX_NAME {
        return Err(format!(
            "{}: a name has {} bytes; it may have {MAX_NAME}: shorten it",
            short(name),
            name.len()
        ));
    }
    Ok(())
}

/// The beginning of what may be long.
fn short(text: &str) -> &str {
    &text[..text.floor_char_boundary(40)]
}
