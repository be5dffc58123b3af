//! Columns as a program gives them, and as a specification writes them. Knows Arrow's types and nothing of pipelines.

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde_json::{Map, Value};

use crate::spec::show_type;

/// Columns and their types, in the order of the rows' columns: pairs of a name and a type as a specification writes
/// it, or an Arrow schema.
///
/// ```
/// use sabot::stream::Columns;
/// # use arrow::datatypes::{DataType, Field, Schema};
///
/// let written = Columns::from([("id", "int64!"), ("price", "decimal(10, 2)"), ("tags", "list<string>")]);
/// let of_arrow = Columns::from(&Schema::new(vec![
///     Field::new("id", DataType::Int64, false),
///     Field::new("price", DataType::Decimal128(10, 2), true),
///     Field::new("tags", DataType::List(Field::new("item", DataType::Utf8, true).into()), true),
/// ]));
/// assert_eq!(written, of_arrow);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Columns(Map<String, Value>);

impl<N: Into<String>, T: Into<String>, const COUNT: usize> From<[(N, T); COUNT]> for Columns {
    fn from(columns: [(N, T); COUNT]) -> Self {
        Columns::from_iter(columns)
    }
}

impl<N: Into<String>, T: Into<String>> FromIterator<(N, T)> for Columns {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(columns: I) -> Self {
        let mut all = Map::new();
        for (name, of) in columns {
            let (name, mut of) = (name.into(), of.into());
            // A column that is there twice has two types, which no specification takes.
            if let Some(Value::String(before)) = all.get(&name) {
                of = format!("{before} and {of}");
            }
            all.insert(name, Value::String(of));
        }
        Columns(all)
    }
}

impl From<&Schema> for Columns {
    fn from(schema: &Schema) -> Self {
        Columns::from_iter(schema.fields().iter().map(|field| (field.name().as_str(), written(field))))
    }
}

impl From<&SchemaRef> for Columns {
    fn from(schema: &SchemaRef) -> Self {
        Columns::from(schema.as_ref())
    }
}

impl From<Columns> for Value {
    fn from(columns: Columns) -> Self {
        Value::Object(columns.0)
    }
}

/// A type with what may be null in it, inside too. A type that no specification can name is refused when it is
/// read, by its name in Arrow.
fn written(field: &Field) -> String {
    let mark = if field.is_nullable() { "" } else { "!" };
    let of = match field.data_type() {
        DataType::List(item) => format!("list<{}>", written(item)),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                format!("map<{}, {}>", show_type(pair[0].data_type()), written(&pair[1]))
            }
            other => show_type(other),
        },
        DataType::Struct(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|field| format!("{}: {}", field.name(), written(field))).collect();
            format!("struct<{}>", fields.join(", "))
        }
        other => show_type(other),
    };
    of + mark
}
