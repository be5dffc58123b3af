//! How the text of an expression is read: standard SQL without the words that products reserve for themselves, so
//! that `user` is a column. Knows nothing of columns or functions.

use datafusion_sql::sqlparser::ast::{Expr, SelectItem};
use datafusion_sql::sqlparser::dialect::Dialect;
use datafusion_sql::sqlparser::parser::{Parser, ParserError};
use datafusion_sql::sqlparser::tokenizer::Token;

use super::Problem;

/// Bytes of one expression: its planning is recursive.
const MAX_BYTES: usize = 64 << 10;

#[derive(Debug)]
struct Expressions;

impl Dialect for Expressions {
    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"' || ch == '`'
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_' || ch == '$'
    }

    fn supports_select_wildcard_exclude(&self) -> bool {
        true
    }

    fn supports_select_wildcard_except(&self) -> bool {
        true
    }

    fn allow_extract_custom(&self) -> bool {
        true
    }

    fn allow_extract_single_quotes(&self) -> bool {
        true
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }

    fn supports_nested_comments(&self) -> bool {
        true
    }
}

/// Reads `text` as one expression.
pub(super) fn expression(text: &str) -> Result<Expr, Problem> {
    whole(text, |parser| parser.parse_expr())
}

/// Reads `text` as one item of a select list.
pub(super) fn select_item(text: &str) -> Result<SelectItem, Problem> {
    whole(text, |parser| parser.parse_select_item())
}

fn whole<T>(text: &str, parse: impl FnOnce(&mut Parser) -> Result<T, ParserError>) -> Result<T, Problem> {
    if text.len() > MAX_BYTES {
        return Err(Problem::new(format!("{} bytes are too long; the limit is {MAX_BYTES}", text.len())));
    }
    let mut parser = Parser::new(&Expressions).try_with_sql(text).map_err(unreadable)?;
    let parsed = parse(&mut parser).map_err(unreadable)?;
    parser.expect_token(&Token::EOF).map_err(unreadable)?;
    Ok(parsed)
}

fn unreadable(error: ParserError) -> Problem {
    Problem::new(match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => {
            format!("not an SQL expression: {text}")
        }
        ParserError::RecursionLimitExceeded => "too deeply nested".to_owned(),
    })
}
