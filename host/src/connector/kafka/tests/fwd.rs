//! TEMPORARY bench, never committed.
use super::*;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
#[test]
#[ignore]
fn fwd() {
    let env = |k: &str, d: &str| std::env::var(k).unwrap_or_else(|_| d.into());
    let boot = env("BOOTSTRAP", "");
    let (input, out) = (env("IN", ""), env("OUT", ""));
    let n: u64 = env("N", "2000000").parse().unwrap();
    let props: BTreeMap<String, String> = [("bootstrap.servers".to_owned(), boot)].into();
    let connections = Connections::new(
        &BTreeMap::from([("default".into(), props)]),
        env("BUDGET", "256").parse::<u64>().unwrap() << 20,
        None,
    )
    .unwrap();
    let c = connections.get("default").unwrap();
    let t0 = Instant::now();
    let mut group =
        group_on(&c, &format!("fwd-{:?}", std::time::SystemTime::now()), &[(&input, Start::Earliest)]);
    let mut sink = sink(&out);
    sink.compression = Compression::Lz4;
    sink.linger = Duration::from_millis(env("LINGER", "20").parse().unwrap());
    sink.batch_bytes = env("BATCH", "1000000").parse().unwrap();
    let parts = assigned(&mut group);
    eprintln!("assigned after {:?}", t0.elapsed());
    let (seen, first) = (AtomicU64::new(0), std::sync::Mutex::new(None));
    let rows: usize = env("ROWS", "8192").parse().unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|s| {
        for mut p in parts {
            let (c, sink, seen, first, done) = (&c, &sink, &seen, &first, &done);
            s.spawn(move || {
                let mut outbox = Outbox::open(c, sink, PATIENCE).unwrap();
                let (mut fulls, mut idles, mut reads) = (0, 0, 0u64);
                while seen.load(Relaxed) < n {
                    let Read::Records(raw) = p
                        .reader
                        .read(ReadLimits { records: rows, bytes: 8 << 20, wait: Duration::from_millis(20) })
                        .unwrap()
                    else {
                        idles += 1;
                        continue;
                    };
                    reads += 1;
                    first.lock().unwrap().get_or_insert_with(Instant::now);
                    let mut from = 0;
                    loop {
                        outbox.check().unwrap();
                        let it = (from..raw.len()).map(|row| Outgoing {
                            row,
                            key: raw.key(row),
                            value: raw.value(row),
                        });
                        match outbox.producer.send(it, &mut Vec::new()) {
                            Sent::All => break,
                            Sent::Full(row) => {
                                fulls += 1;
                                from = row;
                                outbox.wait_for_room();
                            }
                        }
                    }
                    seen.fetch_add(raw.len() as u64, Relaxed);
                }
                outbox.barrier(1).unwrap();
                while outbox.delivered(TURN).unwrap() != Some(1) {}
                eprintln!("fulls {fulls} idles {idles} reads {reads}");
                done.store(true, Relaxed);
            });
        }
        while !done.load(Relaxed) {
            let _ = group.poll(Duration::from_millis(50));
        }
    });
    let secs = first.lock().unwrap().unwrap().elapsed().as_secs_f64();
    let mut r: libc::rusage = unsafe { std::mem::zeroed() };
    unsafe { libc::getrusage(0, &mut r) };
    let cpu = (r.ru_utime.tv_sec + r.ru_stime.tv_sec) as f64
        + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) as f64 / 1e6;
    println!(
        "sabot {:.0} k/s cpu {:.2} us/rec rss {}",
        n as f64 / secs / 1e3,
        cpu * 1e6 / n as f64,
        r.ru_maxrss / 1024
    );
}
