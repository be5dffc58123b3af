//! Whether a value is what a schema says, and if not, where and why. Knows nothing of columns.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use jsonschema::ValidationError;
use jsonschema::paths::LocationSegment;

use super::document::Document;
use super::tape::{Entry, Tape};
use crate::codec::problem::{Outcome, Problem, code};
use crate::codec::registered::RegisteredSchema;

/// Reasons that are told of a value.
const REASONS: usize = 3;
/// Bytes of a reason, which may quote the value.
const REASON_BYTES: usize = 200;

/// A compiled schema.
pub(super) struct Validator(jsonschema::Validator<Tape>);

impl Validator {
    /// Compiles a schema, or says why it is none.
    pub(super) fn new(schema: &RegisteredSchema) -> Result<Validator, String> {
        Document::new(schema).and_then(|document| Validator::of(&document))
    }

    pub(super) fn of(document: &Document) -> Result<Validator, String> {
        let mut options = jsonschema::options_for::<Tape>()
            .with_retriever(document.others())
            .with_base_uri(document.base());
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
        built.map(Validator).map_err(|error| {
            let reason = shortened(&error);
            match error.instance_path().as_str() {
                "" => format!("the schema cannot be used: {reason}"),
                path => format!("the schema cannot be used: at {path}: {reason}"),
            }
        })
    }

    /// Checks a value.
    pub(super) fn check(&self, value: Entry) -> Outcome<()> {
        if self.0.is_valid(value) { Ok(()) } else { Err(self.violation(value)) }
    }

    #[cold]
    fn violation(&self, value: Entry) -> Box<Problem> {
        let mut what = String::new();
        for (index, error) in self.0.iter_errors(value).enumerate() {
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
        if what.is_empty() {
            what.push_str("the record is not what its schema says");
        }
        Problem::new(code::SCHEMA_VIOLATION, what)
    }
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
