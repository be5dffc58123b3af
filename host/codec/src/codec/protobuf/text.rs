//! A `.proto` text made ready for the compiler, which recurses with brackets and trusts what it reads: comments are taken
//! out, strings and names checked, brackets counted. What the compiler could understand in another way than this is
//! refused. Knows nothing of what the text says.

/// Deepest nesting of brackets: the compiler recurses.
const MAX_NESTING: usize = 50;

/// Longest name, those before it that dots separate included.
pub(super) const MAX_NAME: usize = 512;

/// The text with spaces for comments, so that places in it stay; or why it is none.
pub(super) fn tidy(text: &str) -> Result<String, String> {
    let mut scan = Scan { rest: text.as_bytes(), out: Vec::with_capacity(text.len()), open: Vec::new() };
    let mut statement = Statement::default();
    while let Some(&byte) = scan.rest.first() {
        let begin = scan.out.len();
        let outcome = match byte {
            b' ' | b'\n' | b'\t' | b'\r' | 0x0b | 0x0c => scan.space(1),
            b'#' => scan.line_comment(),
            b'/' if scan.rest.starts_with(b"//") => scan.line_comment(),
            b'/' if scan.rest.starts_with(b"/*") => scan.block_comment(),
            b'"' | b'\'' => scan.string(byte),
            _ if is_word(byte) => scan.word(),
            _ => scan.sign(byte),
        };
        outcome.map_err(|why| format!("line {}: {why}", line(&scan.out)))?;
        if !scan.out[begin..].iter().all(u8::is_ascii_whitespace)
            && statement.goes_on(&scan.out[begin..], scan.open.len())
        {
            blank(&mut scan.out[begin..]);
        }
    }
    String::from_utf8(scan.out).map_err(|_| "the text is not UTF-8".to_owned())
}

struct Scan<'a> {
    rest: &'a [u8],
    /// What was read, comments blank.
    out: Vec<u8>,
    /// For each bracket that is open, the one that closes it.
    open: Vec<u8>,
}

impl Scan<'_> {
    fn copy(&mut self, len: usize) {
        let (taken, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.out.extend_from_slice(taken);
        self.rest = rest;
    }

    fn space(&mut self, len: usize) -> Result<(), String> {
        let begin = self.out.len();
        self.copy(len);
        blank(&mut self.out[begin..]);
        Ok(())
    }

    fn line_comment(&mut self) -> Result<(), String> {
        let end = self.rest.iter().position(|&byte| byte == b'\n');
        self.space(end.unwrap_or(self.rest.len()))
    }

    fn block_comment(&mut self) -> Result<(), String> {
        let end = self.rest[2..].windows(2).position(|pair| pair == b"*/");
        let end = end.ok_or("the comment does not end: close it with */")?;
        self.space(end + 4)
    }

    fn string(&mut self, quote: u8) -> Result<(), String> {
        let mut len = 1;
        loop {
            let rest = &self.rest[len.min(self.rest.len())..];
            len += match rest {
                [b'\n' | 0, ..] | [] => return Err("the string does not end where its line does".to_owned()),
                [b'\\', ..] => escape(rest).ok_or("a string has an escape that does not exist")?,
                [byte, ..] if *byte == quote => break,
                _ => 1,
            };
        }
        self.copy(len + 1);
        Ok(())
    }

    fn word(&mut self) -> Result<(), String> {
        let len = self.rest.iter().position(|&byte| !is_word(byte)).unwrap_or(self.rest.len());
        if len > MAX_NAME {
            return Err(format!("a name has {len} bytes; it may have {MAX_NAME}: shorten it"));
        }
        self.copy(len);
        Ok(())
    }

    fn sign(&mut self, byte: u8) -> Result<(), String> {
        match byte {
            b'{' => self.open.push(b'}'),
            b'[' => self.open.push(b']'),
            b'<' => self.open.push(b'>'),
            b'(' => self.open.push(b')'),
            // The compiler goes on behind one that does not belong there, and those that are open stay open.
            b'}' | b']' | b'>' | b')' if self.open.pop() != Some(byte) => {
                return Err(format!("'{}' closes no bracket that is open", char::from(byte)));
            }
            _ => {}
        }
        if self.open.len() > MAX_NESTING {
            return Err(format!("brackets are nested deeper than {MAX_NESTING} levels"));
        }
        self.copy(1);
        Ok(())
    }
}

/// Finds the options of `extensions 4 to 9 [...];`, which the compiler copies for each range of numbers and nobody asks
/// for.
#[derive(Default)]
struct Statement {
    /// Words and signs so far.
    parts: usize,
    extensions: bool,
    /// How deep brackets are around the options, within them.
    options: Option<usize>,
}

impl Statement {
    /// Takes one more word, string or sign, after which brackets are `depth` deep; answers whether it is of such options.
    fn goes_on(&mut self, part: &[u8], depth: usize) -> bool {
        if let Some(around) = self.options {
            self.options = Some(around).filter(|around| depth > *around);
            return true;
        }
        match part {
            b"extensions" if self.parts == 0 => self.extensions = true,
            b"[" if self.extensions => self.options = Some(depth - 1),
            b";" | b"{" | b"}" => *self = Statement::default(),
            _ => {}
        }
        self.parts += usize::from(!matches!(part, b";" | b"{" | b"}"));
        self.options.is_some()
    }
}

/// The length of an escape that the compiler knows.
fn escape(rest: &[u8]) -> Option<usize> {
    let hexadecimal = |digits: usize| {
        let found = rest.get(2..2 + digits)?;
        found.iter().all(u8::is_ascii_hexdigit).then_some(2 + digits)
    };
    match rest.get(1)? {
        b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'?' | b'\\' | b'\'' | b'"' | b'0'..=b'7' => Some(2),
        b'x' | b'X' => hexadecimal(1),
        b'u' => hexadecimal(4),
        b'U' => hexadecimal(8),
        _ => None,
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')
}

fn blank(text: &mut [u8]) {
    text.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
}

fn line(text: &[u8]) -> usize {
    1 + text.iter().filter(|&&byte| byte == b'\n').count()
}
