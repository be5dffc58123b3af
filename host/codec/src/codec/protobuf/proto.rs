//! The `.proto` file of columns that have none: what a sink registers, and what a source reads that was only told
//! its columns. Knows nothing of bytes.

use std::collections::HashSet;
use std::fmt::Write as _;

use arrow::datatypes::{DataType, Field, Fields, Schema};

use crate::codec::column::{MAX_SCHEMA_DEPTH, is_json};
use crate::codec::registered::{RegisteredSchema, SchemaKind};

/// Numbers that protobuf keeps to itself.
const RESERVED: std::ops::RangeInclusive<usize> = 19_000..=19_999;

/// The schema of one message called `message` whose fields are the columns, numbered from 1 in their order; or the
/// column that can be no field.
pub fn schema_of(columns: &Schema, message: &str) -> Result<RegisteredSchema, String> {
    if !is_name(message) {
        return Err(format!("{message}: not a name in protobuf, which has letters, digits and _"));
    }
    let mut file = File { imports: Vec::new() };
    let body = file.message(message, columns.fields(), 0)?;
    file.imports.sort_unstable();
    let imports: String =
        file.imports.iter().map(|name| format!("import \"google/protobuf/{name}.proto\";\n")).collect();
    let gap = if imports.is_empty() { "" } else { "\n" };
    let text = format!("syntax = \"proto3\";\n\n{imports}{gap}{body}");
    Ok(RegisteredSchema::new(SchemaKind::Protobuf, text))
}

struct File {
    imports: Vec<&'static str>,
}

/// The type of a field.
struct Type {
    name: String,
    /// Whether a field of it tells by itself that it is absent.
    presence: bool,
    /// Whether the column can hold what an absent field without presence means.
    zero: bool,
    /// The message it is, if that is declared with it.
    nested: String,
}

impl Type {
    fn scalar(name: &str) -> Type {
        Type { name: name.to_owned(), presence: false, zero: true, nested: String::new() }
    }

    /// One whose empty value the column cannot hold.
    fn never_empty(name: &str) -> Type {
        Type { zero: false, ..Type::scalar(name) }
    }

    fn message(name: String, nested: String) -> Type {
        Type { name, presence: true, zero: true, nested }
    }
}

impl File {
    fn message(&mut self, name: &str, fields: &Fields, depth: usize) -> Result<String, String> {
        if depth > MAX_SCHEMA_DEPTH {
            return Err(format!("nested deeper than {MAX_SCHEMA_DEPTH} levels: flatten the column"));
        }
        let indent = "  ".repeat(depth);
        let mut taken: HashSet<String> = fields.iter().map(|field| field.name().clone()).collect();
        // What a map's entries are called, which no file says.
        taken.extend(fields.iter().map(|field| format!("{}Entry", camel(field.name()))));
        let mut text = format!("{indent}message {name} {{\n");
        for (index, field) in fields.iter().enumerate() {
            let number = index + 1;
            let number = if number < *RESERVED.start() { number } else { number + RESERVED.count() };
            let line = self
                .field(field, number, &mut taken, depth)
                .map_err(|why| format!("{}: {why}", field.name()))?;
            text.push_str(&line);
        }
        text.push_str(&format!("{indent}}}\n"));
        Ok(text)
    }

    fn field(
        &mut self,
        field: &Field,
        number: usize,
        taken: &mut HashSet<String>,
        depth: usize,
    ) -> Result<String, String> {
        let name = field.name();
        if !is_name(name) {
            return Err(
                "not a name in protobuf, which has letters, digits and _: rename the column".to_owned()
            );
        }
        let (of, nested) = match field.data_type() {
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                let item = self.typed(name, item, taken, depth)?;
                (format!("repeated {}", item.name), item.nested)
            }
            DataType::Map(entries, _) => self.map(name, entries, taken, depth)?,
            _ => {
                let of = self.typed(name, field, taken, depth)?;
                let optional = (field.is_nullable() || !of.zero) && !of.presence;
                let optional = if optional { "optional " } else { "" };
                (format!("{optional}{}", of.name), of.nested)
            }
        };
        let mut text = nested;
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}{of} {name} = {number};", "  ".repeat(depth + 1));
        Ok(text)
    }

    fn map(
        &mut self,
        name: &str,
        entries: &Field,
        taken: &mut HashSet<String>,
        depth: usize,
    ) -> Result<(String, String), String> {
        let DataType::Struct(fields) = entries.data_type() else {
            return Err("the entries of a map are a key and a value".to_owned());
        };
        let [key, value] = &fields[..] else {
            return Err("the entries of a map are a key and a value".to_owned());
        };
        let key = self.typed(name, key, taken, depth).map_err(|why| format!("map key: {why}"))?;
        if key.presence || matches!(key.name.as_str(), "float" | "double" | "bytes") {
            return Err(format!("map key: {} cannot be a key in protobuf", key.name));
        }
        let value = self.typed(name, value, taken, depth).map_err(|why| format!("map value: {why}"))?;
        Ok((format!("map<{}, {}>", key.name, value.name), value.nested))
    }

    /// The type of one value of a column.
    fn typed(
        &mut self,
        name: &str,
        column: &Field,
        taken: &mut HashSet<String>,
        depth: usize,
    ) -> Result<Type, String> {
        use DataType::*;
        Ok(match column.data_type() {
            Utf8 if is_json(column) => self.well_known("struct", "Value"),
            Boolean => Type::scalar("bool"),
            Int8 | Int16 | Int32 | Date32 | Date64 | Time32(_) => Type::scalar("int32"),
            Int64 | Time64(_) => Type::scalar("int64"),
            UInt8 | UInt16 | UInt32 => Type::scalar("uint32"),
            UInt64 => Type::scalar("uint64"),
            Float16 | Float32 => Type::scalar("float"),
            Float64 => Type::scalar("double"),
            Utf8 | LargeUtf8 | Utf8View => Type::scalar("string"),
            Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => Type::never_empty("string"),
            Binary | LargeBinary | BinaryView => Type::scalar("bytes"),
            FixedSizeBinary(_) => Type::never_empty("bytes"),
            Timestamp(..) => self.well_known("timestamp", "Timestamp"),
            Duration(_) => self.well_known("duration", "Duration"),
            Dictionary(_, values) => {
                let values = column.clone().with_data_type(DataType::clone(values));
                self.typed(name, &values, taken, depth)?
            }
            Struct(fields) => {
                let mut nested = camel(name);
                while !taken.insert(nested.clone()) {
                    nested.push_str("Value");
                }
                let text = self.message(&nested, fields, depth + 1)?;
                Type::message(nested, text)
            }
            List(_) | LargeList(_) | FixedSizeList(..) | Map(..) => {
                return Err(
                    "protobuf has no lists of lists and no maps of lists: put it into an object".to_owned()
                );
            }
            other => return Err(format!("protobuf cannot hold {other}: choose another type")),
        })
    }

    fn well_known(&mut self, file: &'static str, name: &str) -> Type {
        if !self.imports.contains(&file) {
            self.imports.push(file);
        }
        // From the root: a message of the file may be called `google`.
        Type::message(format!(".google.protobuf.{name}"), String::new())
    }
}

fn is_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `unit_price` as `UnitPrice`.
fn camel(name: &str) -> String {
    let mut text = String::new();
    for part in name.split('_') {
        let mut letters = part.chars();
        text.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        text.extend(letters);
    }
    match text.bytes().next() {
        Some(first) if first.is_ascii_alphabetic() => text,
        _ => format!("M{text}"),
    }
}
