//! Fixtures of `sabot test`: rows that go into a component and rows that must come out. Reading them and comparing;
//! it must not know how a component runs, which is a closure here.
//!
//! A fixture is a YAML or JSON file in a guest's `tests/`:
//!
//! ```yaml
//! config: { min: 100 }                         # what the pipeline would give; {} where it is missing
//! schema: { user: string, amount: float64 }    # the input columns, as in a pipeline's `decode`
//! input:
//!   - { user: ann, amount: 250 }
//! groups: [0]                                  # aggregate alone: the group of each row
//! expect:                                      # all rows that come out, in order
//!   - { user: ann, amount: 250 }               # or, by port: { large: [ … ], small: [ … ] }
//! errors:                                      # all rows that are refused
//!   - { row: 1, code: no-user }
//! ```
//!
//! Of an expected row only the columns that it names are compared. Numbers are equal when they differ by less than
//! a billionth; a missing input column is null.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::Path;

/// A row as JSON.
pub type Row = Map<String, Value>;

/// Rows in, rows out.
#[derive(Debug, Clone, PartialEq)]
pub struct Fixture {
    /// The file's name.
    pub name: String,
    /// The configuration.
    pub config: Value,
    /// The input columns and their types, in order, as a pipeline's `decode` writes them.
    pub schema: Map<String, Value>,
    /// The input rows.
    pub input: Vec<Row>,
    /// The group of each input row; for an aggregate alone.
    pub groups: Vec<u32>,
    /// The rows that must come out of each port; the port without a name is the only one.
    pub expect: Vec<(String, Vec<Row>)>,
    /// The rows that must be refused, and the codes.
    pub errors: Vec<Refused>,
}

/// An input row that is refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// Index into the input.
    pub row: usize,
    /// The code.
    pub code: String,
}

/// What a component answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// Each port with its rows. A filter's is the rows that it keeps; where a component extends its input, the rows
    /// are whole.
    pub ports: Vec<(String, Vec<Row>)>,
    /// The rows that it refused.
    pub errors: Vec<Refused>,
}

/// Why fixtures cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FixtureError {
    /// A file or folder cannot be read.
    #[error("{path} cannot be read: {reason}")]
    Unreadable {
        /// Which.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// A file is no fixture.
    #[error("{name}: {reason}")]
    Malformed {
        /// The file's name.
        name: String,
        /// Where and why.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    config: Option<Value>,
    schema: Map<String, Value>,
    input: Vec<Row>,
    #[serde(default)]
    groups: Vec<u32>,
    expect: Value,
    #[serde(default)]
    errors: Vec<Refused>,
}

impl Fixture {
    /// All fixtures of a guest's folder, by name; none where there is no `tests/`.
    ///
    /// # Errors
    /// See [`FixtureError`].
    pub fn read_all(folder: &Path) -> Result<Vec<Self>, FixtureError> {
        let tests = folder.join("tests");
        if !tests.is_dir() {
            return Ok(Vec::new());
        }
        let unreadable = |path: &Path, e: std::io::Error| FixtureError::Unreadable {
            path: path.display().to_string(),
            reason: e.to_string(),
        };
        let mut files = Vec::new();
        for entry in tests.read_dir().map_err(|e| unreadable(&tests, e))? {
            let path = entry.map_err(|e| unreadable(&tests, e))?.path();
            if path.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "json") {
                files.push(path);
            }
        }
        files.sort();
        let read = |path: std::path::PathBuf| {
            let text = std::fs::read_to_string(&path).map_err(|e| unreadable(&path, e))?;
            Fixture::parse(&path.file_name().unwrap_or_default().to_string_lossy(), &text)
        };
        files.into_iter().map(read).collect()
    }

    /// Reads a fixture; a name that ends in `.json` is JSON, any other YAML.
    ///
    /// # Errors
    /// [`FixtureError::Malformed`].
    pub fn parse(name: &str, text: &str) -> Result<Self, FixtureError> {
        let malformed = |reason: String| FixtureError::Malformed { name: name.into(), reason };
        let file: File = if name.ends_with(".json") {
            serde_json::from_str(text).map_err(|e| malformed(e.to_string()))?
        } else {
            serde_saphyr::from_str(text).map_err(|e| malformed(e.to_string()))?
        };
        for (index, row) in file.input.iter().enumerate() {
            if let Some(unknown) = row.keys().find(|column| !file.schema.contains_key(*column)) {
                return Err(malformed(format!(
                    "input[{index}] has the column {unknown}, which `schema` has not"
                )));
            }
        }
        if !file.groups.is_empty() && file.groups.len() != file.input.len() {
            let (groups, rows) = (file.groups.len(), file.input.len());
            return Err(malformed(format!("`groups` has {groups} numbers for {rows} input rows")));
        }
        // Groups without a row need no number, and a slip of a digit would make millions of them.
        let largest = file.input.len().saturating_sub(1);
        if let Some((row, group)) =
            file.groups.iter().enumerate().find(|(_, group)| **group as usize > largest)
        {
            return Err(malformed(format!(
                "groups[{row}] is {group}; of {} rows the groups are 0 to {largest}",
                file.input.len()
            )));
        }
        let expect = expected(file.expect).map_err(malformed)?;
        Ok(Fixture {
            name: name.into(),
            config: file.config.unwrap_or_else(|| Value::Object(Map::new())),
            schema: file.schema,
            input: file.input,
            groups: file.groups,
            expect,
            errors: file.errors,
        })
    }
}

fn expected(value: Value) -> Result<Vec<(String, Vec<Row>)>, String> {
    let rows = |port: &str, rows: Value| {
        let rows: Result<Vec<Row>, _> = serde_json::from_value(rows);
        rows.map_err(|_| format!("`expect{port}` is no list of rows"))
    };
    match value {
        Value::Object(ports) => ports
            .into_iter()
            .map(|(port, list)| Ok((port.clone(), rows(&format!(".{port}"), list)?)))
            .collect(),
        list => Ok(vec![(String::new(), rows("", list)?)]),
    }
}

/// What the answer of a component has that the fixture has not, and the other way round, one line each; none when it
/// is as expected.
pub fn differences(fixture: &Fixture, answer: &Answer) -> Vec<String> {
    let mut found = Vec::new();
    for (port, expected) in &fixture.expect {
        let got = answer.ports.iter().find(|(name, _)| port.is_empty() || name == port);
        match got {
            Some((name, rows)) => compare_rows(name, expected, rows, &mut found),
            None if expected.is_empty() => {}
            None => found.push(format!(
                "port {port}: {} rows were expected, and there is no such port",
                expected.len()
            )),
        }
    }
    for (port, rows) in &answer.ports {
        let named = fixture.expect.iter().any(|(name, _)| name.is_empty() || name == port);
        if !named && !rows.is_empty() {
            found.push(format!("port {port}: {} rows came out, and none are expected", rows.len()));
        }
    }
    for expected in &fixture.errors {
        match answer.errors.iter().find(|got| got.row == expected.row) {
            Some(got) if got.code == expected.code => {}
            Some(got) => {
                found.push(format!("row {}: refused as {}, not as {}", got.row, got.code, expected.code))
            }
            None => found.push(format!("row {}: should be refused as {}", expected.row, expected.code)),
        }
    }
    for got in &answer.errors {
        if !fixture.errors.iter().any(|expected| expected.row == got.row) {
            found.push(format!("row {}: refused as {}, which is not expected", got.row, got.code));
        }
    }
    found
}

/// What differs between the rows of a port, one line each, added to `found`.
pub fn compare_rows(port: &str, expected: &[Row], got: &[Row], found: &mut Vec<String>) {
    if expected.len() != got.len() {
        found.push(format!("port {port}: {} rows came out, expected {}", got.len(), expected.len()));
    }
    for (index, (expected, got)) in expected.iter().zip(got).enumerate() {
        for (column, value) in expected {
            match got.get(column) {
                Some(other) if same(value, other) => {}
                Some(other) => {
                    found.push(format!("port {port}, row {index}: {column} is {other}, expected {value}"))
                }
                None => found.push(format!("port {port}, row {index}: there is no column {column}")),
            }
        }
    }
    for (index, row) in got.iter().enumerate().skip(expected.len()) {
        found.push(format!("port {port}, row {index}: not expected: {}", Value::Object(row.clone())));
    }
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64(), a.as_f64(), b.as_f64()) {
            (Some(a), Some(b), _, _) => a == b,
            (_, _, Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0),
            _ => a == b,
        },
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// How a fixture went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The fixture's name.
    pub name: String,
    /// What differed, or why it could not be run; empty when it passed.
    pub problems: Vec<String>,
}

/// Runs fixtures through a component; `run` takes one and answers what came out, or why nothing did.
pub fn run_all(
    fixtures: &[Fixture],
    mut run: impl FnMut(&Fixture) -> Result<Answer, String>,
) -> Vec<Outcome> {
    let outcome = |fixture: &Fixture| {
        let problems =
            run(fixture).map_or_else(|reason| vec![reason], |answer| differences(fixture, &answer));
        Outcome { name: fixture.name.clone(), problems }
    };
    fixtures.iter().map(outcome).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(value: Value) -> Row {
        serde_json::from_value(value).unwrap()
    }

    fn fixture(text: &str) -> Fixture {
        Fixture::parse("orders.yaml", text).unwrap()
    }

    const ORDERS: &str = "
config: { min: 100 }
schema: { user: string, amount: float64 }
input:
  - { user: ann, amount: 250 }
  - { user: bob }
expect:
  - { user: ann, amount: 250.0 }
errors:
  - { row: 1, code: no-amount }
";

    #[test]
    fn a_fixture_is_read() {
        let orders = fixture(ORDERS);
        assert_eq!(orders.config, json!({ "min": 100 }));
        assert_eq!(orders.schema.keys().collect::<Vec<_>>(), ["user", "amount"]);
        assert_eq!(orders.expect, [(String::new(), vec![row(json!({ "user": "ann", "amount": 250.0 }))])]);
        let same = json!({
            "config": { "min": 100 }, "schema": { "user": "string", "amount": "float64" },
            "input": [{ "user": "ann", "amount": 250 }, { "user": "bob" }],
            "expect": [{ "user": "ann", "amount": 250.0 }], "errors": [{ "row": 1, "code": "no-amount" }],
        });
        let json = Fixture::parse("orders.json", &same.to_string()).unwrap();
        assert_eq!(Fixture { name: "orders.yaml".into(), ..json }, orders);
    }

    #[test]
    fn what_is_as_expected_has_no_differences() {
        let answer = Answer {
            ports: vec![("output".into(), vec![row(json!({ "user": "ann", "amount": 250, "fee": 1 }))])],
            errors: vec![Refused { row: 1, code: "no-amount".into() }],
        };
        assert_eq!(differences(&fixture(ORDERS), &answer), [""; 0]);
        let outcomes = run_all(&[fixture(ORDERS)], |_| Err("it trapped".into()));
        assert_eq!(outcomes[0].problems, ["it trapped"]);
    }

    #[test]
    fn every_difference_is_named() {
        let answer = Answer {
            ports: vec![
                ("large".into(), vec![row(json!({ "id": 1.5 })), row(json!({ "id": 9, "x": [1] }))]),
                ("other".into(), vec![row(json!({ "id": 7 }))]),
            ],
            errors: vec![Refused { row: 0, code: "b".into() }, Refused { row: 3, code: "c".into() }],
        };
        let fixture = fixture(
            "
schema: { id: int64 }
input: []
expect: { large: [ { id: 1, y: 2 } ], small: [ { id: 3 } ] }
errors: [ { row: 0, code: a }, { row: 1, code: a } ]
",
        );
        insta::assert_snapshot!(differences(&fixture, &answer).join("\n"), @r#"
        port large: 2 rows came out, expected 1
        port large, row 0: id is 1.5, expected 1
        port large, row 0: there is no column y
        port large, row 1: not expected: {"id":9,"x":[1]}
        port small: 1 rows were expected, and there is no such port
        port other: 1 rows came out, and none are expected
        row 0: refused as b, not as a
        row 1: should be refused as a
        row 3: refused as c, which is not expected
        "#);
    }

    #[test]
    fn a_malformed_fixture_is_refused() {
        let error = |text: &str| Fixture::parse("x.yaml", text).unwrap_err().to_string();
        let start = "schema: { id: int64 }\ninput: [ { id: 1 } ]\n";
        assert_eq!(error(&format!("{start}expect: 5")), "x.yaml: `expect` is no list of rows");
        assert_eq!(error(&format!("{start}expect: {{ a: 5 }}")), "x.yaml: `expect.a` is no list of rows");
        let groups = error(&format!("{start}groups: [1, 2]\nexpect: []"));
        assert_eq!(groups, "x.yaml: `groups` has 2 numbers for 1 input rows");
        let unknown = error("schema: { id: int64 }\ninput: [ { ib: 1 } ]\nexpect: []");
        assert_eq!(unknown, "x.yaml: input[0] has the column ib, which `schema` has not");
        assert!(error("schema: {}\ninput: []\nexpect: []\nexpct: []").contains("expct"));
    }
}
