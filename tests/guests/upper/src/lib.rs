//! Strings and nulls both ways: upper-case text and its length. It knows the SDK alone.

use sabot_sdk::prelude::*;

/// What comes in.
#[derive(Row)]
pub struct Text<'a> {
    text: Option<&'a str>,
}

/// What goes out.
#[derive(OutputRow)]
pub struct Upper {
    upper: Option<String>,
    length: Option<i64>,
}

/// A null stays a null.
#[sabot::map]
pub fn upper(row: Text) -> Upper {
    Upper { upper: row.text.map(str::to_uppercase), length: row.text.map(|t| t.len() as i64) }
}
