//! Which letters were run through their pipeline again: lines appended beside the letters, each durable before
//! anybody is told. A mark names a letter and the time at which it failed, so that it means nothing for another
//! letter that has its name after the file of the letters was replaced.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Kept, folder_of};

/// A letter that was run again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The letter's name.
    pub id: String,
    /// When it failed, milliseconds since 1970.
    pub failed_ms: i64,
    /// When it was through, milliseconds since 1970.
    pub replayed_ms: i64,
    /// It failed again: a new letter stands for it.
    #[serde(default)]
    pub failed_again: bool,
}

/// The marks of one pipeline's letters.
pub struct Marks {
    path: PathBuf,
    by_id: HashMap<String, Mark>,
}

impl Marks {
    /// Reads the marks in `path`; a file that is not there has none. A line that was cut by a crash is left out:
    /// its letter is run once more.
    pub fn open(path: &Path) -> std::io::Result<Marks> {
        let mut by_id = HashMap::new();
        match File::open(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
            Ok(file) => {
                for line in BufReader::new(file).split(b'\n') {
                    if let Ok(mark) = serde_json::from_slice::<Mark>(&line?) {
                        by_id.insert(mark.id.clone(), mark);
                    }
                }
            }
        }
        Ok(Marks { path: path.to_owned(), by_id })
    }

    /// The mark of a letter.
    pub fn of(&self, kept: &Kept) -> Option<&Mark> {
        self.by_id.get(&kept.id).filter(|mark| mark.failed_ms == kept.letter.at_ms)
    }

    /// Adds marks; they are durable when this returns.
    pub fn add(&mut self, marks: Vec<Mark>) -> std::io::Result<()> {
        if marks.is_empty() {
            return Ok(());
        }
        let folder = folder_of(&self.path);
        std::fs::create_dir_all(folder)?;
        // The line break before ends a line that a crash has cut; empty lines are passed over.
        let mut lines = vec![b'\n'];
        for mark in &marks {
            serde_json::to_writer(&mut lines, mark)?;
            lines.push(b'\n');
        }
        let new = !self.path.exists();
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        file.write_all(&lines)?;
        file.sync_data()?;
        if new {
            File::open(folder)?.sync_all()?;
        }
        self.by_id.extend(marks.into_iter().map(|mark| (mark.id.clone(), mark)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::DeadLetter;
    use super::*;

    #[test]
    fn the_folder_of_a_name_is_the_working_directory() {
        assert_eq!(folder_of(Path::new("dead.replayed.jsonl")), Path::new("."));
        assert_eq!(folder_of(Path::new("work/dead.jsonl")), Path::new("work"));
    }

    #[test]
    fn marks_outlive_a_crash_and_mean_only_their_own_letter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("work/letters.replayed.jsonl");
        let mark = |id: &str| Mark { id: id.into(), failed_ms: 7, replayed_ms: 9, failed_again: id == "2" };
        let kept =
            |id: &str, at_ms| Kept { id: id.into(), letter: DeadLetter { at_ms, ..DeadLetter::default() } };
        Marks::open(&path).unwrap().add(vec![mark("1"), mark("2")]).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"id\":\"3\",\"fai").unwrap();
        let mut marks = Marks::open(&path).unwrap();
        assert_eq!((marks.of(&kept("1", 7)), marks.of(&kept("3", 7))), (Some(&mark("1")), None));
        assert_eq!(marks.of(&kept("1", 8)), None, "another letter has that name now");
        marks.add(vec![mark("3")]).unwrap();
        let marks = Marks::open(&path).unwrap();
        assert!(marks.of(&kept("3", 7)).is_some() && marks.of(&kept("2", 7)).unwrap().failed_again);
    }
}
