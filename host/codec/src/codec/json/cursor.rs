//! A place in a record's text: white space, literals, and values that no column takes, which are checked and
//! skipped without recursion. Knows nothing of columns.

use super::MAX_DEPTH;
use crate::codec::problem::{Outcome, Problem, code, quote};

/// Whether `text` is one JSON value, or what is wrong with it.
pub(crate) fn check(text: &[u8], scratch: &mut Vec<u8>) -> Outcome<()> {
    let mut cursor = Cursor { text, at: 0, scratch };
    cursor.skip()?;
    cursor.end()
}

/// A place in a record's text.
pub(crate) struct Cursor<'a> {
    pub(crate) text: &'a [u8],
    pub(crate) at: usize,
    /// For strings that are not appended to a column.
    pub(crate) scratch: &'a mut Vec<u8>,
}

impl Cursor<'_> {
    /// The byte here; 0, which JSON has nowhere outside a mistake, at the end.
    #[inline(always)]
    pub(super) fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    /// Skips white space; gives the byte after it.
    #[inline(always)]
    pub(crate) fn next_token(&mut self) -> u8 {
        let mut byte = self.peek();
        while byte <= b' ' {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                _ => return byte,
            }
            byte = self.peek();
        }
        byte
    }

    /// Skips white space and `expected`.
    #[inline(always)]
    pub(crate) fn expect(&mut self, expected: u8, what: &str) -> Outcome<()> {
        if self.next_token() != expected {
            return Err(self.syntax(what));
        }
        self.at += 1;
        Ok(())
    }

    /// After an item or entry: true when another one follows, false when `end` closed it.
    #[inline(always)]
    pub(crate) fn another(&mut self, end: u8) -> Outcome<bool> {
        let byte = self.next_token();
        if byte == b',' {
            self.at += 1;
            return Ok(true);
        }
        if byte == end {
            self.at += 1;
            return Ok(false);
        }
        Err(self.syntax(if end == b'}' { "',' or '}'" } else { "',' or ']'" }))
    }

    /// Nothing but white space follows.
    #[inline]
    pub(crate) fn end(&mut self) -> Outcome<()> {
        self.next_token();
        if self.at < self.text.len() { Err(self.syntax("the end of the record")) } else { Ok(()) }
    }

    /// Skips `true`, `false` or `null`.
    #[inline]
    pub(crate) fn literal(&mut self, literal: &'static str) -> Outcome<()> {
        if !self.text[self.at..].starts_with(literal.as_bytes()) {
            return Err(self.syntax(literal));
        }
        self.at += literal.len();
        Ok(())
    }

    /// Checks and skips one value of any kind.
    pub(super) fn skip(&mut self) -> Outcome<()> {
        // One bit for each open bracket: 1 is an object.
        let mut open: u128 = 0;
        let mut depth = 0;
        loop {
            let closes = match self.next_token() {
                bracket @ (b'{' | b'[') => {
                    self.at += 1;
                    let object = bracket == b'{';
                    let empty = self.next_token() == if object { b'}' } else { b']' };
                    if empty {
                        self.at += 1;
                    } else {
                        if depth == MAX_DEPTH {
                            return Err(self.too_deep());
                        }
                        (open, depth) = (open << 1 | u128::from(object), depth + 1);
                        if object {
                            self.skip_key()?;
                        }
                    }
                    empty
                }
                b'"' => self.skip_string().map(|()| true)?,
                b't' => self.literal("true").map(|()| true)?,
                b'f' => self.literal("false").map(|()| true)?,
                b'n' => self.literal("null").map(|()| true)?,
                b'-' | b'0'..=b'9' => self.number().map(|_| true)?,
                _ => return Err(self.syntax("a value")),
            };
            if !closes {
                continue;
            }
            loop {
                if depth == 0 {
                    return Ok(());
                }
                let object = open & 1 == 1;
                if self.another(if object { b'}' } else { b']' })? {
                    if object {
                        self.skip_key()?;
                    }
                    break;
                }
                (open, depth) = (open >> 1, depth - 1);
            }
        }
    }

    fn skip_key(&mut self) -> Outcome<()> {
        if self.next_token() != b'"' {
            return Err(self.syntax("a key"));
        }
        self.skip_string()?;
        self.expect(b':', "':'")
    }

    /// What is wrong here: something else than `expected`.
    #[cold]
    pub(crate) fn syntax(&self, expected: &str) -> Box<Problem> {
        let found = match self.text.get(self.at..) {
            None | Some([]) if self.text.is_empty() => "an empty record".to_owned(),
            None | Some([]) => "the end of the record".to_owned(),
            Some(rest) => format!("`{}`", quote(&rest[..rest.len().min(12)])),
        };
        Problem::new(code::JSON_SYNTAX, format!("at byte {}: expected {expected}, found {found}", self.at))
    }

    #[cold]
    fn too_deep(&self) -> Box<Problem> {
        let what = format!("at byte {}: nested deeper than {MAX_DEPTH} levels", self.at);
        Problem::new(code::TOO_LARGE, what)
    }
}
