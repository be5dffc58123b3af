//! What is wrong with an expression, where, and what was probably meant. Knows nothing of where the text is from.

use std::fmt;

use datafusion_common::DataFusionError;
use datafusion_sql::sqlparser::tokenizer::Location;

/// A place in the text of one expression, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line.
    pub line: u64,
    /// Character of the line.
    pub character: u64,
}

/// One thing that is wrong with one expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which expression: index of the item of a select or the branch of a route, 0 for a filter.
    pub item: usize,
    /// Where in its text, when that is known.
    pub position: Option<Position>,
    /// What is wrong.
    pub message: String,
    /// What belongs there, where that helps.
    pub expected: Option<String>,
    /// The right name that is nearest to what was written.
    pub nearest: Option<String>,
}

impl Problem {
    /// Something is wrong with the expression as a whole.
    pub(super) fn new(message: impl Into<String>) -> Problem {
        Problem { item: 0, position: None, message: message.into(), expected: None, nearest: None }
    }

    /// DataFusion says so.
    pub(super) fn of(error: &DataFusionError) -> Problem {
        Problem::new(reason(error))
    }

    pub(super) fn at(mut self, location: Location) -> Problem {
        // Line 0: the parser does not know.
        self.position =
            (location.line > 0).then_some(Position { line: location.line, character: location.column });
        self
    }

    pub(super) fn expected(mut self, expected: impl Into<String>) -> Problem {
        self.expected = Some(expected.into());
        self
    }

    pub(super) fn nearest(mut self, nearest: Option<impl Into<String>>) -> Problem {
        self.nearest = nearest.map(Into::into);
        self
    }

    /// What is wrong and where, without what belongs there.
    pub fn text(&self) -> String {
        match self.position {
            None => self.message.clone(),
            Some(Position { line: 1, character }) => format!("{} (character {character})", self.message),
            Some(Position { line, character }) => {
                format!("{} (line {line}, character {character})", self.message)
            }
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())?;
        if let Some(expected) = &self.expected {
            write!(f, "; expected {expected}")?;
        }
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean `{nearest}`?")?;
        }
        Ok(())
    }
}

/// Everything that is wrong with the expressions of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlError {
    /// In the order of the items, never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SqlError {}

/// DataFusion's reason without what it puts before and after for its own developers.
pub(super) fn reason(error: &DataFusionError) -> String {
    let text = error.find_root().message().into_owned();
    text.split(DataFusionError::BACK_TRACE_SEP).next().unwrap_or(&text).trim().to_owned()
}
