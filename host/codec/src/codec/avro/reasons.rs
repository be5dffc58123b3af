//! Why schemas and columns do not fit: every reason, each with its path inside the record. Knows nothing of
//! either.

use std::fmt;

/// Reasons given, at most.
const SHOWN_MAX: usize = 50;

/// Reasons, in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Reasons(Vec<(String, String)>);

impl Reasons {
    /// What is wrong with a field, as it is called where this is said.
    pub(super) fn within(mut self, field: &str) -> Reasons {
        for (path, _) in &mut self.0 {
            let dot = if path.is_empty() || path.starts_with(['[', '{']) { "" } else { "." };
            path.insert_str(0, dot);
            path.insert_str(0, field);
        }
        self
    }

    /// And these.
    pub(super) fn add(&mut self, mut more: Reasons) {
        self.0.append(&mut more.0);
    }

    /// A value, unless there is a reason why not.
    pub(super) fn or<T>(self, value: T) -> Result<T, Reasons> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl From<String> for Reasons {
    fn from(what: String) -> Reasons {
        Reasons(vec![(String::new(), what)])
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
        for (index, (path, what)) in self.0.iter().take(SHOWN_MAX).enumerate() {
            let (before, colon) =
                (if index > 0 { "; " } else { "" }, if path.is_empty() { "" } else { ": " });
            write!(f, "{before}{path}{colon}{what}")?;
        }
        match self.0.len().checked_sub(SHOWN_MAX) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, "; and {more} more"),
        }
    }
}
