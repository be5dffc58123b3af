//! Whether a value is what a schema says, and if not, where and why. Knows nothing of columns.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use jsonschema::paths::LocationSegment;
use jsonschema::{PatternOptions, ValidationError};

use super::cost;
use super::document::Document;
use super::tape::{Entry, Tape};
use crate::codec::problem::{Outcome, Problem, code};
use crate::codec::registered::RegisteredSchema;

/// Reasons that are told of a value.
const REASONS: usize = 3;
/// Bytes of a reason, which may quote the value.
const REASON_BYTES: usize = 200;

/// How often a value may be looked at to check it, whatever its size.
const LOOKS: u64 = 1 << 20;
/// And for each of its parts.
const LOOKS_A_PART: u64 = 256;
/// How often to say what is wrong with it: each time something is remembered, or part of the value copied.
const LOOKS_TO_TELL: u64 = 1 << 18;
/// Calls within calls that fit on a task's stack: each step from schema to schema is some of them, on every level of a
/// value.
const STEPS_ON_STACK: usize = 2_000;
/// A compiled regular expression, bytes.
pub(super) const PATTERN_BYTES: usize = 2 << 20;
/// How often one that needs it may go back, for one text.
const BACKTRACKS: usize = 100_000;

/// A compiled schema.
pub(super) struct Validator {
    schema: jsonschema::Validator<Tape>,
    /// The most steps from schema to schema on one value.
    steps: usize,
}

impl Validator {
    /// Compiles a schema, or says why it is none.
    pub(super) fn new(schema: &RegisteredSchema) -> Result<Validator, String> {
        Document::new(schema).and_then(|document| Validator::of(&document))
    }

    pub(super) fn of(document: &Document) -> Result<Validator, String> {
        let steps = cost::steps(document)?;
        let patterns = PatternOptions::fancy_regex().backtrack_limit(BACKTRACKS);
        let mut options = jsonschema::options_for::<Tape>()
            .with_retriever(document.others())
            .with_base_uri(document.base())
            .with_pattern_options(patterns.size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES));
        if document.root.get("$schema").is_none() {
            options = options.with_draft(document.draft);
        }
        // The library has its own assumptions about identifiers that schemas share, and panics where they fail.
        let built = catch_unwind(AssertUnwindSafe(|| options.build(&document.root)));
        let Ok(built) = built else {
            return Err(
                "the schema cannot be used: its identifiers and references contradict each other".into()
            );
        };
        built.map(|schema| Validator { schema, steps }).map_err(|error| {
            let reason = shortened(&error);
            match error.instance_path().as_str() {
                "" => format!("the schema cannot be used: {reason}"),
                path => format!("the schema cannot be used: at {path}: {reason}"),
            }
        })
    }

    /// Checks a value.
    pub(super) fn check(&self, value: Entry) -> Outcome<()> {
        if value.depth() * self.steps > STEPS_ON_STACK {
            return Err(self.too_deep(value));
        }
        let looks = LOOKS + LOOKS_A_PART * value.parts() as u64;
        match value.within(looks, |value| self.schema.is_valid(value)) {
            Some(true) => Ok(()),
            Some(false) => Err(self.violation(value)),
            None => Err(too_costly(looks)),
        }
    }

    #[cold]
    fn too_deep(&self, value: Entry) -> Box<Problem> {
        let (depth, most) = (value.depth(), STEPS_ON_STACK / self.steps);
        let what = format!(
            "the record is nested {depth} levels deep; by this schema, {} of whose parts lead to each other on one \
             value, records of at most {most} levels can be checked",
            self.steps
        );
        Problem::new(code::TOO_LARGE, what)
    }

    #[cold]
    fn violation(&self, value: Entry) -> Box<Problem> {
        let told = value.within(LOOKS_TO_TELL, |value| self.told(value)).filter(|told| !told.is_empty());
        let what = told.unwrap_or_else(|| "the record is not what its schema says".to_owned());
        Problem::new(code::SCHEMA_VIOLATION, what)
    }

    /// What is wrong with a value, and where.
    fn told(&self, value: Entry) -> String {
        let mut what = String::new();
        for (index, error) in self.schema.iter_errors(value).enumerate() {
            if index == REASONS {
                what.push_str("; and more");
                break;
            }
            if index > 0 {
                what.push_str("; ");
            }
            let path = path(&error);
            if !path.is_empty() {
                what.extend([&path, ": "]);
            }
            what.push_str(&shortened(&error));
        }
        what
    }
}

#[cold]
fn too_costly(looks: u64) -> Box<Problem> {
    let what = format!(
        "the schema takes more than {looks} looks at the record to check it: alternatives within alternatives are to blame"
    );
    Problem::new(code::TOO_LARGE, what)
}

/// `items[2].price`, as all codecs write it.
fn path(error: &ValidationError) -> String {
    let mut path = String::new();
    for segment in error.instance_path().segments() {
        match segment {
            LocationSegment::Property(name) if path.is_empty() => path.push_str(&name),
            LocationSegment::Property(name) => path.extend([".", &name]),
            LocationSegment::Index(index) => path.push_str(&format!("[{index}]")),
        }
    }
    path
}

fn shortened(error: &ValidationError) -> String {
    let mut short = Short(String::new());
    // It fails when there is enough.
    let _ = write!(short, "{error}");
    short.0
}

/// Takes text up to a length, and fails then, so that the rest is never made.
struct Short(String);

impl std::fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let room = REASON_BYTES - self.0.len().min(REASON_BYTES);
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        self.0.push_str(&text[..text.floor_char_boundary(room)]);
        self.0.push('…');
        Err(std::fmt::Error)
    }
}
