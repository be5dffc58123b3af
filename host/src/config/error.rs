//! Mistakes in a host's settings, all of them at once.

use std::fmt;

/// A mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where: `tokens[0].role`; empty for the file as a whole.
    pub path: String,
    /// What is wrong and what was expected. Never quotes a value that may be a secret.
    pub message: String,
}

/// Why settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file, as it was named.
    pub file: String,
    /// Every mistake in it.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be used:", self.file)?;
        for Mistake { path, message } in &self.mistakes {
            let colon = if path.is_empty() { "" } else { ": " };
            write!(f, "\n  {path}{colon}{message}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
