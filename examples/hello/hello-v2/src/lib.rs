//! Greets, more warmly.

use sabot_sdk::prelude::*;

/// Whom.
#[derive(Row)]
pub struct Person<'a> {
    name: &'a str,
}

/// How: a column that is added to the row.
#[derive(OutputRow)]
pub struct Greeting {
    greeting: String,
}

/// Nobody has no name.
#[sabot::map(name = "hello", extends)]
pub fn hello(person: Person) -> Result<Greeting, RowError> {
    match person.name {
        "" => Err(RowError::new("no-name", "the name is empty")),
        name => Ok(Greeting { greeting: format!("How good to see you, {name}!") }),
    }
}
