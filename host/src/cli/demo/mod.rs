//! `sabot demo`: the main job from end to end on an embedded broker, over the admin API as a user would, with
//! every claim checked. Orders are generated into a topic, scored by an uploaded component into another, while
//! the component is swapped for a newer one and then for one that traps and must be rolled back by itself.

mod api;
mod audit;
mod report;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use clap::Args;

use api::Api;
use audit::Audit;
use report::{Claims, Swap};

use super::failure::Failure;
use super::output::Output;
use super::{control_plane, logging};
use crate::admin;
use crate::config::{Config, Log};
use crate::connector::kafka::EmbeddedBroker;
use crate::control::Host;

/// Orders in all; the swaps come after a third and two thirds.
const ORDERS: u64 = 60_000;
const RATE: u64 = 5_000;
/// The pipeline, as it is in the folder of the components, and what it calls the component that it starts with.
const FRAUD: &str = include_str!("../../../../examples/fraud/pipeline.yaml");
const SCORER: &str = "scorer@1.0.0";
/// How long any one thing may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Around a swap, how far to look for the longest gap between outputs.
const AROUND: Duration = Duration::from_secs(1);

/// Run the main job on an embedded broker, with two swaps under load, and check every claim
///
/// Needs nothing else. Exit code 0 only if everything that is printed was checked and held.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Leave the host running at the end, to look at
    #[arg(long)]
    keep: bool,
    /// Address of the API
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Folder with the components scorer-v1, scorer-v2 and scorer-trap
    #[arg(long, value_name = "DIR", default_value = "examples/fraud")]
    components: PathBuf,
}

pub(super) fn command(args: &DemoArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let config = Config {
        listen: args.listen,
        data_dir: folder.path().to_owned(),
        insecure: true,
        log: Log { level: "off".into(), ..Log::default() },
        ..Config::default()
    };
    logging::init(&config.log)?;
    let broker = Arc::new(EmbeddedBroker::start().map_err(Failure::plain)?);
    let listener = admin::listen(config.listen).map_err(Failure::plain)?;
    let base = format!("http://{}", listener.local_addr()?);
    let (address, keeps) = (broker.address(), EmbeddedBroker::KEEPS);
    output.note(&format!("Sabot demo\n  broker {address}, embedded: {keeps}\n  API and page at {base}"))?;
    let host = Arc::new(Host::open_with(&config, Some(broker))?);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let runtime = control_plane::runtime()?;
    let (served, settings) = (Arc::clone(&host), config.clone());
    let server = runtime.spawn(async move {
        let stopped = async { drop(stopped.await) };
        admin::serve(listener, served, &settings, stopped).await
    });
    let held =
        run(&base, &args.components).map_err(|reason| Failure::new("the demo could not be run", reason));
    if args.keep && held.is_ok() {
        keep_going(&base).map_err(|e| Failure::new("the demo could not go on", e))?;
        output.note(&format!("\nleft running at {base}; Ctrl-C ends it"))?;
        runtime.block_on(super::signal::stop());
    }
    // Gone when serving has ended by itself.
    let _ = stop.send(());
    host.shutdown();
    let _ = runtime.block_on(server);
    match held? {
        true => Ok(()),
        false => Err(Failure::plain("a claim did not hold")),
    }
}

/// Runs the demo against the host at `base`. Answers whether every claim held. `components` is the folder of the
/// three scorers.
fn run(base: &str, components: &Path) -> Result<bool, String> {
    let api = Api::new(base);
    let mut audit = Audit::open("demo-scored")?;
    let [v1, v2, trap] = upload(&api, components)?;
    api.apply(&audit_pipeline())?;
    api.apply_yaml("fraud", &FRAUD.replace(SCORER, &v1))?;
    api.wait_until_running(&["audit", "fraud"], PATIENCE)?;
    api.apply(&orders_pipeline(Some(ORDERS), RATE))?;
    say(&format!("{ORDERS} orders at {RATE} a second on their way through {v1}"));

    audit.wait_for(ORDERS / 3, PATIENCE)?;
    let mut swaps = vec![swap(&api, &v1, &v2)?];
    audit.wait_for(ORDERS * 2 / 3, PATIENCE)?;
    swaps.push(swap(&api, &v2, &trap)?);
    let rolled_back = wait_for_rollback(&api, &trap)?;
    audit.wait_for(ORDERS, PATIENCE)?;
    audit.settle(Duration::from_secs(1))?;

    let fraud = api.pipeline("fraud")?;
    let orders = api.pipeline("orders")?;
    let mut claims = Claims::default();
    let produced = orders["sinks"][0]["rows"].as_u64().unwrap_or(0);
    claims.check("every order was produced", produced == ORDERS, format!("{produced} of {ORDERS}"));
    claims.check("no record was lost", audit.lost(ORDERS) == 0, format!("{} lost", audit.lost(ORDERS)));
    claims.check("no record was doubled", audit.doubled() == 0, format!("{} doubled", audit.doubled()));
    let (by_v1, by_v2) = (audit.by_model("1.0.0"), audit.by_model("2.0.0"));
    claims.check(
        "each was scored by version 1 or version 2, and both did some",
        by_v1 > 0 && by_v2 > 0 && by_v1 + by_v2 == ORDERS,
        format!("{by_v1} + {by_v2}"),
    );
    claims.check("the trapping version was rolled back by itself", rolled_back.is_some(), String::new());
    let restarts = fraud["restarts"].as_u64().unwrap_or(u64::MAX);
    let running = fraud["state"] == "running" && restarts == 0;
    claims.check("the pipeline never stopped", running, format!("{}, {restarts} restarts", fraud["state"]));
    report::print(&audit, &swaps, ORDERS, rolled_back.as_deref(), &claims, AROUND);
    Ok(claims.all_hold())
}

/// Starts endless orders, slowly, for those who want to look.
fn keep_going(base: &str) -> Result<(), String> {
    Api::new(base).apply(&orders_pipeline(None, RATE / 10))
}

fn say(line: &str) {
    println!("  {line}");
}

/// Uploads the three scorers; answers their references.
fn upload(api: &Api, components: &Path) -> Result<[String; 3], String> {
    let mut references = Vec::new();
    for name in ["scorer-v1", "scorer-v2", "scorer-trap"] {
        let path = components.join(name).join("build").join(format!("{name}.wasm"));
        let bytes = std::fs::read(&path).map_err(|e| {
            format!(
                "{}: {e}; `cargo xtask guests` builds it, `--components DIR` says where it is",
                path.display()
            )
        })?;
        let started = Instant::now();
        let pushed = api.push(&bytes)?;
        let reference = format!("{}@{}", text(&pushed["name"]), text(&pushed["version"]));
        let (size, ms) = (bytes.len() / 1024, started.elapsed().as_millis());
        say(&format!("uploaded {reference} ({size} KiB, checked and compiled in {ms} ms)"));
        references.push(reference);
    }
    references.try_into().map_err(|_| "three components".to_owned())
}

fn swap(api: &Api, from: &str, to: &str) -> Result<Swap, String> {
    let at = Instant::now();
    let pause_ms = match api.swap("fraud", "score", to) {
        Ok(swapped) => {
            let pause_ms = swapped["pause_ms"].as_f64().unwrap_or(f64::NAN);
            say(&format!(
                "swapped {from} for {to}: revision {}, pause {pause_ms:.2} ms",
                swapped["revision"]
            ));
            pause_ms
        }
        // It failed in one task before all the others had it: then the answer says so already.
        Err(answer) if answer.contains("was taken back") => {
            say(&format!("{to} was refused while it took the place of {from}"));
            0.0
        }
        Err(answer) => return Err(answer),
    };
    Ok(Swap { from: from.to_owned(), to: to.to_owned(), at, pause_ms })
}

/// The reason with which `trap` was taken back, once it was.
fn wait_for_rollback(api: &Api, trap: &str) -> Result<Option<String>, String> {
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        let fraud = api.pipeline("fraud")?;
        let last = &fraud["steps"][0]["component"]["last_swap"];
        if last["outcome"] == "rolled_back" && text(&last["to"]).starts_with(trap) {
            let reason = text(&last["reason"]);
            say(&format!("rolled back by itself: {}", reason.lines().next().unwrap_or_default()));
            return Ok(Some(reason));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(None)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn orders_pipeline(count: Option<u64>, rate: u64) -> Value {
    let mut generate = json!({
        "schema": { "id": "int64", "user": "string", "amount": "float64", "at": "timestamp_ms" },
        "columns": {
            "id": "sequence",
            "user": { "keys": 5000, "skew": 1.1, "prefix": "user-" },
            "amount": { "range": [1, 1000] },
            "at": "now",
        },
        "rate": rate,
        "seed": 7,
    });
    if let Some(count) = count {
        generate["count"] = json!(count);
    }
    let to = json!({ "from": "made", "kafka": { "topic": "orders", "key": ["user"] }, "encode": { "codec": "json" } });
    let name = if count.is_some() { "orders" } else { "more-orders" };
    json!({ "name": name, "sources": { "made": { "generate": generate } }, "sinks": { "orders": to } })
}

/// Reads what came out, back into this process.
fn audit_pipeline() -> Value {
    json!({
        "name": "audit",
        "sources": { "scored": {
            "kafka": { "topic": "scored", "start": "earliest" },
            "decode": { "codec": "json", "schema": { "id": "int64", "model": "string" } },
        } },
        "sinks": { "seen": { "from": "scored", "memory": "demo-scored" } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Format, Pipeline, parse};

    fn parsed(text: &str) -> Pipeline {
        let parsed = parse(text.as_bytes(), Format::Auto).unwrap();
        assert_eq!(parsed.warnings, []);
        parsed.pipeline
    }

    #[test]
    fn the_pipelines_of_the_example_and_of_the_demo_are_right_and_fit() {
        let fraud = parsed(FRAUD);
        assert_eq!(fraud.name, "fraud");
        assert_eq!(FRAUD.matches(SCORER).count(), 1);
        let row = fraud.sources[0].schema.clone();
        assert!(row.is_some());
        let feed = parsed(include_str!("../../../../examples/fraud/feed.yaml"));
        for orders in [feed, parsed(&orders_pipeline(Some(ORDERS), RATE).to_string())] {
            assert_eq!(orders.sources[0].schema, row);
        }
        parsed(&audit_pipeline().to_string());
        parsed(include_str!("../../../../examples/fraud/show.yaml"));
    }
}
