//! What does a running operator cost? 1,000 pipelines in one host, each a task with an instance of its own of
//! the same component: memory and load time of each, beside the same pipelines without a component.

use std::time::{Duration, Instant};

use sabot::control::How;
use sabot::control::api::PipelineState;
use sabot_benches::kafka::Failed;
use sabot_benches::report;
use sabot_benches::sabot_host::BenchHost;
use sabot_benches::usage;

const SETTLE: Duration = Duration::from_secs(3);

fn main() -> Result<(), Failed> {
    let count: usize = std::env::var("N").ok().map_or(Ok(1000), |n| n.parse())?;
    // Nothing here speaks Kafka.
    let bench = BenchHost::open("127.0.0.1:1")?;
    bench.push("filter-amount")?;
    // The first one compiles; what is measured is the cost of one more.
    start(&bench, "warm-up", "wasm: filter-amount, config: { min: 10 }")?;
    wait(&bench, 1)?;
    let plain = load(&bench, "plain", "filter: \"amount > 10\"", count, 1)?;
    let wasm = load(&bench, "wasm", "wasm: filter-amount, config: { min: 10 }", count, 1 + count)?;
    let rows = bench.host.pipelines().iter().filter(|p| p.steps.iter().any(|s| s.rows_in > 0)).count();
    println!("{rows} of {} pipelines have moved rows", 1 + 2 * count);
    report::table(&[
        ["pipelines", "count", "MiB each", "ms to load each"].map(String::from).to_vec(),
        row("native filter", count, plain),
        row("wasm filter", count, wasm),
    ]);
    report::figures(&[("operators", count as f64), ("mib_each", wasm.0), ("load_ms_each", wasm.1)]);
    Ok(())
}

fn row(name: &str, count: usize, (mib, ms): (f64, f64)) -> Vec<String> {
    vec![name.to_owned(), count.to_string(), format!("{mib:.3}"), format!("{ms:.2}")]
}

fn start(bench: &BenchHost, name: &str, step: &str) -> Result<(), Failed> {
    let spec = format!(
        "name: {name}\nsources:\n  rows:\n    generate: {{ schema: {{ id: int64, amount: float64 }}, rate: 1, \
         columns: {{ id: sequence, amount: {{ range: [0, 100] }} }} }}\nsteps:\n  large: {{ from: rows, {step} }}\n\
         sinks:\n  out: {{ from: large, blackhole: {{}} }}\n"
    );
    bench.host.apply(None, spec.as_bytes(), How::default())?;
    Ok(())
}

/// Starts `count` pipelines; answers MiB and ms for each.
fn load(
    bench: &BenchHost,
    name: &str,
    step: &str,
    count: usize,
    before: usize,
) -> Result<(f64, f64), Failed> {
    let (resident, started) = (usage::resident(), Instant::now());
    for i in 0..count {
        start(bench, &format!("{name}-{i}"), step)?;
    }
    wait(bench, before + count)?;
    let ms = started.elapsed().as_secs_f64() * 1e3 / count as f64;
    std::thread::sleep(SETTLE);
    let mib = (usage::resident() - resident) as f64 / (1 << 20) as f64 / count as f64;
    Ok((mib, ms))
}

fn wait(bench: &BenchHost, running: usize) -> Result<(), Failed> {
    let until = Instant::now() + Duration::from_secs(300);
    loop {
        let now = bench.host.pipelines().iter().filter(|p| p.state == PipelineState::Running).count();
        if now >= running {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(format!("{now} of {running} pipelines run").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
