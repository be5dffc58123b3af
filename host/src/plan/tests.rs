//! Plans and their columns, from specifications to the printed text.

use std::sync::Arc;

use proptest::prelude::*;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::*;
use crate::spec::{self, Format, Pipeline, Step, StepKind};

const SOURCES: &str = "
  orders: { kafka: { topic: orders }, decode: { codec: json, schema: { id: int64!, user: string, amount: float64 } } }
  more: { kafka: { topic: more, start: latest }, decode: { codec: json, schema: { id: int64, user: string, amount: float64 } } }
  made: { generate: { schema: { id: int64, user: string, amount: float64 }, partitions: 4, count: 100, rate: 10 } }
";

fn pipeline(steps: &str, sinks: &str) -> Pipeline {
    let used = |name: &str| {
        let text = format!("{steps}{sinks}");
        text.split(|c: char| !c.is_alphanumeric()).any(|word| word == name)
    };
    let sources: String = SOURCES
        .lines()
        .filter(|line| {
            line.split(':').next().is_some_and(|name| used(name.trim()) && !name.trim().is_empty())
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let text = format!("name: p\nsources:\n{sources}steps:\n{steps}\nsinks:\n{sinks}\n");
    match spec::parse(text.as_bytes(), Format::Yaml) {
        Ok(parsed) => parsed.pipeline,
        Err(errors) => panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

fn shown(steps: &str, sinks: &str) -> String {
    let pipeline = pipeline(steps, sinks);
    let plan = plan(&pipeline);
    sound(&plan);
    render(&plan, &pipeline)
}

/// What holds of every plan.
fn sound(plan: &Plan) {
    for (id, fragment) in plan.fragments.iter().enumerate() {
        assert!(!fragment.nodes.is_empty() && !fragment.sources.is_empty());
        match &fragment.input {
            Input::Source(name) => assert_eq!(name, &fragment.nodes[0].name),
            Input::Channel(channel) => {
                assert_eq!(plan.channels[*channel].reader, id);
                assert!(plan.channels[*channel].writers.iter().all(|writer| *writer < id));
            }
        }
        let mut parents = vec![0; fragment.nodes.len()];
        for (at, node) in fragment.nodes.iter().enumerate() {
            for target in node.ports.iter().flat_map(|port| &port.to) {
                match target {
                    Target::Node(child) => {
                        assert!(*child > at);
                        parents[*child] += 1;
                    }
                    Target::Channel(channel) => assert!(plan.channels[*channel].writers.contains(&id)),
                }
            }
        }
        assert!(parents.iter().skip(1).all(|parents| *parents == 1) && parents[0] == 0);
    }
    let leads = plan.fragments.iter().flat_map(|part| &part.nodes).flat_map(|node| &node.ports);
    let leads = leads.flat_map(|port| &port.to).filter(|to| matches!(to, Target::Channel(_))).count();
    assert_eq!(leads, plan.channels.iter().map(|channel| channel.writers.len()).sum::<usize>());
}

#[test]
fn a_line() {
    insta::assert_snapshot!(shown("
  large: { from: orders, filter: \"amount > 100\" }
  fee: { from: large, select: [\"*\", \"amount * 0.015 as fee\"] }
  score: { from: fee, wasm: scorer@1.2.0, grant: [clock] }", "
  alerts: { from: score, kafka: { topic: alerts, key: [user], compression: zstd } }"), @"
    pipeline p
      delivery      at least once, a checkpoint every 1s
      dead letters  a file in the host's data folder

    fragment 0: a task for each partition of orders
      orders              source  kafka orders of connection default, group p, from the earliest record, json, 3 columns
      └─ large            filter  amount > 100
         └─ fee           select  *, amount * 0.015 as fee
            └─ score      wasm    scorer@1.2.0, 64MiB and 1s a batch, may use clock
               └─ alerts  sink    kafka alerts of connection default, key user, murmur2, zstd, json
    ");
}

#[test]
fn functions_of_the_program() {
    insta::assert_snapshot!(shown("
  clean: { from: orders, native: clean }
  enrich: { from: clean, native: enrich, schema: { id: int64, score: float64 }, on_error: skip }", "
  out: { from: enrich, memory: out }"), @r"
    pipeline p
      delivery      at least once, a checkpoint every 1s
      dead letters  a file in the host's data folder

    fragment 0: a task for each partition of orders
      orders        source  kafka orders of connection default, group p, from the earliest record, json, 3 columns
      └─ clean      native  clean of the embedding program
         └─ enrich  native  enrich of the embedding program, 2 columns, on error skip
            └─ out  sink    memory out
    ");
}

#[test]
fn a_step_read_by_several() {
    insta::assert_snapshot!(shown("
  large: { from: orders, filter: \"amount > 100\" }
  even: { from: large, filter: \"id % 2 = 0\", on_error: fail }", "
  all: { from: orders, file: { path: all.csv } }
  big: { from: large, stdout: }
  some: { from: even, memory: some }"), @"
    pipeline p
      delivery      at least once, a checkpoint every 1s
      dead letters  a file in the host's data folder

    fragment 0: a task for each partition of orders
      orders         source  kafka orders of connection default, group p, from the earliest record, json, 3 columns
      ├─ large       filter  amount > 100
      │  ├─ even     filter  id % 2 = 0, on error fail
      │  │  └─ some  sink    memory some
      │  └─ big      sink    standard output, json
      └─ all         sink    CSV all.csv
    ");
}

#[test]
fn a_route() {
    insta::assert_snapshot!(shown("
  split: { from: made, route: { big: \"amount > 1000\", middle: \"amount > 10\", small: otherwise } }
  again: { from: split.big, filter: \"id > 7\" }", "
  big: { from: again, blackhole: }
  small: { from: split.small, blackhole: }
  wrong: { from: split.errors, blackhole: }"), @r"
    pipeline p
      delivery      at least once, a checkpoint every 1s
      dead letters  a file in the host's data folder

    fragment 0: 4 tasks, one a partition
      made                   source  generated, 100 rows, 10 a second, seed 0, 3 columns
      └─ split               route   big: amount > 1000, middle: amount > 10, small: otherwise
         ├─ .big → again     filter  id > 7
         │  └─ big           sink    dropped
         ├─ .small → small   sink    dropped
         └─ .errors → wrong  sink    dropped
    ");
}

#[test]
fn a_union_of_two_sources() {
    insta::assert_snapshot!(shown("
  all: { from: [orders, more] }
  large: { from: all, filter: \"amount > 100\" }", "
  out: { from: large, stdout: }"), @"
    pipeline p
      delivery      at least once, a checkpoint every 1s
      dead letters  a file in the host's data folder

    fragment 0: a task for each partition of orders
      orders        source   kafka orders of connection default, group p, from the earliest record, json, 3 columns
      └─ channel 0  channel  to all

    fragment 1: a task for each partition of more
      more          source   kafka more of connection default, group p, from the latest record, json, 3 columns
      └─ channel 0  channel  to all

    fragment 2: a task for each partition of orders or more, reads channel 0
      all        union   of orders, more
      └─ large   filter  amount > 100
         └─ out  sink    standard output, json

    channels
      0: orders, more → all in fragment 2, memory, 16 messages a task
    ");
}

#[test]
fn errors_and_named_ports() {
    insta::assert_snapshot!(shown("
  score: { from: orders, wasm: scorer }
  audit: { from: score.audit, select: [id] }", "
  out: { from: score, blackhole: }
  audited: { from: [audit, score.late-audit], file: { path: audit.jsonl } }
  failed: { from: [score.errors, audit.errors], stdout: }"), @"
    pipeline p
      delivery      at least once, a checkpoint every 1s
      dead letters  a file in the host's data folder

    fragment 0: a task for each partition of orders
      orders                         source   kafka orders of connection default, group p, from the earliest record, json, 3 columns
      └─ score                       wasm     scorer, 64MiB and 1s a batch
         ├─ out                      sink     dropped
         ├─ .audit → audit           select   id
         │  ├─ channel 0             channel  to audited
         │  └─ .errors → channel 1   channel  to failed
         ├─ .late-audit → channel 0  channel  to audited
         └─ .errors → channel 1      channel  to failed

    fragment 1: a task for each partition of orders, reads channel 0
      audited  sink  JSON lines audit.jsonl

    fragment 2: a task for each partition of orders, reads channel 1
      failed  sink  standard output, json

    channels
      0: score.late-audit, audit → audited in fragment 1, memory, 16 messages a task
      1: score.errors, audit.errors → failed in fragment 2, memory, 16 messages a task
    ");
}

#[test]
fn a_diamond_with_steps_written_backwards() {
    insta::assert_snapshot!(shown("
  both: { from: [low, high], wasm: scorer }
  high: { from: start, filter: \"amount > 100\" }
  low: { from: start, filter: \"amount <= 100\" }
  start: { from: made }", "
  out: { from: [both, both.errors], blackhole: }"), @r"
    pipeline p
      delivery      at least once, a checkpoint every 1s
      dead letters  a file in the host's data folder

    fragment 0: 4 tasks, one a partition
      made                source   generated, 100 rows, 10 a second, seed 0, 3 columns
      └─ start            union    of made
         ├─ high          filter   amount > 100
         │  └─ channel 0  channel  to both
         └─ low           filter   amount <= 100
            └─ channel 0  channel  to both

    fragment 1: 4 tasks, one a partition, reads channel 0
      both                    wasm     scorer, 64MiB and 1s a batch
      ├─ channel 1            channel  to out
      └─ .errors → channel 1  channel  to out

    fragment 2: 4 tasks, one a partition, reads channel 1
      out  sink  dropped

    channels
      0: high, low → both in fragment 1, memory, 16 messages a task
      1: both, both.errors → out in fragment 2, memory, 16 messages a task
    ");
}

#[test]
fn sources_that_never_meet() {
    insta::assert_snapshot!(shown("", "
  one: { from: orders, stdout: }
  two: { from: made, stdout: { } }"), @"
    pipeline p
      delivery      at least once, a checkpoint every 1s
      dead letters  a file in the host's data folder

    fragment 0: a task for each partition of orders
      orders  source  kafka orders of connection default, group p, from the earliest record, json, 3 columns
      └─ one  sink    standard output, json

    fragment 1: 4 tasks, one a partition
      made    source  generated, 100 rows, 10 a second, seed 0, 3 columns
      └─ two  sink    standard output, json
    ");
}

#[test]
fn what_the_api_answers() {
    let pipeline = pipeline(
        "
  all: { from: [orders, made] }",
        "
  out: { from: all, stdout: }",
    );
    let json = to_json(&plan(&pipeline), &pipeline);
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap(), @r#"
    {
      "pipeline": "p",
      "fragments": [
        {
          "id": 0,
          "input": {
            "source": "orders"
          },
          "sources": [
            "orders"
          ],
          "tasks": "a task for each partition of orders",
          "nodes": [
            {
              "name": "orders",
              "kind": "source",
              "description": "kafka orders of connection default, group p, from the earliest record, json, 3 columns",
              "ports": [
                {
                  "name": "main",
                  "to": [
                    {
                      "channel": 0
                    }
                  ]
                }
              ]
            }
          ]
        },
        {
          "id": 1,
          "input": {
            "source": "made"
          },
          "sources": [
            "made"
          ],
          "tasks": "4 tasks, one a partition",
          "nodes": [
            {
              "name": "made",
              "kind": "source",
              "description": "generated, 100 rows, 10 a second, seed 0, 3 columns",
              "ports": [
                {
                  "name": "main",
                  "to": [
                    {
                      "channel": 0
                    }
                  ]
                }
              ]
            }
          ]
        },
        {
          "id": 2,
          "input": {
            "channel": 0
          },
          "sources": [
            "orders",
            "made"
          ],
          "tasks": "a task for each partition of orders or made",
          "nodes": [
            {
              "name": "all",
              "kind": "union",
              "description": "of orders, made",
              "ports": [
                {
                  "name": "main",
                  "to": [
                    {
                      "node": "out"
                    }
                  ]
                },
                {
                  "name": "errors",
                  "to": []
                }
              ]
            },
            {
              "name": "out",
              "kind": "sink",
              "description": "standard output, json",
              "ports": []
            }
          ]
        }
      ],
      "channels": [
        {
          "id": 0,
          "name": "all",
          "from": [
            "orders",
            "made"
          ],
          "reader": 2,
          "transport": "memory",
          "capacity": 16
        }
      ]
    }
    "#);
}

#[test]
fn a_pipeline_built_by_hand_with_loose_ends_makes_a_smaller_plan() {
    let mut pipeline = pipeline(
        "
  a: { from: orders }
  b: { from: a }",
        "
  out: { from: b, stdout: }",
    );
    pipeline.steps[0].from[0].node = "b".to_owned();
    let plan = plan(&pipeline);
    sound(&plan);
    assert_eq!(plan.fragments.len(), 1);
    assert_eq!(plan.fragments[0].nodes.len(), 1);
}

/// Steps that read sources and earlier steps, some of them several at once.
fn any_pipeline() -> impl Strategy<Value = Pipeline> {
    let from = proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 1..4);
    (1..4usize, proptest::collection::vec(from, 0..12)).prop_map(|(sources, steps)| {
        let mut names: Vec<String> = (0..sources).map(|id| format!("source{id}")).collect();
        let row = "memory: { name: x, schema: { a: int64 } }";
        let mut text = "name: p\nsources:\n".to_owned();
        names.iter().for_each(|name| text += &format!("  {name}: {{ {row} }}\n"));
        let mut written = Vec::new();
        for (id, from) in steps.iter().enumerate() {
            let mut read: Vec<String> = Vec::new();
            for (index, errors) in from {
                let name = index.get(&names);
                let port =
                    if *errors && name.starts_with("step") { format!("{name}.errors") } else { name.clone() };
                if !read.contains(&port) {
                    read.push(port);
                }
            }
            written.push(format!("  step{id}: {{ from: [{}] }}\n", read.join(", ")));
            names.push(format!("step{id}"));
        }
        written.reverse();
        text += &format!(
            "steps:\n{}sinks:\n  out: {{ from: [{}], blackhole: }}\n",
            written.concat(),
            names.join(", ")
        );
        spec::parse(text.as_bytes(), Format::Yaml).unwrap().pipeline
    })
}

proptest! {
    #[test]
    fn every_pipeline_has_a_sound_plan(pipeline in any_pipeline()) {
        let plan = plan(&pipeline);
        sound(&plan);
        let placed: usize = plan.fragments.iter().map(|fragment| fragment.nodes.len()).sum();
        prop_assert_eq!(placed, pipeline.sources.len() + pipeline.steps.len() + pipeline.sinks.len());
        let lines = render(&plan, &pipeline).lines().count();
        prop_assert!(lines >= placed);
    }
}

/// Filters give what they get, selects the columns they name (all of the input's types), components by their
/// name.
struct Columns;

impl Binder for Columns {
    fn output(&mut self, _: &Node, step: &Step, input: &SchemaRef) -> Result<Bound, Vec<BindError>> {
        let same = |port: &str| (port.to_owned(), input.clone());
        Ok(Bound::Ports(match &step.kind {
            StepKind::Union => unreachable!("never asked"),
            StepKind::Filter { expression } if expression == "wrong" => {
                return Err(vec![BindError::from("no column `wrong`".to_owned())]);
            }
            StepKind::Filter { .. } => vec![same("main")],
            StepKind::Route { branches } => branches.iter().map(|(port, _)| same(port)).collect(),
            StepKind::Select { items } => vec![("main".to_owned(), select(items, input)?)],
            StepKind::Native(native) => {
                vec![("main".to_owned(), native.schema.clone().unwrap_or_else(|| input.clone()))]
            }
            StepKind::Wasm(wasm) => match wasm.component.as_str() {
                "absent" => return Ok(Bound::Unknown("the component `absent` is not here".to_owned())),
                _ => vec![same("main"), same("audit")],
            },
        }))
    }
}

fn select(items: &[String], input: &SchemaRef) -> Result<SchemaRef, Vec<BindError>> {
    let field = |(at, item): (usize, &String)| {
        let (name, renamed) = item.split_once(" as ").unwrap_or((item, item));
        if let Some(list) = name.strip_prefix("list ") {
            let item = Arc::new(Field::new("item", DataType::Int64, true));
            return Ok(Field::new(list, DataType::List(item), true));
        }
        match input.field_with_name(name) {
            Ok(field) => Ok(field.clone().with_name(renamed)),
            Err(_) => Err(BindError {
                at: format!("select[{at}]"),
                message: format!("no `{name}`"),
                ..BindError::default()
            }),
        }
    };
    let (fields, errors): (Vec<_>, Vec<_>) = items.iter().enumerate().map(field).partition(Result::is_ok);
    if errors.is_empty() {
        return Ok(Arc::new(Schema::new(fields.into_iter().map(Result::unwrap).collect::<Vec<_>>())));
    }
    Err(errors.into_iter().map(Result::unwrap_err).collect())
}

fn resolved(steps: &str, sinks: &str) -> Result<Schemas, String> {
    let pipeline = pipeline(steps, sinks);
    resolve(&plan(&pipeline), &pipeline, &mut Columns)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

fn columns(schema: Option<&SchemaRef>) -> String {
    let Some(schema) = schema else { return "not known".to_owned() };
    let column = |field: &Arc<Field>| {
        let never = if field.is_nullable() { "" } else { "!" };
        format!("{} {}{never}", field.name(), spec::show_type(field.data_type()))
    };
    schema.fields().iter().map(column).collect::<Vec<_>>().join(", ")
}

#[test]
fn columns_follow_the_rows() {
    let schemas = resolved(
        "
  all: { from: [orders, more] }
  named: { from: all, select: [id as key, user] }
  score: { from: named, wasm: scorer }
  again: { from: score.errors, wasm: scorer }",
        "
  out: { from: [score, score.audit], stdout: }
  failed: { from: again.errors, stdout: }",
    )
    .unwrap();
    assert_eq!(columns(schemas.output("orders", "main")), "id int64!, user string, amount float64");
    assert_eq!(columns(schemas.input("all")), "id int64, user string, amount float64");
    assert_eq!(columns(schemas.output("score", "audit")), "key int64, user string");
    assert_eq!(columns(schemas.input("out")), "key int64, user string");
    let failed = "key int64, user string, error_code string!, error_message string!, error_retryable bool!";
    assert_eq!(columns(schemas.output("score", "errors")), failed);
    assert_eq!(columns(schemas.input("failed")), failed);
    assert_eq!(schemas.unchecked, []);
}

#[test]
fn mistakes_in_columns_are_told_at_once() {
    insta::assert_snapshot!(resolved("
  bad: { from: orders, filter: wrong }
  below: { from: bad, filter: wrong }
  pick: { from: orders, select: [idd, user, amout] }
  twice: { from: orders, select: [id, user as id] }
  score: { from: orders, wasm: scorer }
  port: { from: score.audits }
  renamed: { from: orders, select: [id as key, user, amount] }
  fewer: { from: orders, select: [id, user] }
  typed: { from: orders, select: [amount as id, user, id as amount] }
  turned: { from: orders, select: [user, id, amount] }
  mixed: { from: [orders, renamed, fewer, typed, turned, more] }
  wider: { from: [fewer, orders] }
  nested: { from: orders, select: [id, user, \"list tags\"] }", "
  out:
    from: nested
    kafka: { topic: out, key: [usr, tags], headers: [x], timestamp: user, partitioner: { column: user } }
    encode: { codec: json, columns: [id, tag] }
  csv: { from: nested, file: { path: x.csv } }
  below2: { from: below, kafka: { topic: out, key: [nothing] } }").unwrap_err(), @r"
    steps.bad.filter: no column `wrong`
    steps.pick.select[0]: no `idd`
    steps.pick.select[2]: no `amout`
    steps.twice.select: two columns named `id` leave by the port `main`; expected `as` with another name
    steps.port.from: `score` has no port `audits`; expected one of score, score.audit, score.errors; did you mean `score.audit`?
    sinks.out.kafka.key[0]: there is no column `usr`; did you mean `user`?
    sinks.out.kafka.key[1]: the column `tags` is of type list<int64>; expected a column that is not nested
    sinks.out.kafka.headers[0]: there is no column `x`; expected one of id, user, tags
    sinks.out.kafka.timestamp: the column `user` is of type string; expected a timestamp, or int64 for milliseconds since 1970
    sinks.out.kafka.partitioner.column: the column `user` is of type string; expected a column of an integer type
    sinks.out.encode.columns[1]: there is no column `tag`; did you mean `tags`?
    sinks.csv.file: the column `tags` is of type list<int64>; expected columns that are not nested; a `select` leaves them out
    steps.mixed.from[1]: `renamed` has no column `id`, `orders` has; expected inputs with the same columns; a `select` makes them alike
    steps.mixed.from[2]: `fewer` has no column `amount`, `orders` has; expected inputs with the same columns; a `select` makes them alike
    steps.mixed.from[3]: the column `id` is float64 in `typed` and int64 in `orders`; expected inputs with the same columns; a `select` makes them alike
    steps.mixed.from[4]: the columns of `turned` are in another order: `user` stands where `orders` has `id`; expected inputs with the same columns; a `select` makes them alike
    steps.wider.from[1]: `orders` has a column `amount`, `fewer` has not; expected inputs with the same columns; a `select` makes them alike
    ");
}

#[test]
fn what_cannot_be_known_is_said() {
    let schemas = resolved(
        "
  score: { from: orders, wasm: absent }
  below: { from: score, filter: a }
  beside: { from: score.errors, filter: a }
  both: { from: [below, orders] }",
        "
  out: { from: both, stdout: }
  failed: { from: beside, stdout: }",
    )
    .unwrap();
    let unchecked: Vec<String> =
        schemas.unchecked.iter().map(|part| format!("{}: {}", part.path, part.reason)).collect();
    insta::assert_snapshot!(unchecked.join("\n"), @r"
    steps.score.wasm: the component `absent` is not here
    steps.below: the columns of `score` are not known
    steps.both: the columns of `below` are not known
    sinks.out: the columns of `both` are not known
    ");
    assert_eq!(columns(schemas.input("both")), "not known");
    assert!(
        columns(schemas.input("failed")).starts_with("id int64!, user string, amount float64, error_code")
    );
}
