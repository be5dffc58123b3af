//! What does a hot swap cost those who read the output? A pipeline at 50,000 records a second changes between two
//! versions of a component 100 times; the longest silence around each swap is set against the longest silence
//! around as many moments without one. Every order must come out once, made by one version.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::producer::Producer;
use rdkafka::{Message, Offset, TopicPartitionList};

use sabot::control::api::{SwapMode, SwapRequest};
use sabot_benches::kafka::{self, Failed, Kafka, PARTITIONS};
use sabot_benches::orders::Orders;
use sabot_benches::report;
use sabot_benches::sabot_host::BenchHost;

const RATE: u64 = 50_000;
const SWAPS: usize = 100;
const BETWEEN: Duration = Duration::from_millis(200);
const WARM_UP: Duration = Duration::from_secs(3);

/// What the reader saw.
#[derive(Default)]
struct Seen {
    /// When outputs came, in order.
    arrivals: Vec<Instant>,
    /// How often each order came out.
    times: Vec<u8>,
    /// Outputs by version.
    versions: std::collections::BTreeMap<String, u64>,
}

fn main() -> Result<(), Failed> {
    let kafka = Kafka::from_env()?;
    let (input, output) = (kafka.topic("orders")?, kafka.topic("scored")?);
    let bench = BenchHost::open(&kafka.bootstrap)?;
    let versions = [bench.push("scorer-v1")?, bench.push("scorer-v2")?];
    bench.apply(&format!(
        "name: swapped\nsources:\n  orders:\n    kafka: {{ topic: {input}, start: earliest }}\n    decode: {{ codec: json, schema: \
         {{ id: int64, user: string, amount: float64 }} }}\nsteps:\n  score: {{ from: orders, wasm: \"{}\", \
         probation: {{ batches: 1, time: 10ms }} }}\nsinks:\n  out:\n    from: score\n    kafka: {{ topic: {output}, \
         key: [user], linger: 1ms }}\n    encode: {{ codec: json }}\n",
        versions[0]
    ))?;
    let stop = Arc::new(AtomicBool::new(false));
    let sent = Arc::new(AtomicU64::new(0));
    let feeder = {
        let (bootstrap, input, stop, sent) =
            (kafka.bootstrap.clone(), input.clone(), Arc::clone(&stop), Arc::clone(&sent));
        std::thread::spawn(move || feed(&bootstrap, &input, &stop, &sent).map_err(|e| e.to_string()))
    };
    let reader = {
        let (consumer, output, stop, sent) =
            (kafka.consumer()?, output.clone(), Arc::clone(&stop), Arc::clone(&sent));
        std::thread::spawn(move || read(consumer, &output, &stop, &sent).map_err(|e| e.to_string()))
    };
    std::thread::sleep(WARM_UP);
    let base = moments(|_| Ok(()))?;
    let swaps = moments(|i| {
        let request = SwapRequest {
            reference: versions[(i + 1) % 2].clone(),
            config: None,
            mode: SwapMode::Now,
            expect: None,
        };
        bench.host.swap("swapped", "score", &request).map(|_| ()).map_err(|e| e.to_string().into())
    })?;
    std::thread::sleep(BETWEEN);
    stop.store(true, Relaxed);
    feeder.join().map_err(|_| "the feeder panicked")??;
    let seen = reader.join().map_err(|_| "the reader panicked")??;
    print(&seen, &base, &swaps, sent.load(Relaxed))
}

/// Does something at each of [`SWAPS`] moments; answers when.
fn moments(mut each: impl FnMut(usize) -> Result<(), Failed>) -> Result<Vec<Instant>, Failed> {
    let mut at = Vec::with_capacity(SWAPS);
    for i in 0..SWAPS {
        at.push(Instant::now());
        each(i)?;
        std::thread::sleep(BETWEEN.saturating_sub(at[i].elapsed()));
    }
    Ok(at)
}

/// Sends orders at [`RATE`], a little every millisecond.
fn feed(bootstrap: &str, topic: &str, stop: &AtomicBool, sent: &AtomicU64) -> Result<(), Failed> {
    let producer: rdkafka::producer::ThreadedProducer<_> = kafka::config(bootstrap)
        .set("linger.ms", "1")
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .create()?;
    let mut orders = Orders::new(7, 0);
    let started = Instant::now();
    let mut count = 0;
    while !stop.load(Relaxed) {
        let due = (started.elapsed().as_secs_f64() * RATE as f64) as u64;
        while count < due {
            if let Some(order) = orders.next() {
                kafka::send(&producer, topic, Some(order.user.as_bytes()), order.json.as_bytes());
            }
            count += 1;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    producer.flush(Duration::from_secs(30))?;
    sent.store(count, Relaxed);
    Ok(())
}

fn read(
    consumer: rdkafka::consumer::BaseConsumer,
    topic: &str,
    stop: &AtomicBool,
    sent: &AtomicU64,
) -> Result<Seen, Failed> {
    #[derive(serde::Deserialize)]
    struct Out {
        id: usize,
        model: String,
    }
    let mut all = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        all.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&all)?;
    let mut seen = Seen::default();
    let mut quiet_since = Instant::now();
    let mut outputs = 0;
    loop {
        match consumer.poll(Duration::from_millis(20)) {
            Some(message) => {
                let out: Out = serde_json::from_slice(message?.payload().unwrap_or_default())?;
                seen.arrivals.push(Instant::now());
                quiet_since = Instant::now();
                if seen.times.len() <= out.id {
                    seen.times.resize(out.id + 1, 0);
                }
                seen.times[out.id] = seen.times[out.id].saturating_add(1);
                *seen.versions.entry(out.model).or_default() += 1;
                outputs += 1;
            }
            None if stop.load(Relaxed) => {
                let sent = sent.load(Relaxed);
                if (sent > 0 && outputs >= sent && quiet_since.elapsed() > Duration::from_millis(500))
                    || quiet_since.elapsed() > Duration::from_secs(10)
                {
                    return Ok(seen);
                }
            }
            None => {}
        }
    }
}

/// The longest silence, in ms, that touches the time from a moment to the next.
fn silences(seen: &Seen, moments: &[Instant]) -> Vec<f64> {
    moments
        .iter()
        .map(|&at| {
            let from = seen.arrivals.partition_point(|a| *a < at).saturating_sub(1);
            let to = seen.arrivals.partition_point(|a| *a < at + BETWEEN);
            let around = &seen.arrivals[from..to.max(from + 1).min(seen.arrivals.len())];
            around.windows(2).map(|w| (w[1] - w[0]).as_secs_f64() * 1e3).fold(0.0, f64::max)
        })
        .collect()
}

fn print(seen: &Seen, base: &[Instant], swaps: &[Instant], sent: u64) -> Result<(), Failed> {
    let lost = (0..sent as usize).filter(|&id| seen.times.get(id).is_none_or(|t| *t == 0)).count();
    let doubled = seen.times.iter().filter(|t| **t > 1).count();
    let (base, with) = (silences(seen, base), silences(seen, swaps));
    let row = |name: &str, s: &[f64]| {
        vec![
            name.to_owned(),
            format!("{:.2}", report::median(s)),
            format!("{:.2}", report::percentile(s, 99.0)),
            format!("{:.2}", report::percentile(s, 100.0)),
        ]
    };
    println!("{sent} orders at {RATE} a second, {} outputs: {:?}", seen.arrivals.len(), seen.versions);
    report::table(&[
        ["longest silence in 200 ms", "median ms", "p99 ms", "max ms"].map(String::from).to_vec(),
        row("without swaps", &base),
        row("with a swap", &with),
    ]);
    println!("lost {lost}, doubled {doubled}");
    report::figures(&[
        ("swaps", swaps.len() as f64),
        ("lost", lost as f64),
        ("doubled", doubled as f64),
        ("gap_p99_ms", report::percentile(&with, 99.0)),
        ("base_p99_ms", report::percentile(&base, 99.0)),
    ]);
    if lost + doubled > 0 { Err("orders were lost or doubled".into()) } else { Ok(()) }
}
