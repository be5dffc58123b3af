//! Letters that their topic does not take go to a file: the record of such a letter would stop its pipeline after each start
//! anew. Knows nothing of topics.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ChoosyLetterWriter, ConnectorError, DeadLetter, DeadLetterFile, DeadLetterWriter, Offered};

/// One task's way to a place that does not take every letter, and to a file for the others.
pub struct Spill<W> {
    first: W,
    path: PathBuf,
    /// Opened for the first letter that goes there: most pipelines have none.
    file: Option<DeadLetterFile>,
    barrier: Option<u64>,
    told: bool,
}

impl<W: ChoosyLetterWriter> Spill<W> {
    /// To `first`, and what it does not take to the file at `path`.
    pub fn new(first: W, path: &Path) -> Self {
        Spill { first, path: path.to_owned(), file: None, barrier: None, told: false }
    }

    fn file(&mut self) -> Result<&mut DeadLetterFile, ConnectorError> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                // The pipeline runs: it waits for a disk, as it does with a file that is open.
                let opened = DeadLetterFile::open(&self.path);
                let mut file = opened.map_err(|e| ConnectorError::Retry(e.to_string()))?;
                // Nothing came here before that barrier.
                if let Some(id) = self.barrier {
                    file.barrier(id)?;
                }
                file
            }
        };
        Ok(self.file.insert(file))
    }
}

impl<W: ChoosyLetterWriter> DeadLetterWriter for Spill<W> {
    fn put(&mut self, letter: &DeadLetter) -> Result<(), ConnectorError> {
        let Offered::NotTaken(why) = self.first.offer(letter)? else { return Ok(()) };
        self.file()?.put(letter)?;
        if !std::mem::replace(&mut self.told, true) {
            let (pipeline, path) = (&letter.pipeline, self.path.display());
            tracing::warn!(
                pipeline,
                "a dead letter goes to {path}, as all that its topic does not take: {why}"
            );
        }
        Ok(())
    }

    fn barrier(&mut self, id: u64) -> Result<(), ConnectorError> {
        self.barrier = Some(id);
        if let Some(file) = &mut self.file {
            file.barrier(id)?;
        }
        self.first.barrier(id)
    }

    fn delivered(&mut self, wait: Duration) -> Result<Option<u64>, ConnectorError> {
        let first = self.first.delivered(wait)?;
        match &mut self.file {
            // `None` is the least: nothing is delivered before both have it.
            Some(file) => Ok(first.min(file.delivered(Duration::ZERO)?)),
            None => Ok(first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DeadLetterReader as _, LetterLines, Wanted};
    use super::*;

    /// Takes values of up to 10 bytes.
    #[derive(Default)]
    struct Small {
        taken: Vec<i64>,
        barrier: Option<u64>,
        /// It has delivered all but this many barriers.
        behind: u64,
        full: bool,
    }

    impl DeadLetterWriter for Small {
        fn put(&mut self, _letter: &DeadLetter) -> Result<(), ConnectorError> {
            unreachable!("letters are offered")
        }

        fn barrier(&mut self, id: u64) -> Result<(), ConnectorError> {
            self.barrier = Some(id);
            Ok(())
        }

        fn delivered(&mut self, _wait: Duration) -> Result<Option<u64>, ConnectorError> {
            Ok(self.barrier.and_then(|id| id.checked_sub(self.behind)))
        }
    }

    impl ChoosyLetterWriter for Small {
        fn offer(&mut self, letter: &DeadLetter) -> Result<Offered, ConnectorError> {
            if letter.value.as_ref().is_some_and(|value| value.len() > 10) {
                return Ok(Offered::NotTaken("it takes 10 bytes".into()));
            }
            if self.full {
                return Err(ConnectorError::Retry("full".into()));
            }
            self.taken.extend(letter.offset);
            Ok(Offered::Taken)
        }
    }

    fn letter(n: i64, bytes: usize) -> DeadLetter {
        let value = Some(vec![0xff; bytes]);
        let row_ipc = Some(vec![7; bytes]);
        DeadLetter { pipeline: "p".into(), offset: Some(n), value, row_ipc, ..DeadLetter::default() }
    }

    fn in_file(path: &Path) -> Vec<DeadLetter> {
        let mut lines = LetterLines::open(path, "p", Wanted::All).unwrap();
        std::iter::from_fn(|| lines.next().unwrap()).map(|kept| kept.letter).collect()
    }

    fn delivered<W: ChoosyLetterWriter>(spill: &mut Spill<W>) -> Option<u64> {
        spill.delivered(Duration::ZERO).unwrap()
    }

    #[test]
    fn what_is_too_large_goes_whole_to_the_file_and_the_rest_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("work/p/dead-letters.jsonl");
        let mut spill = Spill::new(Small::default(), &path);
        spill.put(&letter(1, 10)).unwrap();
        spill.barrier(1).unwrap();
        assert_eq!((delivered(&mut spill), path.exists()), (Some(1), false), "there is nothing for a file");
        // The file is opened after a barrier that was delivered: what was said stays said.
        spill.put(&letter(2, 3_000_000)).unwrap();
        assert_eq!(delivered(&mut spill), Some(1));
        spill.put(&letter(3, 1)).unwrap();
        spill.put(&letter(4, 11)).unwrap();
        spill.barrier(2).unwrap();
        assert_eq!(delivered(&mut spill), Some(2));
        assert_eq!(in_file(&path), [letter(2, 3_000_000), letter(4, 11)]);
        assert_eq!(spill.first.taken, [1, 3]);
    }

    #[test]
    fn a_barrier_is_delivered_when_both_have_all_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead-letters.jsonl");
        let mut spill = Spill::new(Small::default(), &path);
        spill.first.behind = 1;
        spill.put(&letter(1, 11)).unwrap();
        spill.barrier(1).unwrap();
        assert_eq!(delivered(&mut spill), Some(0), "the first has not");
        spill.first.behind = 0;
        assert_eq!(delivered(&mut spill), Some(1));

        // It takes every byte, and cannot be asked to keep them.
        let mut spill = Spill::new(Small::default(), Path::new("/dev/null"));
        spill.put(&letter(1, 11)).unwrap();
        spill.barrier(1).unwrap();
        assert!(matches!(spill.delivered(Duration::ZERO), Err(ConnectorError::Retry(_))), "the file has not");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_waited_for_and_a_full_topic_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead-letters.jsonl");
        std::fs::create_dir(&path).unwrap();
        let mut spill = Spill::new(Small::default(), &path);
        for _ in 0..2 {
            assert!(matches!(spill.put(&letter(1, 11)), Err(ConnectorError::Retry(_))));
        }
        std::fs::remove_dir(&path).unwrap();
        spill.first.full = true;
        assert!(matches!(spill.put(&letter(2, 1)), Err(ConnectorError::Retry(_))));
        spill.put(&letter(1, 11)).unwrap();
        spill.first.full = false;
        spill.put(&letter(2, 1)).unwrap();
        spill.barrier(1).unwrap();
        assert_eq!(delivered(&mut spill), Some(1));
        assert_eq!((in_file(&path), spill.first.taken), (vec![letter(1, 11)], vec![2]));
    }
}
