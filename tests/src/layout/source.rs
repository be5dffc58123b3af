//! A Rust file taken apart: its tokens without comments and literals, and its comments.
//!
//! Only as much of the language as the rules need; knows no rule.

/// An identifier, `::`, or one other character.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// The text.
    pub text: String,
    /// Counted from 1.
    pub line: usize,
}

/// What the rules look at.
pub struct Source {
    /// The code; what stands in comments and literals is not in it.
    pub tokens: Vec<Token>,
    /// Each line of a comment, with its number.
    pub comments: Vec<(usize, String)>,
}

impl Source {
    /// Takes a file apart. Never fails: what is no Rust gives odd tokens.
    pub fn parse(text: &str) -> Self {
        let mut reader =
            Reader { rest: text, line: 1, source: Self { tokens: Vec::new(), comments: Vec::new() } };
        while reader.step() {}
        reader.source
    }
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    source: Source,
}

impl<'a> Reader<'a> {
    /// Reads one thing; false at the end.
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else {
            return false;
        };
        if self.rest.starts_with("//") {
            let comment = self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
            self.source.comments.push((self.line, comment.to_owned()));
        } else if self.rest.starts_with("/*") {
            self.block_comment();
        } else if let Some((prefix, hashes)) = raw_string(self.rest) {
            let end = format!("\"{}", "#".repeat(hashes));
            let body = &self.rest[prefix..];
            let length = body.find(&end).map_or(body.len(), |at| at + end.len());
            self.take(prefix + length);
        } else if first == '"' {
            self.take(quoted(self.rest, '"'));
        } else if first == '\'' && is_character(self.rest) {
            self.take(quoted(self.rest, '\''));
        } else if first.is_alphabetic() || first == '_' {
            let name = |c: char| c.is_alphanumeric() || c == '_';
            let length = self.rest.find(|c| !name(c)).unwrap_or(self.rest.len());
            let prefix = &self.rest[..length];
            let literal = ["b", "c"].contains(&prefix) && self.rest[length..].starts_with(['"', '\'']);
            if literal {
                self.take(length);
            } else {
                self.token(length);
            }
        } else if self.rest.starts_with("::") {
            self.token(2);
        } else if first.is_whitespace() {
            self.take(first.len_utf8());
        } else {
            self.token(first.len_utf8());
        }
        true
    }

    fn token(&mut self, length: usize) {
        let line = self.line;
        let text = self.take(length).to_owned();
        self.source.tokens.push(Token { text, line });
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    /// Block comments nest.
    fn block_comment(&mut self) {
        let first_line = self.line;
        let (mut depth, mut at) = (0, 0);
        loop {
            let rest = &self.rest[at..];
            if rest.starts_with("/*") {
                depth += 1;
                at += 2;
            } else if rest.starts_with("*/") {
                depth -= 1;
                at += 2;
            } else {
                at += rest.chars().next().map_or(0, char::len_utf8);
            }
            if depth == 0 || at == self.rest.len() {
                break;
            }
        }
        let comment = self.take(at);
        let lines = comment.lines().enumerate();
        self.source.comments.extend(lines.map(|(n, line)| (first_line + n, line.to_owned())));
    }
}

/// The length of the opening of a raw string and its number of `#`.
fn raw_string(rest: &str) -> Option<(usize, usize)> {
    let start = ["r", "br", "cr"].into_iter().find(|prefix| {
        rest.strip_prefix(prefix).is_some_and(|after| after.trim_start_matches('#').starts_with('"'))
    })?;
    let after = &rest[start.len()..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    Some((start.len() + hashes + 1, hashes))
}

/// The length of a literal with escapes that opens and closes with `quote`.
fn quoted(rest: &str, quote: char) -> usize {
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == '\\' {
            characters.next();
        } else if character == quote {
            return at + 1;
        }
    }
    rest.len()
}

/// Whether a `'` opens a character and not a lifetime.
fn is_character(rest: &str) -> bool {
    let mut characters = rest.chars().skip(1);
    match (characters.next(), characters.next()) {
        (Some('\\'), _) => true,
        (Some(_), next) => next == Some('\''),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        let tokens = Source::parse(text).tokens;
        tokens.iter().map(|token| &*token.text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_and_literals_are_no_code() {
        assert_eq!(words("use a::b; // c::d\n/* e /* f */ g */ h"), "use a :: b ; h");
        assert_eq!(
            words(r##"x("a \" b", r#"c " d"#, b"e", br"f", '"', '\'', b'g') y"##),
            "x ( , , , , , , ) y"
        );
        assert_eq!(words("fn f<'a>(x: &'a str) {}"), "fn f < ' a > ( x : & ' a str ) { }");
        assert_eq!(words("r#type"), "r # type");
    }

    #[test]
    fn lines_are_counted() {
        let source = Source::parse("a\n\"x\ny\" b\n/* 1\n2 */ c // d");
        let lines: Vec<_> = source.tokens.iter().map(|token| (&*token.text, token.line)).collect();
        assert_eq!(lines, [("a", 1), ("b", 3), ("c", 5)]);
        assert_eq!(source.comments, [(4, "/* 1".into()), (5, "2 */".into()), (5, "// d".into())]);
    }

    #[test]
    fn what_never_ends_ends_with_the_file() {
        assert_eq!(words("a /* b"), "a");
        assert_eq!(words("a \"b"), "a");
        assert_eq!(words("a r#\"b\""), "a");
    }
}
