//! Rows that fail in one task, with a scripted operator and sink: which are tried again, where they end, and what a
//! barrier says of those that wait.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arrow::array::{AsArray, BooleanArray, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;

use super::dead_letters::DeadLetters;
use super::metrics::PipelineMetrics;
use super::retries::Tries;
use super::under_replay::{Fared, UnderReplay};
use super::walker::{Edge, Role, TaskError, Waiting, Walker, WalkerNode};
use crate::batch::{Batch, Parents, RawRecords};
use crate::codec::RecordError;
use crate::connector::dead_letter::row_from_ipc;
use crate::connector::{ConnectorError, DeadLetter, DeadLetterWriter, Writer, Written};
use crate::operator::{ComponentName, Halt, Operator, OperatorError, Output, RowError};
use crate::spec::{ErrorPolicy, Fate, Retry};

const LONG: Duration = Duration::from_secs(10);
/// Nodes of the walker.
const STEP: usize = 1;
const SINK: usize = 2;

type Shared<T> = Arc<Mutex<T>>;

fn ids(rows: &RecordBatch) -> Vec<i64> {
    rows.column(0).as_primitive::<Int64Type>().values().to_vec()
}

/// Refuses these ids, retryable or not, and for the moment whole batches with some id.
#[derive(Clone, Default)]
struct Picky {
    refuses: Shared<BTreeMap<i64, bool>>,
    not_now: Shared<BTreeSet<i64>>,
}

impl Operator for Picky {
    fn on_batch(&mut self, batch: &Batch, out: &mut Output) -> Result<(), OperatorError> {
        let refuses = self.refuses.lock().unwrap();
        let ids = ids(&batch.rows);
        if let Some(id) = ids.iter().find(|id| self.not_now.lock().unwrap().contains(id)) {
            return Err(OperatorError::Transient(format!("not {id} now")));
        }
        for (row, id) in ids.iter().enumerate() {
            if let Some(&retryable) = refuses.get(id) {
                let (row, message) = (row as u32, format!("{id} is not liked"));
                out.refuse(RowError { row, code: "picky".into(), message, retryable });
            }
        }
        let keep: BooleanArray = ids.iter().map(|id| Some(!refuses.contains_key(id))).collect();
        out.emit(0, batch.filter(&keep).map_err(|e| OperatorError::Fatal(e.to_string()))?);
        Ok(())
    }

    fn component(&self) -> Option<ComponentName<'_>> {
        Some(ComponentName { label: "picky@1.0.0", digest: "sha256:01" })
    }
}

/// Takes rows, but not those that are too large, and for the moment not those there is no room for.
#[derive(Clone, Default)]
struct Shelf {
    taken: Shared<Vec<i64>>,
    too_large: Shared<BTreeSet<i64>>,
    no_room: Shared<BTreeSet<i64>>,
    /// Its broker is away.
    away: Shared<bool>,
}

impl Writer for Shelf {
    fn write(
        &mut self,
        batch: &Batch,
        from: usize,
        errors: &mut Vec<RecordError>,
    ) -> Result<Written, ConnectorError> {
        for (row, id) in ids(&batch.rows).into_iter().enumerate().skip(from) {
            let refused = [(&self.too_large, "too-large"), (&self.no_room, "no-room")];
            match refused.into_iter().find(|(ids, _)| ids.lock().unwrap().contains(&id)) {
                None => self.taken.lock().unwrap().push(id),
                Some((_, code)) => {
                    errors.push(RecordError { index: row as u32, code, message: format!("{id}: {code}") });
                }
            }
        }
        Ok(Written::Taken)
    }

    fn barrier(&mut self, _: u64) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn delivered(&mut self, _: Duration) -> Result<Option<u64>, ConnectorError> {
        match *self.away.lock().unwrap() {
            true => Err(ConnectorError::Retry("no broker answers".into())),
            false => Ok(None),
        }
    }

    fn may_pass(&self, code: &str) -> bool {
        code == "no-room"
    }
}

struct Pile(Shared<Vec<DeadLetter>>);

impl DeadLetterWriter for Pile {
    fn put(&mut self, letter: &DeadLetter) -> Result<(), ConnectorError> {
        self.0.lock().unwrap().push(letter.clone());
        Ok(())
    }

    fn barrier(&mut self, _: u64) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn delivered(&mut self, _: Duration) -> Result<Option<u64>, ConnectorError> {
        Ok(None)
    }
}

/// A source, a step and a sink, all with one policy.
struct Bench {
    walker: Walker,
    picky: Picky,
    shelf: Shelf,
    letters: Shared<Vec<DeadLetter>>,
    metrics: Arc<PipelineMetrics>,
    replays: Arc<UnderReplay>,
    /// What the task waits for.
    told: Shared<Vec<Option<String>>>,
}

impl Bench {
    fn new(on_error: ErrorPolicy) -> Bench {
        let (metrics, replays, halt) = (Arc::default(), Arc::default(), Arc::<Halt>::default());
        let (picky, shelf, letters) = (Picky::default(), Shelf::default(), Shared::default());
        let node = |name: &str, role, to: Option<usize>| WalkerNode {
            name: name.to_owned(),
            role,
            ports: vec![to.into_iter().map(Edge::Node).collect()],
            errors: None,
            on_error,
            metrics: PipelineMetrics::node(&metrics, name),
        };
        let nodes = vec![
            node("orders", Role::Pass, Some(STEP)),
            node("step", Role::Operator(Box::new(picky.clone())), Some(SINK)),
            node("out", Role::Sink(Box::new(shelf.clone())), None),
        ];
        let pile = Box::new(Pile(Arc::clone(&letters)));
        let told = Shared::<Vec<Option<String>>>::default();
        let heard = Arc::clone(&told);
        let waiting: Waiting = Arc::new(move |reason| heard.lock().unwrap().push(reason));
        let (count, stop) = (Arc::clone(&metrics), Arc::clone(&halt));
        let dead = DeadLetters::new("p".into(), Some(pile), count, stop, Arc::clone(&waiting));
        let walker = Walker::new(nodes, dead, Arc::clone(&replays), halt, waiting);
        Bench { walker, picky, shelf, letters, metrics, replays, told }
    }

    fn refuse(&self, id: i64, retryable: bool) {
        self.picky.refuses.lock().unwrap().insert(id, retryable);
    }

    fn taken(&self) -> Vec<i64> {
        std::mem::take(&mut self.shelf.taken.lock().unwrap())
    }

    /// Place, code, attempts and id of each letter.
    fn dead(&self) -> Vec<String> {
        let id = |letter: &DeadLetter| ids(&row_from_ipc(letter.row_ipc.as_ref().unwrap()).unwrap())[0];
        let line = |l: DeadLetter| format!("{} {} {} {}", l.step, l.code, l.attempts, id(&l));
        std::mem::take(&mut *self.letters.lock().unwrap()).into_iter().map(line).collect()
    }

    /// What counts against the pipeline's error limit, with the first example.
    fn counted(&self, name: &str) -> Vec<String> {
        let failed = self.metrics.node(name).take_failed();
        failed.into_iter().map(|f| format!("{} {}: {}", f.code, f.count, f.example)).collect()
    }
}

fn retry(then: Fate) -> ErrorPolicy {
    ErrorPolicy { retry: Some(Retry { attempts: 2, backoff: LONG }), then }
}

fn then(then: Fate) -> ErrorPolicy {
    ErrorPolicy { retry: None, then }
}

/// Orders with these ids, each of a record at the offset 100 + id.
fn orders(numbers: std::ops::Range<i64>) -> Batch {
    let mut records = RawRecords::with_capacity("orders".into(), 3, 8, 0);
    numbers.clone().for_each(|id| records.push(100 + id, None, None, Some(b"{}")));
    let rows = Int64Array::from_iter_values(numbers);
    let rows = RecordBatch::try_from_iter([("id", Arc::new(rows) as _)]).unwrap();
    Batch::decoded(rows, Arc::new(records), Parents::Run { first: 0 })
}

fn records(batch: &Batch) -> Arc<RawRecords> {
    Arc::clone(&batch.origin.as_ref().unwrap().records)
}

#[test]
fn a_row_that_may_pass_is_tried_again_beside_the_others_and_one_that_never_will_is_not() {
    let mut bench = Bench::new(retry(Fate::DeadLetter));
    bench.refuse(3, true);
    bench.refuse(5, false);
    assert_eq!(bench.walker.barrier(1).unwrap(), None);
    let start = Instant::now();
    bench.walker.run(0, orders(0..8)).unwrap();
    assert_eq!((bench.taken(), bench.dead()), (vec![0, 1, 2, 4, 6, 7], vec!["step picky 1 5".to_owned()]));
    assert_eq!(bench.counted("step"), ["picky 1: orders[3]@105: 5 is not liked"]);
    assert_eq!(bench.walker.barrier(2).unwrap(), Some(1), "a row that came after barrier 1 waits");
    bench.walker.run(0, orders(8..10)).unwrap();
    bench.walker.try_again(start + LONG / 2).unwrap();
    assert_eq!((bench.taken(), bench.dead().len()), (vec![8, 9], 0), "it is not time");
    // The second wait is twice as long.
    bench.walker.try_again(Instant::now() + LONG).unwrap();
    bench.walker.try_again(Instant::now() + LONG).unwrap();
    assert_eq!((bench.walker.barrier(3).unwrap(), bench.dead().len()), (Some(1), 0));
    bench.walker.try_again(Instant::now() + 2 * LONG).unwrap();
    assert_eq!((bench.taken(), bench.dead()), (vec![], vec!["step picky 3 3".to_owned()]));
    assert_eq!((bench.walker.barrier(4).unwrap(), bench.walker.passed()), (None, 4));
    let totals = bench.metrics.node("step").totals();
    assert_eq!((totals.rows_in, totals.errors), (10, 2), "a row is taken once, however often it is tried");
}

#[test]
fn what_comes_of_a_row_that_waited_is_as_old_as_the_row() {
    let error = RecordError { index: 0, code: "unknown-schema", message: "?".into() };
    let mut bench = Bench::new(retry(Fate::DeadLetter));
    bench.refuse(1, true);
    assert_eq!(bench.walker.barrier(1).unwrap(), None);
    let first = bench.walker.first_try();
    bench.walker.undecodable(&records(&orders(1..2)), vec![error], first).unwrap();
    assert_eq!((bench.walker.barrier(2).unwrap(), bench.walker.barrier(3).unwrap()), (Some(1), Some(1)));
    // Now it decodes, and the step refuses its row for the moment; later the sink does.
    let (_, tries) = bench.walker.try_again(Instant::now() + LONG).unwrap().unwrap();
    bench.walker.aged(tries.since, |walker| walker.source(orders(1..2))).unwrap();
    assert_eq!(bench.walker.barrier(4).unwrap(), Some(1));
    bench.walker.run(0, orders(7..8)).unwrap();
    bench.picky.refuses.lock().unwrap().clear();
    bench.shelf.no_room.lock().unwrap().insert(1);
    bench.walker.try_again(Instant::now() + LONG).unwrap();
    assert_eq!((bench.taken(), bench.walker.barrier(5).unwrap()), (vec![7], Some(1)));
    bench.shelf.no_room.lock().unwrap().clear();
    bench.walker.try_again(Instant::now() + LONG).unwrap();
    bench.refuse(8, true);
    assert_eq!((bench.taken(), bench.walker.barrier(6).unwrap()), (vec![1], None));
    bench.walker.run(0, orders(8..9)).unwrap();
    assert_eq!(bench.walker.barrier(7).unwrap(), Some(6), "what comes later is as old as it is");
}

#[test]
fn rows_that_fail_beside_an_old_one_are_as_old_as_they_are_and_commits_follow() {
    let mut bench = Bench::new(retry(Fate::DeadLetter));
    // In each interval one row is through at its second attempt and the next one fails.
    for id in 0..10 {
        bench.picky.refuses.lock().unwrap().clear();
        bench.walker.try_again(Instant::now() + LONG).unwrap();
        bench.refuse(id, true);
        bench.walker.run(0, orders(id..id + 1)).unwrap();
        let barrier = id as u64 + 1;
        assert_eq!(bench.walker.barrier(barrier).unwrap(), Some(barrier - 1));
    }
}

#[test]
fn a_row_that_passes_in_the_end_follows_the_others_with_its_record() {
    let mut bench = Bench::new(retry(Fate::Fail));
    bench.refuse(3, true);
    bench.shelf.no_room.lock().unwrap().insert(7);
    bench.walker.run(0, orders(0..8)).unwrap();
    assert_eq!(bench.taken(), [0, 1, 2, 4, 5, 6]);
    bench.picky.refuses.lock().unwrap().clear();
    bench.shelf.no_room.lock().unwrap().clear();
    bench.shelf.too_large.lock().unwrap().insert(3);
    let TaskError::GaveUp(reason) = bench.walker.try_again(Instant::now() + LONG).unwrap_err() else {
        panic!("not cancelled")
    };
    insta::assert_snapshot!(reason, @"`out` refused orders[3]@103: 3: too-large (too-large); its on_error is `fail`. It stays stopped until it is started, applied again, or given another component");
    bench.walker.try_again(Instant::now() + LONG).unwrap();
    assert_eq!((bench.taken(), bench.walker.barrier(1).unwrap()), (vec![7], None));
}

#[test]
fn a_batch_that_may_pass_as_a_whole_waits_like_rows_and_holds_up_nobody() {
    let mut bench = Bench::new(retry(Fate::DeadLetter));
    bench.picky.not_now.lock().unwrap().insert(1);
    let start = Instant::now();
    bench.walker.run(0, orders(0..3)).unwrap();
    bench.walker.run(0, orders(3..5)).unwrap();
    assert!(start.elapsed() < LONG / 10, "nobody waited");
    assert_eq!((bench.taken(), bench.walker.barrier(1).unwrap()), (vec![3, 4], Some(0)));
    bench.picky.not_now.lock().unwrap().clear();
    bench.walker.try_again(Instant::now() + LONG).unwrap();
    assert_eq!((bench.taken(), bench.walker.barrier(2).unwrap()), (vec![0, 1, 2], None));

    bench.picky.not_now.lock().unwrap().insert(1);
    bench.walker.run(0, orders(0..2)).unwrap();
    bench.walker.try_again(Instant::now() + LONG).unwrap();
    bench.walker.try_again(Instant::now() + 2 * LONG).unwrap();
    assert_eq!(bench.dead(), ["step transient 3 0", "step transient 3 1"]);
    assert_eq!(bench.counted("step"), ["transient 2: orders[3]@100: not 1 now"]);
}

#[test]
fn a_letter_holds_all_that_is_known() {
    let mut bench = Bench::new(then(Fate::DeadLetter));
    bench.refuse(1, true);
    bench.walker.run(STEP, orders(0..2)).unwrap();
    let letter = bench.letters.lock().unwrap().pop().unwrap();
    let place = (letter.topic.as_deref(), letter.partition, letter.offset);
    assert_eq!(place, (Some("orders"), Some(3), Some(101)));
    let component = (letter.component.as_deref(), letter.digest.as_deref());
    assert_eq!(component, (Some("picky@1.0.0"), Some("sha256:01")));
    assert_eq!((letter.pipeline.as_str(), letter.row), ("p", None));
    bench.walker.run(STEP, Batch::new(orders(1..2).rows)).unwrap();
    let inside = bench.letters.lock().unwrap().pop().unwrap();
    assert_eq!((inside.topic, inside.row), (None, Some(serde_json::json!({ "id": 1 }))));
}

#[test]
fn a_letter_that_is_run_again_never_fails_the_pipeline_and_is_never_lost() {
    for (policy, fared, dead) in [
        (then(Fate::Skip), Fared::FailedAndStays, vec![]),
        (then(Fate::Fail), Fared::FailedAndStays, vec![]),
        (then(Fate::DeadLetter), Fared::FailedAnew, vec!["step picky 5 0".to_owned()]),
    ] {
        let mut bench = Bench::new(policy);
        bench.refuse(0, false);
        let letter = orders(0..1);
        bench.replays.add(&records(&letter), 4);
        bench.walker.run(STEP, letter.clone()).unwrap();
        assert_eq!((bench.dead(), bench.counted("step")), (dead, vec![]), "{policy:?}");
        assert_eq!(bench.replays.remove(&records(&letter)), fared);
    }
    let mut bench = Bench::new(retry(Fate::DeadLetter));
    bench.refuse(0, true);
    let letter = orders(0..1);
    bench.replays.add(&records(&letter), 4);
    bench.walker.run(STEP, letter.clone()).unwrap();
    bench.walker.try_again(Instant::now() + LONG).unwrap();
    bench.walker.try_again(Instant::now() + 2 * LONG).unwrap();
    assert_eq!(bench.dead(), ["step picky 7 0"], "four before, and three now");
    assert_eq!(bench.replays.remove(&records(&letter)), Fared::FailedAnew);
}

#[test]
fn a_record_whose_schema_is_not_there_is_tried_again_and_the_others_are_not() {
    let error = |index, code| RecordError { index, code, message: format!("{code}!") };
    let (raw, first) = (records(&orders(0..4)), Tries { again: 0, since: 0 });
    let mut bench = Bench::new(retry(Fate::DeadLetter));
    let errors = vec![error(1, "unknown-schema"), error(2, "avro-syntax"), error(3, "unknown-schema")];
    bench.walker.undecodable(&raw, errors, first).unwrap();
    assert_eq!(bench.counted("orders"), ["avro-syntax 1: orders[3]@102: avro-syntax!"]);
    bench.letters.lock().unwrap().clear();
    assert_eq!(bench.walker.barrier(1).unwrap(), Some(0), "no commit gets past them");
    assert!(bench.walker.try_again(Instant::now()).unwrap().is_none(), "it is not time");
    let (again, tries) = bench.walker.try_again(Instant::now() + LONG).unwrap().unwrap();
    let offsets: Vec<i64> = again.records().iter().map(|record| record.offset).collect();
    assert_eq!((offsets, tries), (vec![101, 103], Tries { again: 1, since: 0 }));
    // One of them decodes by now; the other one does not, twice more.
    bench.walker.undecodable(&again, vec![error(1, "unknown-schema")], tries).unwrap();
    let (again, tries) = bench.walker.try_again(Instant::now() + 2 * LONG).unwrap().unwrap();
    bench.walker.undecodable(&again, vec![error(0, "unknown-schema")], tries).unwrap();
    let letter = bench.letters.lock().unwrap().pop().unwrap();
    assert_eq!((letter.offset, letter.attempts, &*letter.code), (Some(103), 3, "unknown-schema"));
    assert_eq!(bench.counted("orders"), ["unknown-schema 1: orders[3]@103: unknown-schema!"]);
    assert_eq!(bench.walker.barrier(2).unwrap(), None);
}

#[test]
fn records_whose_bytes_are_wrong_are_never_tried_again() {
    let error = RecordError { index: 1, code: "json-syntax", message: "what?".into() };
    let raw = records(&orders(0..2));
    let mut bench = Bench::new(retry(Fate::DeadLetter));
    let first = bench.walker.first_try();
    bench.walker.undecodable(&raw, vec![error.clone()], first).unwrap();
    let letter = bench.letters.lock().unwrap().pop().unwrap();
    assert_eq!((letter.offset, letter.attempts, letter.row_ipc), (Some(101), 1, None));
    assert_eq!(bench.counted("orders"), ["json-syntax 1: orders[3]@101: what?"]);
    let mut bench = Bench::new(retry(Fate::Fail));
    let TaskError::GaveUp(reason) = bench.walker.undecodable(&raw, vec![error], first).unwrap_err() else {
        panic!("not cancelled")
    };
    insta::assert_snapshot!(reason, @"source `orders`: record orders[3]@101 does not decode: what? (json-syntax); its on_error is `fail`. It stays stopped until it is started, applied again, or given another component");
}

#[test]
fn a_sink_that_takes_rows_and_does_not_deliver_them_is_waited_for_and_says_so_once() {
    let mut bench = Bench::new(then(Fate::Fail));
    for away in [false, true, true, false, false] {
        *bench.shelf.away.lock().unwrap() = away;
        assert_eq!(bench.walker.delivered().unwrap(), 0);
    }
    assert_eq!(*bench.told.lock().unwrap(), [Some("sink `out`: no broker answers".into()), None]);
}
