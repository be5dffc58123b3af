//! Why schemas and columns do not fit: every reason, each with its path inside the record. Knows nothing of
//! either.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde_json::Value;

use crate::codec::problem::shortened;

/// Reasons given, at most.
const SHOWN_MAX: usize = 50;
/// Bytes of a reason's path, at most.
const PATH_MAX: usize = 1024;
/// Bytes of a name in a text, at most.
const NAME_SHOWN: usize = 100;

/// Reasons, in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Reasons {
    /// The first of them, with their paths.
    shown: Vec<(String, String)>,
    /// How many more there are.
    more: usize,
}

impl Reasons {
    /// What is wrong with a field, as it is called where this is said.
    pub(super) fn within(mut self, field: &str) -> Reasons {
        for (path, _) in self.shown.iter_mut().filter(|(path, _)| path.len() < PATH_MAX) {
            let dot = if path.is_empty() || path.starts_with(['[', '{']) { "" } else { "." };
            path.insert_str(0, dot);
            path.insert_str(0, &clip(field));
        }
        self
    }

    /// And these.
    pub(super) fn add(&mut self, more: Reasons) {
        let room = SHOWN_MAX - self.shown.len();
        self.more += more.more + more.shown.len().saturating_sub(room);
        self.shown.extend(more.shown.into_iter().take(room));
    }

    /// A value, unless there is a reason why not.
    pub(super) fn or<T>(self, value: T) -> Result<T, Reasons> {
        if self.shown.is_empty() { Ok(value) } else { Err(self) }
    }
}

/// As much of a name as a text shows.
pub(super) fn clip(name: &str) -> Cow<'_, str> {
    match name.len() {
        0..=NAME_SHOWN => Cow::Borrowed(name),
        _ => Cow::Owned(format!("{}…", &name[..name.floor_char_boundary(NAME_SHOWN)])),
    }
}

/// As much of a value as a text shows; no more than that is written.
pub(super) fn clip_json(json: &Value) -> String {
    struct Clipped(String);
    impl fmt::Write for Clipped {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.push_str(&text[..text.floor_char_boundary(NAME_SHOWN + 1)]);
            if self.0.len() > NAME_SHOWN { Err(fmt::Error) } else { Ok(()) }
        }
    }
    let mut shown = Clipped(String::new());
    // It fails where the text is long enough.
    let _ = write!(shown, "{json}");
    clip(&shown.0).into_owned()
}

impl From<String> for Reasons {
    fn from(what: String) -> Reasons {
        Reasons { shown: vec![(String::new(), shortened(what))], more: 0 }
    }
}

impl From<&str> for Reasons {
    fn from(what: &str) -> Reasons {
        what.to_owned().into()
    }
}

impl From<Reasons> for String {
    fn from(reasons: Reasons) -> String {
        reasons.to_string()
    }
}

impl fmt::Display for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (path, what)) in self.shown.iter().enumerate() {
            let (before, colon) =
                (if index > 0 { "; " } else { "" }, if path.is_empty() { "" } else { ": " });
            write!(f, "{before}{path}{colon}{what}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}
