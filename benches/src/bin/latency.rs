//! How long does a record take through a pipeline, Kafka to Kafka, at 20,000 records a second? From just before
//! the producer is given a record to when a consumer has the result in hand, both in this process. Both hops linger
//! for 1 ms: with 0 ms the small requests alone saturate a broker that shares two cores with everything else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::producer::Producer;
use rdkafka::{Message, Offset, TopicPartitionList};

use sabot_benches::kafka::{self, Failed, Kafka, PARTITIONS};
use sabot_benches::report;
use sabot_benches::sabot_host::BenchHost;

const RATE: u64 = 20_000;
const WARM_UP: Duration = Duration::from_secs(10);
const MEASURED: Duration = Duration::from_secs(15);

fn main() -> Result<(), Failed> {
    let kafka = Kafka::from_env()?;
    let (input, output) = (kafka.topic("orders")?, kafka.topic("large")?);
    let started = Instant::now();
    let direct = measure(&kafka, &input, &input, started)?;
    let bench = BenchHost::open(&kafka.bootstrap)?;
    bench.push("filter-amount")?;
    bench.apply(&format!(
        "name: latency\nsources:\n  orders:\n    kafka: {{ topic: {input}, start: latest }}\n    decode: {{ codec: json, schema: \
         {{ id: int64, user: string, amount: float64, at_us: int64, note: string }} }}\nsteps:\n  large: {{ from: orders, wasm: filter-amount, \
         config: {{ min: 0 }} }}\nsinks:\n  out:\n    from: large\n    kafka: {{ topic: {output}, linger: 1ms }}\n    \
         encode: {{ codec: json }}\n"
    ))?;
    std::thread::sleep(Duration::from_secs(2));
    let through = measure(&kafka, &input, &output, started)?;
    let row = |name: &str, ms: &[f64]| {
        let mut row = vec![name.to_owned(), ms.len().to_string()];
        row.extend([50.0, 90.0, 99.0, 99.9, 100.0].map(|p| format!("{:.2}", report::percentile(ms, p))));
        row
    };
    report::table(&[
        ["ms, record to record", "records", "p50", "p90", "p99", "p99.9", "max"].map(String::from).to_vec(),
        row("broker alone", &direct),
        row("through a wasm filter", &through),
    ]);
    report::figures(&[
        ("p50_ms", report::percentile(&through, 50.0)),
        ("p99_ms", report::percentile(&through, 99.0)),
        ("broker_p50_ms", report::percentile(&direct, 50.0)),
        ("broker_p99_ms", report::percentile(&direct, 99.0)),
    ]);
    Ok(())
}

/// Latencies in ms of what is sent to `input` and read from `output`, after a warm-up.
fn measure(kafka: &Kafka, input: &str, output: &str, epoch: Instant) -> Result<Vec<f64>, Failed> {
    let stop = Arc::new(AtomicBool::new(false));
    let feeder = {
        let (bootstrap, input, stop) = (kafka.bootstrap.clone(), input.to_owned(), Arc::clone(&stop));
        std::thread::spawn(move || feed(&bootstrap, &input, epoch, &stop).map_err(|e| e.to_string()))
    };
    let consumer = kafka.consumer()?;
    let mut all = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        all.add_partition_offset(output, partition, Offset::End)?;
    }
    consumer.assign(&all)?;
    let (begin, end) = (Instant::now() + WARM_UP, Instant::now() + WARM_UP + MEASURED);
    let mut ms = Vec::new();
    while Instant::now() < end {
        let Some(message) = consumer.poll(Duration::from_millis(10)) else { continue };
        let now = Instant::now();
        if now < begin {
            continue;
        }
        let value: serde_json::Value = serde_json::from_slice(message?.payload().unwrap_or_default())?;
        let sent = epoch + Duration::from_micros(value["at_us"].as_u64().ok_or("no at_us")?);
        ms.push(now.saturating_duration_since(sent).as_secs_f64() * 1e3);
    }
    stop.store(true, Relaxed);
    feeder.join().map_err(|_| "the feeder panicked")??;
    Ok(ms)
}

fn feed(bootstrap: &str, topic: &str, epoch: Instant, stop: &AtomicBool) -> Result<(), Failed> {
    let producer: rdkafka::producer::ThreadedProducer<_> =
        kafka::config(bootstrap).set("linger.ms", "1").set("enable.idempotence", "true").create()?;
    let started = Instant::now();
    let mut count = 0u64;
    while !stop.load(Relaxed) {
        let due = (started.elapsed().as_secs_f64() * RATE as f64) as u64;
        while count < due {
            let json = format!(
                "{{\"id\":{count},\"user\":\"user-{}\",\"amount\":{}.5,\"at_us\":{},\
                 \"note\":\"lorem ipsum dolor sit amet consectetur adipisci elit sed do eiusmod\"}}",
                count % 5000,
                count % 1000,
                epoch.elapsed().as_micros()
            );
            kafka::send(&producer, topic, Some(format!("user-{}", count % 5000).as_bytes()), json.as_bytes());
            count += 1;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    producer.flush(Duration::from_secs(30))?;
    Ok(())
}
