//! A host in this process: its settings, its threads for the control plane, and its graceful end. The data plane
//! has threads of its own and never waits for these.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::failure::Failure;
use super::output::Output;
use super::{logging, signal};
use crate::admin;
use crate::config::Config;
use crate::connector::kafka::EmbeddedBroker;
use crate::control::Host;

/// Threads that answer requests. Whatever may take long goes to blocking threads.
const WORKERS: usize = 2;
/// Threads that may block on the host. Above the limit of requests, with room for health checks.
const BLOCKING: usize = 128;

/// How long calls that are still at work are waited for once no pipeline runs any more.
const LAST_CALLS: Duration = Duration::from_secs(5);

/// Opens a host and serves its API until a signal says stop.
/// `embedded` is the connection `default` then.
pub(super) fn serve(
    config: &Config,
    greeting: &str,
    embedded: Option<Arc<EmbeddedBroker>>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    logging::init(&config.log)?;
    // Before the host, so that a taken address is told before pipelines start.
    let listener = admin::listen(config.listen).map_err(Failure::plain)?;
    let address = listener.local_addr()?;
    let broker = embedded.as_ref().map(|broker| broker.address());
    let host = Arc::new(Host::open_with(config, embedded)?);
    if config.insecure && !address.ip().is_loopback() {
        tracing::warn!("whoever reaches {address} may do everything: there are no tokens");
    }
    writeln!(output.out, "{}", started(greeting, address, &config.data_dir, broker))?;
    output.out.flush()?;
    let runtime = runtime()?;
    let served = runtime.block_on(admin::serve(listener, Arc::clone(&host), config, signal::stop()));
    // Also after an error: what the pipelines have read is delivered. Before the runtime ends, which waits for calls
    // that wait for a pipeline.
    host.shutdown();
    runtime.shutdown_timeout(LAST_CALLS);
    Ok(served?)
}

/// What is said at the start. `broker`: the address of the one inside.
fn started(greeting: &str, address: SocketAddr, data_dir: &Path, broker: Option<String>) -> String {
    let data_dir = data_dir.display();
    let mut text = format!("{greeting}\n  listens on http://{address}\n  data in    {data_dir}");
    if let Some(broker) = broker {
        let keeps = EmbeddedBroker::KEEPS;
        text += &format!("\n  broker     {broker}, inside, for trying things out: {keeps}");
    }
    text
}

/// The control plane's threads.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING)
        .thread_name("control")
        .enable_all()
        .build();
    runtime.map_err(|e| Failure::plain(format!("cannot start threads: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_says_where_everything_is_and_what_the_broker_inside_keeps() {
        let said = |broker: Option<&str>| {
            let address = SocketAddr::from(([127, 0, 0, 1], 7420));
            started("sabot", address, Path::new("sabot-data"), broker.map(str::to_owned))
        };
        insta::assert_snapshot!(said(Some("127.0.0.1:9092")), @r"
        sabot
          listens on http://127.0.0.1:7420
          data in    sabot-data
          broker     127.0.0.1:9092, inside, for trying things out: in memory, about 5 MB a partition, older records go
        ");
        assert_eq!(said(None).lines().count(), 3);
    }
}
