//! Sources of this machine: all their partitions are always ours, and how far they are done is kept in a small
//! file. Knows nothing of what the readers read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Commit, ConnectorError, Group, GroupEvent, Partition};

/// Progress by source and partition.
pub type Progress = BTreeMap<String, BTreeMap<i32, i64>>;

/// Makes the partitions of a pipeline's local sources, each from where it was done.
pub type MakePartitions = Box<dyn FnMut(&Progress) -> Result<Vec<Partition>, ConnectorError> + Send>;

/// The group of all local sources of a pipeline.
pub struct LocalGroup {
    path: PathBuf,
    progress: Progress,
    make: Option<MakePartitions>,
}

impl LocalGroup {
    /// Keeps progress in the file `path`, which is made with the first commit.
    pub fn open(path: PathBuf, make: MakePartitions) -> Result<Self, ConnectorError> {
        let progress = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| damaged(&path, &e.to_string()))?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Progress::new(),
            Err(e) => return Err(damaged(&path, &e.to_string())),
        };
        Ok(LocalGroup { path, progress, make: Some(make) })
    }

    fn save(&self) -> std::io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&serde_json::to_vec(&self.progress)?)?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|e| e.error)?;
        File::open(folder)?.sync_all()
    }
}

fn damaged(path: &Path, reason: &str) -> ConnectorError {
    ConnectorError::Stop(format!(
        "the progress of the local sources cannot be read: {}: {reason}; remove the file to start them over",
        path.display()
    ))
}

impl Group for LocalGroup {
    fn poll(&mut self, wait: Duration) -> Result<Option<GroupEvent>, ConnectorError> {
        match self.make.take() {
            Some(mut make) => Ok(Some(GroupEvent::Assigned(make(&self.progress)?))),
            None => {
                std::thread::sleep(wait);
                Ok(None)
            }
        }
    }

    fn released(&mut self) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn commit(&mut self, offsets: &[Commit], _wait: bool) -> Result<(), ConnectorError> {
        let before = self.progress.clone();
        for commit in offsets {
            self.progress.entry(commit.source.clone()).or_default().insert(commit.partition, commit.offset);
        }
        if self.progress == before {
            return Ok(());
        }
        self.save().map_err(|e| {
            // What is not in the file is not committed: the same commit again has to write it.
            self.progress = before;
            ConnectorError::Retry(format!("progress cannot be kept in {}: {e}", self.path.display()))
        })
    }

    fn leave(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_outlives_the_group() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("work/progress.json");
        let open = || LocalGroup::open(path.clone(), Box::new(|_| Ok(Vec::new()))).unwrap();
        let commit = Commit { source: "s".into(), topic: "t".into(), partition: 2, offset: 41 };
        open().commit(&[commit], true).unwrap();
        assert_eq!(open().progress["s"][&2], 41);
        std::fs::write(&path, "{").unwrap();
        assert!(LocalGroup::open(path.clone(), Box::new(|_| Ok(Vec::new()))).is_err());
    }

    #[test]
    fn a_commit_that_could_not_be_written_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let (work, commit) = (
            folder.path().join("work"),
            Commit { source: "s".into(), topic: "t".into(), partition: 2, offset: 41 },
        );
        let path = work.join("progress.json");
        let mut group = LocalGroup::open(path.clone(), Box::new(|_| Ok(Vec::new()))).unwrap();
        std::fs::write(&work, "in the way").unwrap();
        for _ in 0..2 {
            assert!(group.commit(std::slice::from_ref(&commit), true).is_err());
        }
        std::fs::remove_file(&work).unwrap();
        group.commit(&[commit], true).unwrap();
        assert!(path.exists());
    }
}
