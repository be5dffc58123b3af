//! Sabot as an engine of the comparison kit (`benches/kit`): reads the kit's variables, runs its job `w1` until it
//! is killed, and says when the first record was in hand.

use std::io::Write as _;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sabot_benches::kafka::Failed;
use sabot_benches::sabot_host::BenchHost;

const SCHEMA: &str = "{ id: int64, user: string, amount: float64, merchant: string, country: string, \
                      channel: string, ts: int64, note: string }";
const NAME: &str = "peer";

fn variable(name: &str) -> Result<String, Failed> {
    std::env::var(name).map_err(|_| format!("the variable {name} is not set: the kit sets it").into())
}

fn main() -> Result<(), Failed> {
    let (workload, guarantee) = (variable("WORKLOAD")?, variable("GUARANTEE")?);
    if workload != "w1" || guarantee != "alo" {
        return Err(format!("w1 at least once is what runs here, not {workload} {guarantee}").into());
    }
    let steps = match std::env::var("GUEST").as_deref() {
        Err(_) | Ok("wasm") => "fee: { from: orders, wasm: fee }".to_owned(),
        Ok("sql") => "large: { from: orders, filter: \"amount > 500\" }\n  \
                      fee: { from: large, select: [\"*\", \"amount * 0.015 as fee\"] }"
            .to_owned(),
        Ok(other) => return Err(format!("GUEST is wasm or sql, not {other}").into()),
    };
    let (input, output) = (variable("IN")?, variable("OUT")?);
    let bench = BenchHost::open(&variable("BOOTSTRAP")?)?;
    bench.push("fee")?;
    let spec = format!(
        "name: {NAME}\nsources:\n  orders:\n    kafka: {{ topic: {input}, group: {output}, start: earliest }}\n    \
         decode: {{ codec: json, schema: {SCHEMA} }}\nsteps:\n  {steps}\nsinks:\n  out:\n    from: fee\n    \
         kafka: {{ topic: {output}, key: [user], compression: lz4, linger: 20ms }}\n    encode: {{ codec: json }}\n"
    );
    bench.host.apply(None, spec.as_bytes(), sabot::control::How::default())?;
    let first = bench.first_record(NAME)?;
    let ago = Instant::now() - first;
    let at_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.saturating_sub(ago).as_millis();
    println!("FIRST {at_ms}");
    std::io::stdout().flush()?;
    // The kit ends this process once all output is there.
    loop {
        std::thread::park();
    }
}
