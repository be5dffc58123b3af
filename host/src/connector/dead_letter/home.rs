//! Where the letters of a pipeline are kept, as its specification says: a file or a topic; and beside it the marks
//! of those that were run again, which are always in the pipeline's own folder or beside its file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{DeadLetterFile, DeadLetterReader, DeadLetterWriter, LetterLines, Wanted};
use crate::connector::ConnectorError;
use crate::connector::kafka::{Connections, KafkaDeadLetters, KafkaLetters};
use crate::spec::DeadLetterTarget;

/// Name of the file in a pipeline's own folder.
const FILE: &str = "dead-letters.jsonl";

/// The place of a pipeline's letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    letters: Letters,
    marks: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Letters {
    File(PathBuf),
    Topic { connection: String, topic: String },
}

impl Home {
    /// As `target` says, for the pipeline whose own folder is `folder`.
    pub fn new(target: &DeadLetterTarget, folder: &Path) -> Home {
        match target {
            DeadLetterTarget::HostFile => Home::file(folder.join(FILE)),
            DeadLetterTarget::File(path) => Home::file(path.clone()),
            DeadLetterTarget::Kafka { connection, topic } => Home {
                letters: Letters::Topic { connection: connection.clone(), topic: topic.clone() },
                // Both are names that a file may have.
                marks: folder.join(format!("dead-letters.{connection}.{topic}.replayed.jsonl")),
            },
        }
    }

    fn file(path: PathBuf) -> Home {
        Home { marks: path.with_extension("replayed.jsonl"), letters: Letters::File(path) }
    }

    /// The file of the marks.
    pub fn marks(&self) -> &Path {
        &self.marks
    }

    /// A way to write letters, for one task.
    pub fn writer(
        &self,
        connections: &Connections,
        patience: Duration,
    ) -> Result<Box<dyn DeadLetterWriter>, ConnectorError> {
        Ok(match &self.letters {
            Letters::File(path) => Box::new(DeadLetterFile::open(path)?),
            Letters::Topic { connection, topic } => {
                Box::new(KafkaDeadLetters::open(&connections.get(connection)?, topic, patience)?)
            }
        })
    }

    /// The letters of `pipeline` that are wanted.
    pub fn read(
        &self,
        connections: &Connections,
        pipeline: &str,
        wanted: Wanted<'_>,
    ) -> Result<Box<dyn DeadLetterReader>, ConnectorError> {
        Ok(match &self.letters {
            Letters::File(path) => Box::new(LetterLines::open(path, pipeline, wanted)?),
            Letters::Topic { connection, topic } => {
                Box::new(KafkaLetters::open(&connections.get(connection)?, topic, pipeline, wanted)?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_beside_the_letters() {
        let marks =
            |target: DeadLetterTarget| Home::new(&target, Path::new("work/p")).marks().display().to_string();
        assert_eq!(marks(DeadLetterTarget::HostFile), "work/p/dead-letters.replayed.jsonl");
        assert_eq!(marks(DeadLetterTarget::File("/x/dead.jsonl".into())), "/x/dead.replayed.jsonl");
        let topic = DeadLetterTarget::Kafka { connection: "side".into(), topic: "dead".into() };
        assert_eq!(marks(topic), "work/p/dead-letters.side.dead.replayed.jsonl");
    }
}
