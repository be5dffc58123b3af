//! A sink that prints a line a row on standard output, as its codec encodes it.

use std::io::Write as _;
use std::time::Duration;

use super::{ConnectorError, Writer, Written};
use crate::batch::Batch;
use crate::codec::{Encoded, Encoder, RecordError};

/// Prints rows.
pub struct Stdout {
    encoder: Encoder,
    encoded: Encoded,
    line: Vec<u8>,
    bytes: usize,
    barrier: Option<u64>,
}

impl Stdout {
    /// Prints as `encoder` says.
    pub fn new(encoder: Encoder) -> Self {
        Stdout { encoder, encoded: Encoded::default(), line: Vec::new(), bytes: 0, barrier: None }
    }
}

/// Appends the rows that encoded to `lines`, a line each (an empty one for a row of no bytes), and reports the others;
/// `wrong` says why a row's bytes cannot be a line.
pub(super) fn lines(
    encoded: &mut Encoded,
    from: usize,
    lines: &mut Vec<u8>,
    errors: &mut Vec<RecordError>,
    wrong: impl Fn(&[u8]) -> Option<&'static str>,
) {
    let (mut start, mut failed) = (0, encoded.errors.iter().map(|e| e.index as usize).peekable());
    let mut no_lines = Vec::new();
    for (row, end) in encoded.ends.iter().map(|end| *end as usize).enumerate() {
        let bytes = &encoded.bytes[start..end];
        start = end;
        if failed.next_if_eq(&row).is_some() {
            continue;
        }
        match wrong(bytes) {
            Some(why) => {
                no_lines.push(RecordError { index: row as u32, code: "no-line", message: why.into() })
            }
            None => {
                lines.extend_from_slice(bytes);
                lines.push(b'\n');
            }
        }
    }
    encoded.errors.append(&mut no_lines);
    errors.extend(encoded.errors.drain(..).map(|e| RecordError { index: e.index + from as u32, ..e }));
}

impl Writer for Stdout {
    fn write(
        &mut self,
        batch: &Batch,
        from: usize,
        errors: &mut Vec<RecordError>,
    ) -> Result<Written, ConnectorError> {
        self.line.clear();
        self.encoder.encode(&batch.rows.slice(from, batch.len() - from), &mut self.encoded);
        lines(&mut self.encoded, from, &mut self.line, errors, |_| None);
        self.bytes += self.encoded.bytes.len();
        let mut out = std::io::stdout().lock();
        out.write_all(&self.line)
            .and_then(|()| out.flush())
            .map_err(|e| ConnectorError::Stop(format!("standard output is closed: {e}")))?;
        Ok(Written::Taken)
    }

    fn take_bytes(&mut self) -> usize {
        std::mem::take(&mut self.bytes)
    }

    fn barrier(&mut self, id: u64) -> Result<(), ConnectorError> {
        self.barrier = Some(id);
        Ok(())
    }

    fn delivered(&mut self, _wait: Duration) -> Result<Option<u64>, ConnectorError> {
        Ok(self.barrier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_line_or_an_error() {
        let failed = RecordError { index: 1, code: "no", message: "no".into() };
        let mut encoded = Encoded::default();
        encoded.bytes.extend(b"ab");
        encoded.ends.extend([1, 1, 1, 2]);
        encoded.errors.push(failed.clone());
        let (mut text, mut errors) = (Vec::new(), Vec::new());
        lines(&mut encoded, 10, &mut text, &mut errors, |_| None);
        assert_eq!(text, b"a\n\nb\n");
        assert_eq!(errors, [RecordError { index: 11, ..failed }]);
    }
}
