//! What does a broken pipeline cost its neighbour? The throughput of a healthy pipeline alone, beside one whose
//! component loops for ever, and beside one whose component traps on every batch, on the same host. Both make
//! their rows themselves, as fast as they can, so that the cores are what they fight for.

use std::time::{Duration, Instant};

use sabot::control::How;
use sabot_benches::kafka::Failed;
use sabot_benches::report;
use sabot_benches::sabot_host::BenchHost;

const MEASURED: Duration = Duration::from_secs(5);
const ROUNDS: usize = 3;

fn main() -> Result<(), Failed> {
    // Nothing here speaks Kafka.
    let bench = BenchHost::open("127.0.0.1:1")?;
    bench.push("filter-amount")?;
    bench.push("hostile-filter")?;
    bench.apply(&pipeline("good", "wasm: filter-amount, config: { min: 500 }"))?;
    let (mut alone, mut looping, mut trapping) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(throughput(&bench)?);
        for (mode, found) in [("endless-loop", &mut looping), ("trap-on-value", &mut trapping)] {
            // Some rows of every batch have this value.
            let config = format!("{{ mode: {mode}, value: 500 }}");
            let step = format!("wasm: hostile-filter, config: {config}, on_error: skip");
            bench.host.apply(None, pipeline("bad", &step).as_bytes(), How::default())?;
            found.push(throughput(&bench)?);
            bench.host.remove_pipeline("bad")?;
        }
    }
    let base = report::median(&alone);
    let row = |name: &str, found: &[f64]| {
        let speed = report::median(found);
        vec![name.to_owned(), format!("{:.0}", speed / 1e3), format!("{:.2}", speed / base)]
    };
    report::table(&[
        ["a healthy pipeline", "k rows/s", "of alone"].map(String::from).to_vec(),
        row("alone", &alone),
        row("beside one that loops for ever", &looping),
        row("beside one that traps on every batch", &trapping),
    ]);
    report::figures(&[
        ("beside_loop", report::median(&looping) / base),
        ("beside_trap", report::median(&trapping) / base),
    ]);
    Ok(())
}

fn pipeline(name: &str, step: &str) -> String {
    format!(
        "name: {name}\nerrors: {{ max_share: 1 }}\nsources:\n  rows:\n    generate: {{ schema: {{ id: int64, user: string, amount: float64 }}, \
         columns: {{ id: {{ range: [0, 1000] }}, amount: {{ range: [0, 1000] }} }} }}\nsteps:\n  step: {{ from: rows, {step} }}\nsinks:\n  out: \
         {{ from: step, blackhole: {{}} }}\n"
    )
}

/// Rows a second that the healthy pipeline's step takes.
fn throughput(bench: &BenchHost) -> Result<f64, Failed> {
    let rows = || -> Result<u64, Failed> {
        let status = bench.host.pipeline("good")?;
        if status.restarts > 0 {
            return Err(format!("the healthy pipeline failed: {:?}", status.reason).into());
        }
        Ok(status.steps[0].rows_in)
    };
    std::thread::sleep(Duration::from_secs(1));
    let (before, at) = (rows()?, Instant::now());
    std::thread::sleep(MEASURED);
    Ok((rows()? - before) as f64 / at.elapsed().as_secs_f64())
}
