//! The columns that a sink names: are they there, and of a type that fits. Knows nothing of how a sink writes.

use arrow::datatypes::{DataType, Schema};

use crate::spec::{FileFormat, Partitioner, Sink, SinkConnector, SpecError, nearest, show_type};

/// What is wrong with a sink for rows of these columns.
pub(super) fn check(sink: &Sink, input: &Schema) -> Vec<SpecError> {
    let mut errors = Vec::new();
    let path = format!("sinks.{}", sink.name);
    let mut column = |at: String, name: &str, fits: fn(&DataType) -> bool, expected: &str| {
        errors.extend(problem(&format!("{path}.{at}"), name, input, fits, expected));
    };
    if let SinkConnector::Kafka(kafka) = &sink.connector {
        for (at, name) in kafka.key.iter().enumerate() {
            let encoded = sink.encode.as_ref().is_some_and(|encode| encode.key.is_some());
            let fits = if encoded { |_: &DataType| true } else { is_plain };
            column(format!("kafka.key[{at}]"), name, fits, "a column that is not nested");
        }
        for (at, name) in kafka.headers.iter().enumerate() {
            column(format!("kafka.headers[{at}]"), name, is_plain, "a column that is not nested");
        }
        if let Some(name) = &kafka.timestamp {
            let expected = "a timestamp, or int64 for milliseconds since 1970";
            column("kafka.timestamp".to_owned(), name, is_time, expected);
        }
        if let Some(name) = &kafka.tombstone {
            column(
                "kafka.tombstone".to_owned(),
                name,
                |of| *of == DataType::Boolean,
                "a column of type bool",
            );
        }
        if let Partitioner::Column(name) = &kafka.partitioner {
            let expected = "a column of an integer type";
            column("kafka.partitioner.column".to_owned(), name, DataType::is_integer, expected);
        }
    }
    for (at, name) in sink.encode.iter().flat_map(|encode| encode.columns.iter().flatten()).enumerate() {
        column(format!("encode.columns[{at}]"), name, |_| true, "a column");
    }
    if let SinkConnector::File { format: FileFormat::Csv, .. } = &sink.connector {
        for field in input.fields() {
            let expected = "columns that are not nested; a `select` leaves them out";
            column("file".to_owned(), field.name(), is_plain, expected);
        }
    }
    errors
}

fn problem(
    path: &str,
    name: &str,
    input: &Schema,
    fits: fn(&DataType) -> bool,
    expected: &str,
) -> Option<SpecError> {
    let Ok(field) = input.field_with_name(name) else {
        let names: Vec<&str> = input.fields().iter().map(|field| field.name().as_str()).collect();
        let near = nearest(name, names.iter().copied());
        let error = SpecError::new(path, format!("there is no column `{name}`")).nearest(near);
        let shown: Vec<&str> = names.iter().take(20).copied().collect();
        let more = if names.len() > shown.len() { ", …" } else { "" };
        return Some(match near {
            Some(_) => error,
            None => error.expected(format!("one of {}{more}", shown.join(", "))),
        });
    };
    let of = field.data_type();
    (!fits(of)).then(|| {
        SpecError::new(path, format!("the column `{name}` is of type {}", show_type(of))).expected(expected)
    })
}

fn is_plain(of: &DataType) -> bool {
    !of.is_nested()
}

fn is_time(of: &DataType) -> bool {
    matches!(of, DataType::Timestamp(..) | DataType::Int64)
}
