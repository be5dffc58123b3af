//! Dead letters in a file of JSON lines: appended, made durable at a barrier, read back line by line. The file may
//! be moved or removed while a pipeline runs: the next letters begin a new one.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom, Take, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ConnectorError, DeadLetter, DeadLetterReader, DeadLetterWriter, Kept, Wanted, folder_of};

/// Bytes of letters that are held before they are written without waiting for a barrier.
const BUFFER_BYTES: usize = 1 << 20;

/// One task's way to a file of dead letters. Several tasks append to the same file.
pub struct DeadLetterFile {
    path: PathBuf,
    /// Whole lines that are not in the file yet.
    buffer: Vec<u8>,
    barrier: Option<u64>,
    durable: Option<u64>,
}

impl DeadLetterFile {
    /// Writes to `path`, making it and its folder where there is none. A last line that was cut by a crash is ended.
    pub fn open(path: &Path) -> Result<Self, ConnectorError> {
        let end_last_line = || -> std::io::Result<()> {
            let mut file = append_to(path)?;
            let mut last = [b'\n'];
            if file.seek(SeekFrom::End(0))? > 0 {
                file.seek(SeekFrom::End(-1))?;
                file.read_exact(&mut last)?;
            }
            if last == [b'\n'] { Ok(()) } else { file.write_all(b"\n") }
        };
        end_last_line().map_err(|e| {
            ConnectorError::Stop(format!("the dead letters cannot be opened: {}: {e}", path.display()))
        })?;
        Ok(DeadLetterFile { path: path.to_owned(), buffer: Vec::new(), barrier: None, durable: None })
    }

    /// Everything held is in the file and durable, or still held: what was written and may not be durable is
    /// written once more, so that a letter may stand twice and is not lost.
    fn flush(&mut self) -> Result<(), ConnectorError> {
        let result = append_to(&self.path).and_then(|mut file| {
            let (written, result) = write(&mut file, &self.buffer);
            let durable = file.sync_data();
            forget(&mut self.buffer, written, durable.is_ok());
            result.and(durable)
        });
        result.map_err(|e| {
            ConnectorError::Retry(format!("dead letters cannot be written: {}: {e}", self.path.display()))
        })
    }
}

/// Writes what it can; answers how much that was.
fn write(file: &mut File, bytes: &[u8]) -> (usize, std::io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return (written, Err(e)),
            Ok(0) => return (written, Err(ErrorKind::WriteZero.into())),
            Ok(more) => written += more,
        }
    }
    (written, Ok(()))
}

/// Drops the lines that were written and are durable. A line that was cut in the middle is ended there, for others
/// append too, and written again whole.
fn forget(buffer: &mut Vec<u8>, written: usize, durable: bool) {
    let lines = buffer[..written].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    if durable {
        buffer.drain(..lines);
    }
    if lines < written {
        buffer.insert(0, b'\n');
    }
}

fn append_to(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true);
    match options.open(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            let folder = folder_of(path);
            std::fs::create_dir_all(folder)?;
            let file = options.create(true).open(path)?;
            // The name has to outlive a loss of power, as what is written will.
            File::open(folder)?.sync_all()?;
            Ok(file)
        }
        opened => opened,
    }
}

impl DeadLetterWriter for DeadLetterFile {
    fn put(&mut self, letter: &DeadLetter) -> Result<(), ConnectorError> {
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        let before = self.buffer.len();
        serde_json::to_writer(&mut self.buffer, letter).map_err(|e| {
            self.buffer.truncate(before);
            ConnectorError::Stop(format!("a dead letter cannot be written: {e}"))
        })?;
        self.buffer.push(b'\n');
        Ok(())
    }

    fn barrier(&mut self, id: u64) -> Result<(), ConnectorError> {
        self.barrier = Some(id);
        Ok(())
    }

    fn delivered(&mut self, _wait: Duration) -> Result<Option<u64>, ConnectorError> {
        if self.durable != self.barrier {
            if !self.buffer.is_empty() {
                self.flush()?;
            }
            self.durable = self.barrier;
        }
        Ok(self.durable)
    }
}

/// The letters of a pipeline in a file, which others may have letters in too, oldest first, each with the number of its
/// line as its name. A line that is no letter (cut by a crash) is passed over; a file that is not there has none.
pub struct LetterLines {
    path: PathBuf,
    pipeline: String,
    lines: Option<BufReader<Take<File>>>,
    number: u64,
    /// The only lines that are wanted.
    only: Option<BTreeSet<u64>>,
    line: Vec<u8>,
}

impl LetterLines {
    /// Whether letters in a file may have this name.
    pub fn is_name(id: &str) -> bool {
        id.parse::<u64>().is_ok()
    }

    /// Opens `path` at its present length: what is written later is not read.
    pub fn open(path: &Path, pipeline: &str, wanted: Wanted<'_>) -> Result<Self, ConnectorError> {
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let lines = match opened {
            Ok((length, file)) => Some(BufReader::with_capacity(1 << 16, file.take(length))),
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            Err(e) => return Err(unreadable(path, &e)),
        };
        let only = match wanted {
            Wanted::All | Wanted::Newest(_) => None,
            Wanted::These(ids) => Some(ids.iter().filter_map(|id| id.parse().ok()).collect()),
        };
        let (path, pipeline) = (path.to_owned(), pipeline.to_owned());
        Ok(LetterLines { path, pipeline, lines, number: 0, only, line: Vec::new() })
    }
}

impl DeadLetterReader for LetterLines {
    fn next(&mut self) -> Result<Option<Kept>, ConnectorError> {
        let Some(lines) = &mut self.lines else { return Ok(None) };
        while self.only.as_ref().is_none_or(|only| only.last().is_some_and(|last| self.number < *last)) {
            self.line.clear();
            let read = lines.read_until(b'\n', &mut self.line).map_err(|e| unreadable(&self.path, &e))?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.only.as_ref().is_some_and(|only| !only.contains(&self.number)) {
                continue;
            }
            if let Ok(letter) = serde_json::from_slice::<DeadLetter>(&self.line)
                && letter.pipeline == self.pipeline
            {
                return Ok(Some(Kept { id: self.number.to_string(), letter }));
            }
        }
        Ok(None)
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> ConnectorError {
    ConnectorError::Stop(format!("the dead letters cannot be read: {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(n: i64) -> DeadLetter {
        DeadLetter {
            pipeline: "p".into(),
            offset: Some(n),
            value: Some(vec![0xff, n as u8]),
            ..Default::default()
        }
    }

    fn write(file: &mut DeadLetterFile, n: i64) {
        file.put(&letter(n)).unwrap();
        file.barrier(n as u64).unwrap();
        assert_eq!(file.delivered(Duration::ZERO).unwrap(), Some(n as u64));
    }

    fn all(mut lines: LetterLines) -> Vec<(String, DeadLetter)> {
        std::iter::from_fn(|| lines.next().unwrap()).map(|kept| (kept.id, kept.letter)).collect()
    }

    #[test]
    fn letters_come_back_in_order_and_a_cut_line_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("work/dead-letters.jsonl");
        write(&mut DeadLetterFile::open(&path).unwrap(), 1);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"cut").unwrap();
        let mut file = DeadLetterFile::open(&path).unwrap();
        write(&mut file, 2);
        let opened = LetterLines::open(&path, "p", Wanted::All).unwrap();
        write(&mut file, 3);
        assert_eq!(all(opened), [("1".to_owned(), letter(1)), ("3".to_owned(), letter(2))]);
        assert_eq!(all(LetterLines::open(&path, "p", Wanted::Newest(1)).unwrap()).len(), 3);
        assert_eq!(all(LetterLines::open(&folder.path().join("none"), "p", Wanted::All).unwrap()), []);
        let these = |ids: &[&str]| {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            all(LetterLines::open(&path, "p", Wanted::These(&ids)).unwrap())
                .into_iter()
                .map(|(id, _)| id)
                .collect::<Vec<_>>()
        };
        assert_eq!(these(&["3"]), ["3"]);
        assert_eq!(these(&["2", "4", "1", "0", "9", "x", "-1"]), ["1", "4"]);
        assert_eq!(these(&[]), [""; 0]);
    }

    #[test]
    fn a_file_that_is_moved_away_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead-letters.jsonl");
        let mut file = DeadLetterFile::open(&path).unwrap();
        write(&mut file, 1);
        std::fs::rename(&path, folder.path().join("old.jsonl")).unwrap();
        write(&mut file, 2);
        assert_eq!(all(LetterLines::open(&path, "p", Wanted::All).unwrap()), [("1".to_owned(), letter(2))]);
    }

    #[test]
    fn what_was_cut_while_writing_is_written_again_whole() {
        let rest = |durable, written| {
            let mut buffer = b"one\ntwo\n".to_vec();
            forget(&mut buffer, written, durable);
            String::from_utf8(buffer).unwrap()
        };
        assert_eq!(
            [0, 2, 4, 6, 8].map(|written| rest(true, written)),
            ["one\ntwo\n", "\none\ntwo\n", "two\n", "\ntwo\n", ""]
        );
        assert_eq!(
            [0, 2, 4, 6, 8].map(|written| rest(false, written)),
            ["one\ntwo\n", "\none\ntwo\n", "one\ntwo\n", "\none\ntwo\n", "one\ntwo\n"]
        );
    }

    #[test]
    fn letters_that_may_not_be_durable_stay_held_and_stop_the_commit() {
        // It takes every byte, and cannot be asked to keep them.
        let mut file = DeadLetterFile::open(Path::new("/dev/null")).unwrap();
        file.put(&letter(1)).unwrap();
        file.barrier(1).unwrap();
        for _ in 0..2 {
            assert!(matches!(file.delivered(Duration::ZERO), Err(ConnectorError::Retry(_))));
        }
        let folder = tempfile::tempdir().unwrap();
        file.path = folder.path().join("dead-letters.jsonl");
        assert_eq!(file.delivered(Duration::ZERO).unwrap(), Some(1));
        assert_eq!(
            all(LetterLines::open(&file.path, "p", Wanted::All).unwrap()),
            [("1".to_owned(), letter(1))]
        );
    }

    #[test]
    fn pipelines_that_share_a_file_have_each_their_own_letters() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead.jsonl");
        let mut file = DeadLetterFile::open(&path).unwrap();
        for (n, pipeline) in [(1, "p"), (2, "other"), (3, "p")] {
            file.put(&DeadLetter { pipeline: pipeline.into(), ..letter(n) }).unwrap();
        }
        file.flush().unwrap();
        let ids = |pipeline: &str, wanted: Wanted<'_>| {
            let letters = all(LetterLines::open(&path, pipeline, wanted).unwrap());
            letters.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
        };
        assert_eq!(
            (ids("p", Wanted::All), ids("other", Wanted::All)),
            (vec!["1".into(), "3".into()], vec!["2".into()])
        );
        assert!(ids("p", Wanted::These(&["2".to_owned()])).is_empty());
    }
}
