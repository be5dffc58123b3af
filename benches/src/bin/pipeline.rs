//! How fast are whole pipelines, Kafka to Kafka, against hand-written programs on the same broker in the same run?
//!
//! Every contestant runs in turn, several rounds; each run is from its first record in hand to the moment when
//! the last output is visible. The output of the fee job is read back and checked.

use std::time::{Duration, Instant};

use sabot::control::How;
use sabot_benches::kafka::{Failed, Kafka};
use sabot_benches::raw::{self, Job};
use sabot_benches::report;
use sabot_benches::sabot_host::BenchHost;
use sabot_benches::usage;

const ROUNDS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(180);
const SCHEMA: &str = "{ id: int64, user: string, amount: float64, merchant: string, country: string, \
                      channel: string, ts: int64, note: string }";

struct Contestant {
    name: &'static str,
    /// Steps of the pipeline and the last one's name; `None` for a baseline.
    steps: Option<(&'static str, &'static str)>,
    job: Job,
}

const CONTESTANTS: [Contestant; 6] = [
    Contestant { name: "raw forwarder", steps: None, job: Job::Forward },
    Contestant { name: "raw native w1", steps: None, job: Job::Fee },
    Contestant {
        name: "native filter",
        steps: Some(("large: { from: orders, filter: \"amount > 500\" }", "large")),
        job: Job::Forward,
    },
    Contestant {
        name: "wasm filter",
        steps: Some(("large: { from: orders, wasm: filter-amount, config: { min: 500 } }", "large")),
        job: Job::Forward,
    },
    Contestant { name: "wasm w1", steps: Some(("fee: { from: orders, wasm: fee }", "fee")), job: Job::Fee },
    Contestant {
        name: "native w1",
        steps: Some((
            "large: { from: orders, filter: \"amount > 500\" }\n  fee: { from: large, select: [\"*\", \"amount * 0.015 as fee\"] }",
            "fee",
        )),
        job: Job::Fee,
    },
];

#[derive(Default)]
struct Runs {
    per_second: Vec<f64>,
    cpu_us: Vec<f64>,
}

fn main() -> Result<(), Failed> {
    let n: u64 = std::env::var("N").ok().map_or(Ok(1_000_000), |n| n.parse())?;
    let kafka = Kafka::from_env()?;
    let input = kafka.topic("orders")?;
    println!("{n} orders into {input} …");
    let large = kafka.fill(&input, n)?;
    let bench = BenchHost::open(&kafka.bootstrap)?;
    bench.push("filter-amount")?;
    bench.push("fee")?;
    let mut runs: Vec<Runs> = CONTESTANTS.iter().map(|_| Runs::default()).collect();
    for round in 1..=ROUNDS {
        for (contestant, runs) in CONTESTANTS.iter().zip(&mut runs) {
            let (seconds, cpu) = one(&kafka, &bench, contestant, &input, n, large)?;
            println!("round {round}: {}: {:.0} records/s", contestant.name, n as f64 / seconds);
            runs.per_second.push(n as f64 / seconds);
            runs.cpu_us.push(cpu.as_secs_f64() * 1e6 / n as f64);
        }
    }
    print(&runs);
    Ok(())
}

fn one(
    kafka: &Kafka,
    bench: &BenchHost,
    contestant: &Contestant,
    input: &str,
    n: u64,
    large: u64,
) -> Result<(f64, Duration), Failed> {
    let output = kafka.topic("out")?;
    let want = if contestant.steps.is_none() && contestant.job == Job::Forward { n } else { large };
    let used = usage::cpu();
    let (first, last) = match contestant.steps {
        None => {
            let (bootstrap, job, from, to) =
                (kafka.bootstrap.clone(), contestant.job, input.to_owned(), output.clone());
            let worker = std::thread::spawn(move || {
                raw::run(&bootstrap, job, &from, &to, n).map_err(|e| e.to_string())
            });
            let last = kafka.wait_for(&output, want, PATIENCE)?;
            (worker.join().map_err(|_| "the baseline panicked")??, last)
        }
        Some((steps, end)) => {
            let name = format!("bench-{:08x}", fastrand::u32(..));
            let spec = format!(
                "name: {name}\nsources:\n  orders:\n    kafka: {{ topic: {input}, start: earliest }}\n    \
                 decode: {{ codec: json, schema: {SCHEMA} }}\nsteps:\n  {steps}\nsinks:\n  out:\n    from: {end}\n    \
                 kafka: {{ topic: {output}, key: [user], compression: lz4, linger: 20ms }}\n    encode: {{ codec: json }}\n"
            );
            bench.host.apply(None, spec.as_bytes(), How::default())?;
            let first = bench.first_record(&name)?;
            let last = kafka.wait_for(&output, want, PATIENCE)?;
            bench.host.remove_pipeline(&name)?;
            (first, last)
        }
    };
    let cpu = usage::cpu() - used;
    if contestant.job == Job::Fee {
        check(kafka, &output, large)?;
    }
    Ok(((last - first).as_secs_f64(), cpu))
}

fn check(kafka: &Kafka, output: &str, large: u64) -> Result<(), Failed> {
    #[derive(serde::Deserialize)]
    struct Out {
        id: u64,
        user: String,
        amount: f64,
        fee: f64,
    }
    let started = Instant::now();
    let mut ids = std::collections::HashSet::new();
    let (mut records, mut wrong) = (0u64, 0u64);
    kafka.read_all(output, |key, value| {
        records += 1;
        match serde_json::from_slice::<Out>(value) {
            Ok(o) => {
                let right = o.amount > 500.0
                    && (o.fee - o.amount * 0.015).abs() < 1e-9
                    && key == Some(o.user.as_bytes());
                wrong += u64::from(!right || !ids.insert(o.id));
            }
            Err(_) => wrong += 1,
        }
    })?;
    if records != large || wrong > 0 {
        return Err(format!("{output}: {records} records, {large} expected, {wrong} wrong or doubled").into());
    }
    println!(
        "  output checked: {records} records, each right and once ({:.1} s)",
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

fn print(runs: &[Runs]) {
    let speed: Vec<f64> = runs.iter().map(|r| report::median(&r.per_second)).collect();
    let cpu: Vec<f64> = runs.iter().map(|r| report::median(&r.cpu_us)).collect();
    let mut rows = vec![
        ["pipeline", "records/s", "of raw forwarder", "CPU µs a record", "min–max k/s"]
            .map(String::from)
            .to_vec(),
    ];
    for (i, contestant) in CONTESTANTS.iter().enumerate() {
        let (low, high) =
            (report::percentile(&runs[i].per_second, 0.0), report::percentile(&runs[i].per_second, 100.0));
        rows.push(vec![
            contestant.name.to_owned(),
            format!("{:.0}", speed[i]),
            format!("{:.2}", speed[i] / speed[0]),
            format!("{:.2}", cpu[i]),
            format!("{:.0}–{:.0}", low / 1e3, high / 1e3),
        ]);
    }
    report::table(&rows);
    report::figures(&[
        ("native_vs_raw", speed[2] / speed[0]),
        ("wasm_vs_native", speed[3] / speed[2]),
        ("wasm_vs_raw", speed[3] / speed[0]),
        ("w1_vs_raw_native", speed[4] / speed[1]),
        ("raw_per_s", speed[0]),
        ("cpu_us_per_record", cpu[4]),
    ]);
}
