//! Whether a new version's output fits what follows the step. Pure.

use arrow::datatypes::{Schema, SchemaRef};

use super::Version;

/// What differs in the output ports of `new` so that what was built for `old` cannot read it; empty when it fits.
/// Ports and columns keep their names, types and order. A column that was never null stays so.
pub fn differences(old: &dyn Version, new: &dyn Version) -> Vec<String> {
    let (old, new) = (old.output_ports(), new.output_ports());
    let names =
        |ports: &[(String, SchemaRef)]| ports.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    if names(old) != names(new) {
        return vec![format!(
            "output ports were `{}` and would be `{}`",
            names(old).join("`, `"),
            names(new).join("`, `")
        )];
    }
    old.iter().zip(new).flat_map(|((port, old), (_, new))| columns(port, old, new)).collect()
}

fn columns(port: &str, old: &Schema, new: &Schema) -> Vec<String> {
    let mut found = Vec::new();
    for field in old.fields() {
        let name = field.name();
        match new.field_with_name(name) {
            Err(_) => found.push(format!("column `{name}` of port `{port}` is missing")),
            Ok(other) if other.data_type() != field.data_type() => found.push(format!(
                "column `{name}` of port `{port}` was {} and would be {}",
                field.data_type(),
                other.data_type()
            )),
            Ok(other) if other.is_nullable() && !field.is_nullable() => {
                found.push(format!("column `{name}` of port `{port}` was never null and would be nullable"));
            }
            Ok(_) => {}
        }
    }
    for field in new.fields().iter().filter(|field| old.field_with_name(field.name()).is_err()) {
        found.push(format!("column `{}` of port `{port}` is new", field.name()));
    }
    let order = |schema: &Schema| schema.fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>();
    if found.is_empty() && order(old) != order(new) {
        found.push(format!(
            "columns of port `{port}` were in the order `{}` and would be in the order `{}`",
            order(old).join("`, `"),
            order(new).join("`, `")
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field};

    use super::*;

    fn schema(fields: &[(&str, DataType, bool)]) -> Schema {
        Schema::new(fields.iter().map(|(n, t, null)| Field::new(*n, t.clone(), *null)).collect::<Vec<_>>())
    }

    #[test]
    fn every_difference_is_told() {
        let old = schema(&[
            ("a", DataType::Int64, false),
            ("b", DataType::Utf8, true),
            ("c", DataType::Float64, true),
        ]);
        let new = schema(&[
            ("d", DataType::Int64, true),
            ("b", DataType::Int64, true),
            ("a", DataType::Int64, true),
        ]);
        insta::assert_snapshot!(columns("main", &old, &new).join("\n"), @"
        column `a` of port `main` was never null and would be nullable
        column `b` of port `main` was Utf8 and would be Int64
        column `c` of port `main` is missing
        column `d` of port `main` is new
        ");
        let turned = schema(&[
            ("b", DataType::Utf8, true),
            ("a", DataType::Int64, false),
            ("c", DataType::Float64, false),
        ]);
        insta::assert_snapshot!(columns("main", &old, &turned).join("\n"), @"columns of port `main` were in the order `a`, `b`, `c` and would be in the order `b`, `a`, `c`");
        assert_eq!(columns("main", &old, &old), [""; 0]);
    }
}
