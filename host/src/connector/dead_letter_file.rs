//! Dead letters in a file of JSON lines: appended, made durable at a barrier, read back from its end.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{ConnectorError, DeadLetter, DeadLetterWriter};

/// Bytes of letters that are held before they are written without waiting for a barrier.
const BUFFER_BYTES: usize = 256 << 10;

/// A file of dead letters, open for appending. Several tasks may share it.
#[derive(Clone)]
pub struct DeadLetterFile {
    path: PathBuf,
    file: Arc<Mutex<File>>,
    buffer: Vec<u8>,
    barrier: Option<u64>,
    durable: Option<u64>,
}

impl DeadLetterFile {
    /// Opens `path`, making it and its folder where there is none. A last line that was cut by a crash is ended.
    pub fn open(path: &Path) -> Result<Self, ConnectorError> {
        let open = || -> std::io::Result<File> {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
            let mut last = [b'\n'];
            if file.seek(SeekFrom::End(0))? > 0 {
                file.seek(SeekFrom::End(-1))?;
                std::io::Read::read_exact(&mut file, &mut last)?;
            }
            if last != [b'\n'] {
                file.write_all(b"\n")?;
            }
            Ok(file)
        };
        let file = open().map_err(|e| {
            ConnectorError::Stop(format!("the dead letters cannot be opened: {}: {e}", path.display()))
        })?;
        Ok(DeadLetterFile {
            path: path.to_owned(),
            file: Arc::new(Mutex::new(file)),
            buffer: Vec::new(),
            barrier: None,
            durable: None,
        })
    }

    fn flush(&mut self) -> Result<(), ConnectorError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let before = file.metadata().map(|m| m.len()).unwrap_or(0);
        file.write_all(&self.buffer).map_err(|e| {
            // Nothing of it stays: it is written again.
            let _ = file.set_len(before);
            ConnectorError::Retry(format!("dead letters cannot be written: {}: {e}", self.path.display()))
        })?;
        self.buffer.clear();
        Ok(())
    }
}

impl DeadLetterWriter for DeadLetterFile {
    fn put(&mut self, letter: &DeadLetter) -> Result<(), ConnectorError> {
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        serde_json::to_writer(&mut self.buffer, letter).map_err(|e| ConnectorError::Stop(e.to_string()))?;
        self.buffer.push(b'\n');
        Ok(())
    }

    fn barrier(&mut self, id: u64) -> Result<(), ConnectorError> {
        self.barrier = Some(id);
        Ok(())
    }

    fn delivered(&mut self, _wait: Duration) -> Result<Option<u64>, ConnectorError> {
        if self.durable != self.barrier {
            self.flush()?;
            let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.sync_data().map_err(|e| {
                ConnectorError::Retry(format!("dead letters are not durable: {}: {e}", self.path.display()))
            })?;
            self.durable = self.barrier;
        }
        Ok(self.durable)
    }
}

/// The newest `limit` letters of a file, newest first, each with its line number as its name. A line that is no
/// letter (cut by a crash) is left out; a file that is not there has none.
pub fn newest(path: &Path, limit: usize) -> std::io::Result<Vec<(String, DeadLetter)>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut kept = std::collections::VecDeque::with_capacity(limit.min(1024));
    for (number, line) in BufReader::new(file).split(b'\n').enumerate() {
        let line = line?;
        if let Ok(letter) = serde_json::from_slice::<DeadLetter>(&line) {
            if kept.len() == limit {
                kept.pop_front();
            }
            kept.push_back(((number + 1).to_string(), letter));
        }
    }
    Ok(kept.into_iter().rev().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_come_back_newest_first_and_a_cut_line_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("work/dead-letters.jsonl");
        let letter =
            |n: i64| DeadLetter { offset: Some(n), value: Some(vec![0xff, n as u8]), ..Default::default() };
        let mut file = DeadLetterFile::open(&path).unwrap();
        file.put(&letter(1)).unwrap();
        file.barrier(7).unwrap();
        assert_eq!(file.delivered(Duration::ZERO).unwrap(), Some(7));
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"cut").unwrap();
        let mut file = DeadLetterFile::open(&path).unwrap();
        file.put(&letter(2)).unwrap();
        file.barrier(8).unwrap();
        file.delivered(Duration::ZERO).unwrap();
        let found = newest(&path, 10).unwrap();
        assert_eq!(found, [("3".to_owned(), letter(2)), ("1".to_owned(), letter(1))]);
        assert_eq!(newest(&path, 1).unwrap().len(), 1);
        assert_eq!(newest(&folder.path().join("none"), 1).unwrap(), []);
    }
}
