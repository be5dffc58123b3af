//! A coordinator with scripted groups: what it shows while a broker is away, and what becomes of a last commit and
//! of letters that nobody takes.

use std::collections::{BTreeMap, VecDeque};

use super::*;
use crate::codec::registry::Registries;
use crate::connector::kafka::Connections;
use crate::operator::native::Functions;
use crate::plan::{self, BindError, Binder, Bound, Node};
use crate::runtime::{Resources, bind_native};
use crate::spec::{self, Format, Step};

struct Native;

impl Binder for Native {
    fn output(
        &mut self,
        _: &Node,
        step: &Step,
        input: &arrow::datatypes::SchemaRef,
    ) -> Result<Bound, Vec<BindError>> {
        bind_native(step, input, &Functions::new())
    }
}

fn job(text: &str, folder: &std::path::Path) -> Arc<Job> {
    let pipeline = spec::parse(text.as_bytes(), Format::Auto).unwrap().pipeline;
    let plan = plan::plan(&pipeline);
    let schemas = plan::resolve(&plan, &pipeline, &mut Native).unwrap();
    let nowhere = [("bootstrap.servers".to_owned(), "127.0.0.1:1".to_owned())].into();
    let connections = BTreeMap::from([("default".to_owned(), nowhere)]);
    let resources = Resources {
        connections: Connections::new(&connections, 64 << 20, None).unwrap(),
        registries: Registries::default(),
        log: Arc::default(),
        folder: folder.to_owned(),
        functions: Functions::new(),
    };
    Arc::new(Job::new(pipeline, plan, schemas, BTreeMap::new(), resources))
}

const GENERATED: &str = "
name: p
sources: { made: { generate: { schema: { id: int64 }, columns: { id: sequence }, rate: 1000 } } }
sinks: { gone: { from: made, blackhole: {} } }
";
const FROM_KAFKA: &str = "
name: p
sources: { orders: { kafka: { topic: orders }, decode: { codec: json, schema: { id: int64 } } } }
sinks: { gone: { from: orders, blackhole: {} } }
";

/// Answers polls as scripted, and refuses commits.
struct Scripted(VecDeque<Result<Option<GroupEvent>, ConnectorError>>);

impl Group for Scripted {
    fn poll(&mut self, _: Duration) -> Result<Option<GroupEvent>, ConnectorError> {
        self.0.pop_front().unwrap_or(Ok(None))
    }

    fn released(&mut self) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn commit(&mut self, _: &[Commit], _: bool) -> Result<(), ConnectorError> {
        Err(ConnectorError::Retry("the broker is away".into()))
    }

    fn leave(&mut self) {}
}

fn scripted(polls: Vec<Result<Option<GroupEvent>, ConnectorError>>) -> Membership {
    let (group, sources) = (Box::new(Scripted(polls.into())), vec!["made".to_owned()]);
    Membership { group, sources, assigned: true, partitions: Vec::new(), trouble: None }
}

fn coordinator(job: &Arc<Job>) -> Coordinator {
    let life = Arc::new(Life::default());
    life.enter(State::Starting, None);
    let ((_, stopped), (_, ordered)) = (bounded(1), bounded(1));
    Coordinator::new(Arc::clone(job), life, stopped, ordered, Arc::default(), Box::new(|_| ()))
}

fn shown(coordinator: &Coordinator) -> (State, Option<String>) {
    let now = coordinator.life.snapshot();
    (now.state, now.reason)
}

#[test]
fn a_pipeline_is_paused_as_long_as_any_broker_is_away_or_a_task_waits() {
    let folder = tempfile::tempdir().unwrap();
    let mut coordinator = coordinator(&job(GENERATED, folder.path()));
    let away = |what: &str| Err(ConnectorError::Retry(what.into()));
    let mut groups = [
        scripted(vec![away("one is away"), away("one is away"), Ok(None), Ok(None), away("one is away")]),
        scripted(vec![Ok(None), away("other is away"), away("other is away"), Ok(None)]),
    ];
    let mut seen = Vec::new();
    for _ in 0..6 {
        coordinator.look_after(&mut groups, &mut None).unwrap();
        coordinator.show(&groups, true);
        seen.push(shown(&coordinator).1.unwrap_or_else(|| shown(&coordinator).0.name().to_owned()));
    }
    assert_eq!(seen, ["one is away", "one is away", "other is away", "running", "one is away", "running"]);
    assert!(coordinator.hear(Happened::Waiting(Some("a sink is away".into()))).is_empty());
    coordinator.show(&groups, true);
    assert_eq!(shown(&coordinator), (State::Paused, Some("a sink is away".into())));
    coordinator.hear(Happened::Waiting(None));
    coordinator.show(&groups, false);
    assert_eq!(shown(&coordinator), (State::Starting, None));
}

#[test]
fn a_run_whose_last_commit_fails_did_not_end_well_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let job = job(GENERATED, folder.path());
    let mut coordinator = coordinator(&job);
    let (mut group, _) = job.groups().unwrap().pop().unwrap();
    let Some(GroupEvent::Assigned(partitions)) = group.poll(Duration::ZERO).unwrap() else { panic!("none") };
    let mut memberships = [Membership { partitions, ..scripted(Vec::new()) }];
    let run = coordinator.start(&mut memberships).unwrap();
    let started = Instant::now();
    let failed = coordinator.finish(run, &mut memberships, false).unwrap_err();
    insta::assert_snapshot!(failed, @"what was done last is not committed, so it is done again after the next start: the broker is away");
    assert!(started.elapsed() < COMMIT_PATIENCE * 10, "it is tried once, for a while");
    assert_eq!(memberships[0].partitions.len(), 1, "the tasks did finish");
}

#[test]
fn letters_that_the_coordinator_never_took_are_given_up_when_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    // Its broker is away: it is starting, and no run takes the order.
    let handle = Arc::new(
        Handle::start(job(FROM_KAFKA, folder.path()), RestartPolicy::default(), Box::new(|_| ())).unwrap(),
    );
    let asked = Arc::clone(&handle);
    let replay = std::thread::spawn(move || {
        let (step, topic, value) = ("orders".to_owned(), Some("orders".to_owned()), Some(b"{}".to_vec()));
        asked.replay(&[DeadLetter { step, topic, value, ..DeadLetter::default() }])
    });
    std::thread::sleep(Duration::from_millis(100));
    assert!(!replay.is_finished());
    handle.stop();
    assert_eq!(replay.join().unwrap().unwrap_err(), "the pipeline stopped before they were through");
}
