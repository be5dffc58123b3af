//! Dead letters as the outside sees them: listed, shown, and run through the pipeline again in chunks, each marked
//! once everything made of it is delivered. Where letters are kept and how a row enters a step is not known here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{MutexGuard, TryLockError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::api::*;
use super::host::{Answer, Entry, Host, Shared, now_ms};
use super::{Refusal, RefusalKind};
use crate::connector::dead_letter::{Home, Kept, Mark, Marks, Place, Wanted, row_as_json, row_from_ipc};
use crate::connector::{ConnectorError, DeadLetter, DeadLetterReader};
use crate::runtime::{Handle, Outcome};
use crate::spec::{self, DeadLetterTarget, Format};

/// Letters of each partition of a topic that a list looks at, the newest.
const SEARCHED: u64 = 10_000;
/// Bytes of records and rows in one list; it ends where there are more.
const LIST_BYTES: usize = 16 << 20;
/// Steps and codes that are counted apart; guests may make up any number of codes.
const MOST_COUNTS: usize = 1_000;
const OTHER_CODES: &str = "others";
/// Letters and their bytes that are under way at once.
const CHUNK: usize = 200;
const CHUNK_BYTES: usize = 4 << 20;
/// Skipped letters that are told one by one.
const MOST_SKIPPED: usize = 1_000;

/// Which dead letters to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetterQuery {
    /// At most this many, the newest.
    pub limit: usize,
    /// Only those of this source, step or sink.
    pub step: Option<String>,
    /// Only those with this code.
    pub code: Option<String>,
    /// Those that were run again, in place of those that were not.
    pub replayed: bool,
}

impl LetterQuery {
    fn takes(&self, letter: &DeadLetter) -> bool {
        is(&self.step, &letter.step) && is(&self.code, &letter.code)
    }
}

fn is(wanted: &Option<String>, found: &str) -> bool {
    wanted.as_deref().is_none_or(|wanted| wanted == found)
}

impl Host {
    /// The newest dead letters of a pipeline, newest first, and how many there are.
    pub fn dead_letters(&self, pipeline: &str, query: &LetterQuery) -> Answer<DeadLetters> {
        let (mut counts, mut newest) = (BTreeMap::new(), Newest::default());
        for Opened { mut reader, marks } in self.shared.letters(pipeline, Wanted::Newest(SEARCHED))? {
            while let Some(kept) = reader.next().map_err(unreadable)? {
                let mark = marks.of(&kept);
                if mark.is_some() != query.replayed {
                    continue;
                }
                let (step, code) = (&kept.letter.step, &kept.letter.code);
                let known = counts.len() < MOST_COUNTS || counts.contains_key(&(step.clone(), code.clone()));
                let code = if known { code.clone() } else { OTHER_CODES.to_owned() };
                *counts.entry((step.clone(), code)).or_default() += 1;
                if query.takes(&kept.letter) {
                    newest.add(query.limit, kept, mark.cloned());
                }
            }
        }
        let counts = counts.into_iter().map(|((step, code), count)| DeadLetterCount { step, code, count });
        Ok(DeadLetters {
            counts: counts.collect(),
            more: newest.more,
            dead_letters: newest.letters.into_values().rev().map(|(kept, mark)| view(kept, mark)).collect(),
        })
    }

    /// A dead letter.
    pub fn dead_letter(&self, pipeline: &str, id: &str) -> Answer<DeadLetterView> {
        let ids = [id.to_owned()];
        for Opened { mut reader, marks } in self.shared.letters(pipeline, Wanted::These(&ids))? {
            if let Some(kept) = reader.next().map_err(unreadable)? {
                let mark = marks.of(&kept).cloned();
                return Ok(view(kept, mark));
            }
        }
        let reason = format!("there is no dead letter `{id}` of pipeline `{pipeline}`");
        Err(Refusal::new(RefusalKind::NotFound, "not found", reason))
    }

    /// Runs dead letters through the pipeline again, the oldest first. Waits until all are through.
    pub fn replay(&self, pipeline: &str, request: &ReplayRequest) -> Answer<Replayed> {
        let selection = Selection::new(request)?;
        let entry = self.known(pipeline)?;
        let _replaying = only_one(&entry, pipeline)?;
        let Some(handle) = entry.at_work() else {
            let reason = format!(
                "`{pipeline}` does not run, and letters go through the running pipeline: start it first \
                 (`sabot pipeline start {pipeline}`)"
            );
            return Err(Refusal::new(RefusalKind::Conflict, "the pipeline does not run", reason));
        };
        let mut replay = Replay { handle: &handle, chunk: Vec::new(), bytes: 0, done: Replayed::default() };
        let mut met = false;
        let mut missing: BTreeSet<&str> = request.ids.iter().map(String::as_str).collect();
        // All are open before the first letter goes: one that fails again may be a new one in another place.
        for Opened { mut reader, mut marks } in self.shared.letters(pipeline, selection.wanted())? {
            while let Some(kept) = reader.next().map_err(unreadable)? {
                missing.remove(kept.id.as_str());
                met |= request.step.as_ref() == Some(&kept.letter.step);
                if selection.takes(&kept) {
                    replay.take(kept, &selection, &mut marks)?;
                }
            }
            replay.run(&mut marks)?;
        }
        if let (Some(step), false) = (&request.step, met) {
            check_name(handle.job().spec(), step)?;
        }
        for id in missing {
            replay.skip(id.to_owned(), format!("there is no dead letter `{id}`"));
        }
        Ok(replay.done)
    }
}

/// Letters of one place, and which of all that are there were run again.
struct Opened {
    reader: Box<dyn DeadLetterReader>,
    marks: Marks,
}

impl Shared {
    /// The letters of a pipeline that are wanted, place by place.
    fn letters(&self, pipeline: &str, wanted: Wanted<'_>) -> Answer<Vec<Opened>> {
        let record = self.catalog.pipeline(pipeline)?;
        let target = spec::parse(record.spec.as_bytes(), Format::Auto).map(|p| p.pipeline.dead_letter);
        // A specification of another release may not be readable; its letters are where they are by default.
        let home = Home::new(&target.unwrap_or(DeadLetterTarget::HostFile), &self.folder(pipeline));
        let mut places = home.places();
        places.retain(|place| place.may_have(wanted));
        let open = |place: &Place| {
            let reader = place.read(&self.connections, pipeline, wanted).map_err(unreadable)?;
            let marks = Marks::open(place.marks()).map_err(|e| marks_failed(&e))?;
            Ok(Opened { reader, marks })
        };
        places.iter().map(open).collect()
    }
}

fn only_one<'a>(entry: &'a Entry, pipeline: &str) -> Answer<MutexGuard<'a, ()>> {
    match entry.replay.try_lock() {
        Ok(guard) => Ok(guard),
        Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => {
            let reason =
                format!("dead letters of `{pipeline}` are being run again; wait until that has ended");
            Err(Refusal::new(RefusalKind::Conflict, "another replay is under way", reason))
        }
    }
}

/// Letters may be of a step that is there no more; a name that neither the pipeline nor a letter has is a mistake.
fn check_name(pipeline: &spec::Pipeline, step: &str) -> Answer<()> {
    let sources = pipeline.sources.iter().map(|source| source.name.as_str());
    let steps = pipeline.steps.iter().map(|step| step.name.as_str());
    let sinks = pipeline.sinks.iter().map(|sink| sink.name.as_str());
    let names: Vec<&str> = sources.chain(steps).chain(sinks).collect();
    if names.contains(&step) {
        return Ok(());
    }
    let meant = spec::nearest(step, names).map(|name| format!("; did you mean `{name}`?"));
    let reason = format!(
        "`{}` has no source, step or sink `{step}`, and no dead letter of one{}",
        pipeline.name,
        meant.unwrap_or_default()
    );
    Err(Refusal::new(RefusalKind::NotFound, "not found", reason))
}

fn unreadable(error: ConnectorError) -> Refusal {
    let kind = match &error {
        ConnectorError::Retry(_) => RefusalKind::Unavailable,
        ConnectorError::Stop(_) => RefusalKind::Internal,
    };
    Refusal::new(kind, "dead letters cannot be read", error.to_string())
}

fn marks_failed(error: &std::io::Error) -> Refusal {
    let reason = format!("which letters were run again is not known: {error}");
    Refusal::new(RefusalKind::Internal, "the data folder failed", reason)
}

/// The newest letters of a list.
#[derive(Default)]
struct Newest {
    /// By when they failed; the number keeps apart those of one moment.
    letters: BTreeMap<(i64, u64), (Kept, Option<Mark>)>,
    number: u64,
    bytes: usize,
    more: bool,
}

impl Newest {
    fn add(&mut self, limit: usize, kept: Kept, mark: Option<Mark>) {
        self.number += 1;
        self.bytes += bytes(&kept.letter);
        self.letters.insert((kept.letter.at_ms, self.number), (kept, mark));
        while self.letters.len() > limit || (self.bytes > LIST_BYTES && self.letters.len() > 1) {
            let Some((_, (oldest, _))) = self.letters.pop_first() else { return };
            self.bytes -= bytes(&oldest.letter);
            self.more = true;
        }
    }
}

fn bytes(letter: &DeadLetter) -> usize {
    let of = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
    let headers: usize = letter.headers.iter().map(|header| header.name.len() + of(&header.value)).sum();
    of(&letter.key) + of(&letter.value) + of(&letter.row_ipc) + headers + letter.message.len()
}

/// The letters that a request means.
enum Selection {
    Ids(Vec<String>),
    Those(LetterQuery),
}

impl Selection {
    fn new(request: &ReplayRequest) -> Answer<Selection> {
        let ReplayRequest { ids, step, code, all } = request;
        let those = step.is_some() || code.is_some();
        match (ids.is_empty(), those, all) {
            (false, false, false) => Ok(Selection::Ids(ids.clone())),
            (true, true, false) | (true, false, true) => {
                let (step, code) = (step.clone(), code.clone());
                Ok(Selection::Those(LetterQuery { step, code, ..LetterQuery::default() }))
            }
            _ => Err(Refusal::new(
                RefusalKind::BadRequest,
                "it is not clear which letters are meant",
                "expected one of {\"ids\": [\"17\"]}, {\"step\": \"score\"}, {\"code\": \"trap\"} (or both of these) and \
                 {\"all\": true}",
            )),
        }
    }

    fn wanted(&self) -> Wanted<'_> {
        match self {
            Selection::Ids(ids) => Wanted::These(ids),
            Selection::Those(_) => Wanted::All,
        }
    }

    fn takes(&self, kept: &Kept) -> bool {
        match self {
            Selection::Ids(_) => true,
            Selection::Those(query) => query.takes(&kept.letter),
        }
    }
}

/// A replay under way.
struct Replay<'a> {
    handle: &'a Handle,
    /// Of one place.
    chunk: Vec<Kept>,
    bytes: usize,
    done: Replayed,
}

impl Replay<'_> {
    fn take(&mut self, kept: Kept, selection: &Selection, marks: &mut Marks) -> Answer<()> {
        if marks.of(&kept).is_some() {
            // Of many that are meant at once, those that are done are not worth a word.
            if matches!(selection, Selection::Ids(_)) {
                self.skip(kept.id, "it was run again already".into());
            }
            return Ok(());
        }
        self.bytes += bytes(&kept.letter);
        self.chunk.push(kept);
        if self.chunk.len() >= CHUNK || self.bytes >= CHUNK_BYTES { self.run(marks) } else { Ok(()) }
    }

    fn skip(&mut self, id: String, reason: String) {
        match self.done.skipped.len() < MOST_SKIPPED {
            true => self.done.skipped.push(SkippedLetter { id, reason }),
            false => self.done.more_skipped += 1,
        }
    }

    /// Runs the chunk and marks what is through, in its place.
    fn run(&mut self, marks: &mut Marks) -> Answer<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        let (names, letters): (Vec<(String, i64)>, Vec<DeadLetter>) =
            self.chunk.drain(..).map(|kept| ((kept.id, kept.letter.at_ms), kept.letter)).unzip();
        let outcomes = self.handle.replay(&letters).map_err(|reason| {
            let Replayed { replayed, failed_again, .. } = self.done;
            let before = format!("{replayed} letters were replayed and {failed_again} failed again before");
            let reason = format!("{reason}; {before}, the others can be replayed when it runs again");
            Refusal::new(RefusalKind::Unavailable, "the pipeline did not finish them", reason)
        })?;
        let (mut through, replayed_ms) = (Vec::new(), now_ms() as i64);
        for ((id, failed_ms), outcome) in names.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Replayed => self.done.replayed += 1,
                Outcome::FailedAnew | Outcome::FailedAndStays => self.done.failed_again += 1,
                Outcome::Skipped(_) => {}
            }
            match outcome {
                Outcome::Replayed | Outcome::FailedAnew => {
                    let failed_again = outcome == Outcome::FailedAnew;
                    through.push(Mark { id, failed_ms, replayed_ms, failed_again });
                }
                Outcome::FailedAndStays => {}
                Outcome::Skipped(reason) => self.skip(id, reason),
            }
        }
        marks.add(through).map_err(|e| marks_failed(&e))
    }
}

fn view(kept: Kept, mark: Option<Mark>) -> DeadLetterView {
    let Kept { id, letter } = kept;
    let octets = |bytes: &Option<Vec<u8>>| bytes.as_deref().map(Octets::new);
    let header = |h: &crate::connector::Header| Header { name: h.name.clone(), value: octets(&h.value) };
    let row = letter.row_ipc.as_deref().and_then(|ipc| row_from_ipc(ipc).ok());
    DeadLetterView {
        id,
        at_ms: letter.at_ms as u64,
        component: letter.component,
        digest: letter.digest,
        attempts: letter.attempts,
        partition: letter.partition,
        offset: letter.offset,
        timestamp_ms: letter.timestamp_ms,
        key: octets(&letter.key),
        value: octets(&letter.value),
        headers: letter.headers.iter().map(header).collect(),
        row: letter.row.or_else(|| row.map(|row| row_as_json(&row, 0))),
        row_ipc: letter.row_ipc.map(|ipc| STANDARD.encode(ipc)),
        replayed_ms: mark.as_ref().map(|mark| mark.replayed_ms as u64),
        failed_again: mark.is_some_and(|mark| mark.failed_again),
        step: letter.step,
        code: letter.code,
        error: letter.message,
        topic: letter.topic,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::path::Path;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::super::How;
    use super::*;
    use crate::config::Config;
    use crate::connector::kafka::EmbeddedBroker;

    /// What `found` finds in the end.
    fn wait<T: Debug>(mut found: impl FnMut() -> Result<T, String>) -> T {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            match found() {
                Ok(found) => return found,
                Err(other) => assert!(Instant::now() < until, "{other}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A host whose topic `orders` has these records, in one partition.
    fn host(folder: &Path, orders: &[String]) -> Host {
        let config = Config { data_dir: folder.join("data"), insecure: true, ..Config::default() };
        let broker = EmbeddedBroker::start().unwrap().with_partitions(1);
        let host = Host::open_with(&config, Some(Arc::new(broker))).unwrap();
        let lines = folder.join("orders.json");
        std::fs::write(&lines, orders.join("\n")).unwrap();
        let feed = format!(
            "
name: feed
sources: {{ lines: {{ file: {{ path: {lines:?} }}, decode: {{ codec: bytes, schema: {{ value: bytes }} }} }} }}
sinks: {{ topic: {{ from: lines, kafka: {{ topic: orders }}, encode: {{ codec: bytes }} }} }}
"
        );
        host.apply(None, feed.as_bytes(), How::default()).unwrap();
        host
    }

    #[test]
    fn a_letter_that_its_topic_does_not_take_is_found_run_again_and_marked_in_its_own_place() {
        let folder = tempfile::tempdir().unwrap();
        // The topic of the orders takes the large one, but with what a letter adds that of the letters does not.
        let large = format!("{{\"id\":\"2\",\"pad\":\"{}\"}}", "x".repeat(1_048_200));
        let small = "{\"id\":\"4\"}".to_owned();
        let orders = ["{\"id\":1}".to_owned(), large.clone(), "{\"id\":3}".to_owned(), small.clone()];
        let host = host(folder.path(), &orders);
        let spec = |id: &str| {
            format!(
                "
name: p
checkpoint: {{ every: 100ms }}
dead_letter: {{ kafka: {{ topic: dead }} }}
sources: {{ orders: {{ kafka: {{ topic: orders }}, decode: {{ codec: json, schema: {{ id: {id} }} }} }} }}
sinks: {{ out: {{ from: orders, blackhole: {{}} }} }}
"
            )
        };
        host.apply(None, spec("int64").as_bytes(), How::default()).unwrap();
        let list = |replayed| {
            host.dead_letters("p", &LetterQuery { limit: 10, replayed, ..LetterQuery::default() })
                .map_err(|e| e.to_string())
        };
        let ids = |letters: &DeadLetters| -> Vec<String> {
            let mut ids: Vec<String> = letters.dead_letters.iter().map(|one| one.id.clone()).collect();
            ids.sort();
            ids
        };
        let found = wait(|| {
            list(false)
                .and_then(|all| if ids(&all).len() == 2 { Ok(all) } else { Err(format!("{:?}", ids(&all))) })
        });
        assert_eq!(ids(&found), ["0-0", "1"]);
        assert_eq!(
            found.counts.iter().map(|count| (&*count.step, count.count)).collect::<Vec<_>>(),
            [("orders", 2)]
        );
        let value = |id: &str| host.dead_letter("p", id).unwrap().value.unwrap().text.unwrap();
        assert!(value("0-0") == small && value("1") == large);
        for none in ["0-1", "2", "x"] {
            assert_eq!(host.dead_letter("p", none).unwrap_err().kind, RefusalKind::NotFound, "{none}");
        }
        assert_eq!(host.pipeline("p").unwrap().restarts, 0);

        // Nothing has changed: each fails again, and is a new letter in the place that takes it.
        let replay = |ids: &[&str], all| {
            let request = ReplayRequest {
                ids: ids.iter().map(ToString::to_string).collect(),
                all,
                ..Default::default()
            };
            wait(|| host.replay("p", &request).map_err(|e| e.to_string()))
        };
        let again = replay(&[], true);
        assert_eq!((again.replayed, again.failed_again, again.skipped.len()), (0, 2, 0));
        assert_eq!(ids(&list(false).unwrap()), ["0-1", "2"]);
        assert_eq!(ids(&list(true).unwrap()), ["0-0", "1"]);

        host.apply(None, spec("string").as_bytes(), How::default()).unwrap();
        let one = replay(&["2", "9"], false);
        assert_eq!((one.replayed, one.failed_again), (1, 0));
        assert_eq!(one.skipped.iter().map(|one| &*one.id).collect::<Vec<_>>(), ["9"]);
        assert_eq!(ids(&list(false).unwrap()), ["0-1"]);
        assert_eq!(replay(&[], true).replayed, 1);
        assert_eq!(ids(&list(false).unwrap()), [""; 0]);
        let marked = |file: &str| {
            let marks = std::fs::read_to_string(folder.path().join("data/work/p").join(file)).unwrap();
            marks.lines().filter(|line| !line.is_empty()).count()
        };
        assert_eq!(marked("dead-letters.default.dead.replayed.jsonl"), 2);
        assert_eq!(marked("dead-letters.replayed.jsonl"), 2);
        assert_eq!(host.pipeline("p").unwrap().restarts, 0);
        host.shutdown();
    }

    fn kept(id: u64, at_ms: i64, value_bytes: usize) -> Kept {
        let value = Some(vec![0; value_bytes]);
        Kept { id: id.to_string(), letter: DeadLetter { at_ms, value, ..DeadLetter::default() } }
    }

    #[test]
    fn a_list_has_the_newest_within_its_bounds() {
        let ids =
            |newest: &Newest| newest.letters.values().rev().map(|(k, _)| k.id.clone()).collect::<Vec<_>>();
        let mut newest = Newest::default();
        for (id, at_ms) in [(1, 50), (2, 10), (3, 90), (4, 50)] {
            newest.add(3, kept(id, at_ms, 1), None);
        }
        assert_eq!((ids(&newest), newest.more), (vec!["3".into(), "4".into(), "1".into()], true));
        let mut newest = Newest::default();
        (1..=5).for_each(|id| newest.add(100, kept(id, id as i64, LIST_BYTES / 2), None));
        assert_eq!((ids(&newest), newest.more), (vec!["5".into(), "4".into()], true));
        newest.add(100, kept(9, 9, LIST_BYTES * 2), None);
        assert_eq!(ids(&newest), ["9"], "one is shown however large");
    }

    #[test]
    fn a_request_says_which_letters_it_means() {
        let selection = |request| Selection::new(&request).is_ok();
        let (ids, step) = (vec!["1".to_owned()], Some("score".to_owned()));
        assert!(selection(ReplayRequest { ids: ids.clone(), ..Default::default() }));
        assert!(selection(ReplayRequest { step: step.clone(), code: step.clone(), ..Default::default() }));
        assert!(selection(ReplayRequest { all: true, ..Default::default() }));
        assert!(!selection(ReplayRequest { all: true, step, ..Default::default() }));
        assert!(!selection(ReplayRequest { all: true, ids, ..Default::default() }));
        let refusal = Selection::new(&ReplayRequest::default()).err().unwrap();
        insta::assert_snapshot!(refusal, @r#"
        it is not clear which letters are meant
          expected one of {"ids": ["17"]}, {"step": "score"}, {"code": "trap"} (or both of these) and {"all": true}
        "#);
    }
}
