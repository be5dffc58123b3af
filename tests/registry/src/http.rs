//! As much of HTTP/1.1 as the API needs: a request with a body of a declared length, an answer, the connection
//! kept. Knows nothing of what is asked.

use std::io::{BufRead, Read, Result, Write};

/// The longest body that is read.
const BODY_MAX: u64 = 16 << 20;
/// The longest line that is read.
const LINE_MAX: u64 = 64 << 10;

/// A request.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query as sent.
    pub(crate) target: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// An answer; its body is JSON or meant to be.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Request {
    /// The parts of the path, decoded.
    pub(crate) fn path(&self) -> Vec<String> {
        let path = self.target.split('?').next().unwrap_or_default();
        path.split('/').filter(|part| !part.is_empty()).map(decode).collect()
    }

    /// Whether the query says `name=true`, in whatever case.
    pub(crate) fn asks(&self, name: &str) -> bool {
        self.wants(name, "true")
    }

    /// Whether the query says that.
    pub(crate) fn wants(&self, name: &str, wanted: &str) -> bool {
        let (_, query) = self.target.split_once('?').unwrap_or_default();
        query.split('&').any(|pair| {
            pair.split_once('=').is_some_and(|(key, value)| key == name && value.eq_ignore_ascii_case(wanted))
        })
    }
}

/// The next request of a connection; `None` at its end, or where it is no HTTP.
pub(crate) fn read(stream: &mut impl BufRead) -> Option<Request> {
    let first = line(stream)?;
    let mut words = first.split(' ');
    let mut request =
        Request { method: words.next()?.to_owned(), target: words.next()?.to_owned(), ..Request::default() };
    let mut length = 0;
    loop {
        let header = line(stream)?;
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':')?;
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok().filter(|length| *length <= BODY_MAX)?,
            "authorization" => request.authorization = Some(value.trim().to_owned()),
            "transfer-encoding" => return None,
            _ => {}
        }
    }
    stream.take(length).read_to_end(&mut request.body).ok()?;
    Some(request)
}

/// Sends an answer.
pub(crate) fn write(stream: &mut impl Write, answer: &Answer) -> Result<()> {
    let Answer { status, body } = answer;
    let kind = "application/vnd.schemaregistry.v1+json";
    let length = body.len();
    let head = format!("HTTP/1.1 {status} -\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())
}

fn line(stream: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    stream.take(LINE_MAX).read_line(&mut line).ok()?;
    line.strip_suffix('\n').map(|line| line.trim_end_matches('\r').to_owned())
}

/// `%2F` → `/`.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| bytes[at] == b'%') {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
