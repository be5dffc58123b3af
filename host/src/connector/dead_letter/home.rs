//! Where the letters of a pipeline are kept, as its specification says: in a file; or in a topic, and in a file what the
//! topic does not take. Beside each place are the marks of those that were run again: in the pipeline's own folder, or
//! beside its file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{DeadLetterFile, DeadLetterReader, DeadLetterWriter, LetterLines, Spill, Wanted};
use crate::connector::ConnectorError;
use crate::connector::kafka::{Connections, KafkaDeadLetters, KafkaLetters};
use crate::spec::DeadLetterTarget;

/// Name of the file in a pipeline's own folder.
const FILE: &str = "dead-letters.jsonl";

/// The places of a pipeline's letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    letters: Place,
    /// The pipeline's own file: for letters that a topic does not take.
    own: PathBuf,
}

/// A place of letters. No letter of one kind of places has a name as those of the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    kind: Kind,
    marks: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    File(PathBuf),
    Topic { connection: String, topic: String },
}

impl Home {
    /// As `target` says, for the pipeline whose own folder is `folder`.
    pub fn new(target: &DeadLetterTarget, folder: &Path) -> Home {
        let own = folder.join(FILE);
        let letters = match target {
            DeadLetterTarget::HostFile => Place::file(&own),
            DeadLetterTarget::File(path) => Place::file(path),
            DeadLetterTarget::Kafka { connection, topic } => Place {
                kind: Kind::Topic { connection: connection.clone(), topic: topic.clone() },
                // Both are names that a file may have.
                marks: folder.join(format!("dead-letters.{connection}.{topic}.replayed.jsonl")),
            },
        };
        Home { letters, own }
    }

    /// Every place that may have letters.
    pub fn places(&self) -> Vec<Place> {
        let mut places = vec![self.letters.clone()];
        if let Kind::Topic { .. } = self.letters.kind {
            places.push(Place::file(&self.own));
        }
        places
    }

    /// A way to write letters, for one task.
    pub fn writer(
        &self,
        connections: &Connections,
        patience: Duration,
    ) -> Result<Box<dyn DeadLetterWriter>, ConnectorError> {
        Ok(match &self.letters.kind {
            Kind::File(path) => Box::new(DeadLetterFile::open(path)?),
            Kind::Topic { connection, topic } => {
                let topic = KafkaDeadLetters::open(&connections.get(connection)?, topic, patience)?;
                Box::new(Spill::new(topic, &self.own))
            }
        })
    }
}

impl Place {
    fn file(path: &Path) -> Place {
        Place { kind: Kind::File(path.to_owned()), marks: path.with_extension("replayed.jsonl") }
    }

    /// The file of the marks.
    pub fn marks(&self) -> &Path {
        &self.marks
    }

    /// Whether letters that are wanted may be here, going by their names.
    pub fn may_have(&self, wanted: Wanted<'_>) -> bool {
        match (wanted, &self.kind) {
            (Wanted::All | Wanted::Newest(_), _) => true,
            (Wanted::These(ids), Kind::File(_)) => ids.iter().any(|id| LetterLines::is_name(id)),
            (Wanted::These(ids), Kind::Topic { .. }) => ids.iter().any(|id| KafkaLetters::is_name(id)),
        }
    }

    /// The letters of `pipeline` that are wanted.
    pub fn read(
        &self,
        connections: &Connections,
        pipeline: &str,
        wanted: Wanted<'_>,
    ) -> Result<Box<dyn DeadLetterReader>, ConnectorError> {
        Ok(match &self.kind {
            Kind::File(path) => Box::new(LetterLines::open(path, pipeline, wanted)?),
            Kind::Topic { connection, topic } => {
                Box::new(KafkaLetters::open(&connections.get(connection)?, topic, pipeline, wanted)?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;
    use crate::connector::DeadLetter;
    use crate::connector::dead_letter::Kept;
    use crate::connector::kafka::EmbeddedBroker;

    fn in_topic() -> DeadLetterTarget {
        DeadLetterTarget::Kafka { connection: "default".into(), topic: "dead".into() }
    }

    #[test]
    fn marks_are_beside_the_letters() {
        let marks = |target: DeadLetterTarget| {
            let places = Home::new(&target, Path::new("work/p")).places();
            places.iter().map(|place| place.marks().display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(marks(DeadLetterTarget::HostFile), ["work/p/dead-letters.replayed.jsonl"]);
        assert_eq!(marks(DeadLetterTarget::File("/x/dead.jsonl".into())), ["/x/dead.replayed.jsonl"]);
        assert_eq!(
            marks(in_topic()),
            ["work/p/dead-letters.default.dead.replayed.jsonl", "work/p/dead-letters.replayed.jsonl"]
        );
    }

    #[test]
    fn a_name_leads_to_one_place() {
        let places = Home::new(&in_topic(), Path::new("work/p")).places();
        let may_have = |id: &str| {
            let ids = [id.to_owned()];
            places.iter().map(|place| place.may_have(Wanted::These(&ids))).collect::<Vec<_>>()
        };
        assert_eq!((may_have("0-17"), may_have("17")), (vec![true, false], vec![false, true]));
        for id in ["", "x", "-17", "17-", "0-x", "1.5"] {
            assert_eq!(may_have(id), [false, false], "{id}");
        }
        assert!(places.iter().all(|place| place.may_have(Wanted::All) && place.may_have(Wanted::Newest(1))));
    }

    #[test]
    fn what_is_too_large_for_the_topic_is_in_the_file_of_a_pipeline_that_says_nothing() {
        let broker = EmbeddedBroker::start().unwrap();
        broker.create_topic("dead", 1).unwrap();
        let connections = Connections::new(&BTreeMap::new(), 256 << 20, Some(Arc::new(broker))).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(&in_topic(), folder.path());
        let letter = |n: i64, bytes| DeadLetter {
            pipeline: "p".into(),
            attempts: 1,
            topic: Some("orders".into()),
            offset: Some(n),
            value: Some(vec![n as u8; bytes]),
            ..DeadLetter::default()
        };
        let patience = Duration::from_secs(60);
        let mut writer = home.writer(&connections, patience).unwrap();
        for (n, bytes) in [(1, 10), (2, 2_000_000), (3, 10), (4, 1_048_500)] {
            writer.put(&letter(n, bytes)).unwrap();
        }
        writer.barrier(1).unwrap();
        let until = Instant::now() + patience;
        while writer.delivered(Duration::from_millis(20)).unwrap() != Some(1) {
            assert!(Instant::now() < until);
        }
        let read = |place: &Place, wanted: Wanted<'_>| -> Vec<(String, DeadLetter)> {
            let mut reader = place.read(&connections, "p", wanted).unwrap();
            std::iter::from_fn(|| reader.next().unwrap()).map(|Kept { id, letter }| (id, letter)).collect()
        };
        let named = |id: &str, letter| (id.to_owned(), letter);
        let [topic, file] = &home.places()[..] else { panic!("two places") };
        assert_eq!(read(topic, Wanted::All), [named("0-0", letter(1, 10)), named("0-1", letter(3, 10))]);
        let large = [named("1", letter(2, 2_000_000)), named("2", letter(4, 1_048_500))];
        assert!(read(file, Wanted::Newest(1)) == large);
        let absent = Home::new(&DeadLetterTarget::HostFile, folder.path());
        assert_eq!(absent.places(), std::slice::from_ref(file));
        let ids = ["2".to_owned(), "0-1".to_owned()];
        assert_eq!(read(topic, Wanted::These(&ids)).len() + read(file, Wanted::These(&ids)).len(), 2);
    }
}
