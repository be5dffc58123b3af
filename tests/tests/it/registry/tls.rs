//! A registry that speaks TLS, with a certificate that only the CA of the test vouches for.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sabot_test_registry::TestRegistry;
use sabot_tests::broker::{Broker, unique};
use sabot_tests::host_process::{HostOptions, HostProcess};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{ids, reading, send};
use crate::interop;
use crate::support::*;

/// A registry behind TLS (`tests/interop/tls_proxy.py`).
struct Proxy {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Proxy {
    fn start(python: &str, registry: &TestRegistry) -> Proxy {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/tls_proxy.py");
        let mut command = Command::new(python);
        command.arg(script).arg(registry.url()).arg(folder.path());
        // It ends with its input, so also where the test is killed.
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("tls_proxy.py prints no port but {line:?}"));
        Proxy { child, port, folder }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// From its next start on the host trusts the CA of this file.
    fn trust(&self, name: &str) {
        std::fs::copy(self.file(name), self.file("trusted.pem")).unwrap();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Both fail harmlessly for a process that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A host with such a registry; nothing on the way to it but what is tested.
fn host_with(broker: &Broker, registry: Value) -> HostProcess {
    let config = json!({
        "connections": { "default": { "bootstrap.servers": broker.bootstrap() } },
        "registries": { "default": registry },
    });
    let options = HostOptions::serve().config(config.to_string()).argument("--insecure");
    options.variable("NO_PROXY", "localhost").start()
}

#[test]
fn a_registry_behind_tls_is_trusted_by_its_ca_alone_and_waited_for_without() {
    const TEST: &str = "a_registry_behind_tls_is_trusted_by_its_ca_alone";
    let Some(broker) = Broker::for_test(TEST) else { return };
    let Some(python) = interop::python(TEST) else { return };
    let (registry, [from, to]) = (TestRegistry::start(), ["orders", "out"].map(|name| broker.topic(name, 1)));
    let proxy = Proxy::start(&python, &registry);
    send(&registry, &from, 0, 0..100);
    let name = unique("tls").to_lowercase();
    let spec = reading(&name, &from, &to);

    // Nobody that the system trusts has signed it. Columns are asked for when the pipeline is applied.
    let stranger = host_with(&broker, json!({ "url": proxy.url() }));
    let refused = stranger.http().put(&format!("/v1/pipelines/{name}"), &spec);
    assert!(refused.status >= 400 && refused.text().contains("certificate"), "{}", refused.text());
    stranger.http().get(&format!("/v1/pipelines/{name}")).expect(404);

    proxy.trust("ca.pem");
    let mut host = host_with(&broker, json!({ "url": proxy.url(), "ca_file": proxy.file("trusted.pem") }));
    apply(&host.http(), &spec);
    wait_for_count(&to, 100);
    let asked = registry.requests();
    assert!(asked.iter().any(|request| request.starts_with("GET /subjects/")), "{asked:#?}");

    // A running pipeline has its columns, but not the schema that came while it was away.
    host.stop();
    proxy.trust("other.pem");
    send(&registry, &from, 1, 100..200);
    registry.requests();
    host.restart();
    let status = wait(&host.http(), &name, "waiting for the registry", |status| {
        status["reason"].as_str().is_some_and(|reason| reason.contains("registry `default`"))
    });
    assert_eq!(status["state"], "paused", "{status:#}");
    assert!(status["reason"].as_str().unwrap().contains("certificate"), "{status:#}");
    assert_eq!(registry.requests(), [""; 0], "nothing is asked of somebody who is not trusted");
    assert_eq!(to.len(), 100, "nothing comes of what cannot be read yet");

    host.stop();
    proxy.trust("ca.pem");
    host.restart();
    wait_for_count(&to, 200);
    let status = wait(&host.http(), &name, "running again", |status| status["state"] == "running");
    assert_eq!(status["dead_letters"], 0, "{status:#}");
    assert_eq!(ids(&to), (0..200).collect::<Vec<_>>(), "each once, in their order");
}
