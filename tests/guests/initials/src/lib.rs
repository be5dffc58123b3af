//! A scalar: the first letters of a name. An empty name is refused. It knows the SDK alone.

use sabot_sdk::prelude::*;

/// The arguments.
#[derive(Row)]
pub struct Arguments<'a> {
    name: Option<&'a str>,
}

/// The first letter of every word.
#[sabot::scalar]
pub fn initials(arguments: Arguments) -> Result<Option<String>, RowError> {
    let Some(name) = arguments.name else { return Ok(None) };
    let letters: String = name.split_whitespace().filter_map(|word| word.chars().next()).collect();
    if letters.is_empty() {
        return Err(RowError::new("no-name", "the name is empty"));
    }
    Ok(Some(letters))
}
