//! The Kafka that tests run on, and whether there is one.
//!
//! `cargo xtask test` starts one broker for all tests and hands its address over; every test makes topics of its
//! own ([`crate::topic`]). A test that kills its broker starts a [`PrivateBroker`].

use crate::topic::Topic;
use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Made unique within this process.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A connection to a broker. Cheap to clone.
#[derive(Clone)]
pub struct Broker {
    bootstrap: String,
    admin: Arc<AdminClient<DefaultClientContext>>,
}

impl Broker {
    /// The broker of this test run (`SABOT_TEST_BOOTSTRAP`). Without one the test says so and is to return; in a
    /// CI run that is a failure.
    ///
    /// ```no_run
    /// # fn test() {
    /// let Some(broker) = sabot_tests::broker::Broker::for_test("orders_survive") else { return };
    /// let orders = broker.topic("orders", 4);
    /// # }
    /// ```
    pub fn for_test(test: &str) -> Option<Self> {
        match std::env::var("SABOT_TEST_BOOTSTRAP") {
            Ok(bootstrap) if !bootstrap.is_empty() => Some(Self::connect(&bootstrap)),
            _ => {
                skip(test, "no Kafka: set SABOT_TEST_BOOTSTRAP, or use `cargo xtask test`");
                None
            }
        }
    }

    /// A connection to the broker at `HOST:PORT`; does not wait for it.
    pub fn connect(bootstrap: &str) -> Self {
        let admin = ClientConfig::new().set("bootstrap.servers", bootstrap).create();
        let admin = admin.expect("an admin client needs no broker to be made");
        Self { bootstrap: bootstrap.to_owned(), admin: Arc::new(admin) }
    }

    /// `HOST:PORT`.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// A new topic under a name that no other test uses; removed with the value.
    pub fn topic(&self, name: &str, partitions: i32) -> Topic {
        Topic::create(self.clone(), unique(name), partitions, &[])
    }

    /// The same with settings of its own, as `("max.message.bytes", "20000000")`.
    pub fn topic_with(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) -> Topic {
        Topic::create(self.clone(), unique(name), partitions, settings)
    }

    /// A new topic of just this name; removed with the value.
    pub fn topic_named(&self, name: &str, partitions: i32) -> Topic {
        Topic::create(self.clone(), name.to_owned(), partitions, &[])
    }

    /// A handle to a topic that somebody else makes and keeps.
    pub fn existing_topic(&self, name: &str) -> Topic {
        Topic::existing(self.clone(), name.to_owned())
    }

    pub(crate) fn admin(&self) -> &AdminClient<DefaultClientContext> {
        &self.admin
    }
}

/// A broker of one test's own, which it may kill. Slow: some 8 s and 350 MB.
pub struct PrivateBroker {
    name: String,
    program: PathBuf,
    bootstrap: String,
}

impl PrivateBroker {
    /// Starts one. Where `cargo xtask test` does not run this test, the test says so and is to return.
    pub fn for_test(test: &str) -> Option<Self> {
        let Some(program) = std::env::var_os("SABOT_XTASK") else {
            skip(test, "it starts a Kafka of its own: use `cargo xtask test`");
            return None;
        };
        if std::env::var_os("SABOT_TEST_QUICK").is_some() {
            skip(test, "it starts a Kafka of its own, and this is a quick run");
            return None;
        }
        let name = format!("test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut broker = Self { name, program: program.into(), bootstrap: String::new() };
        broker.start();
        Some(broker)
    }

    /// `HOST:PORT`; stays the same over a restart.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// A connection to it.
    pub fn connect(&self) -> Broker {
        Broker::connect(&self.bootstrap)
    }

    /// Starts it again after [`PrivateBroker::kill`], with its data and on its port.
    pub fn start(&mut self) {
        let answer = self.xtask("start");
        let address = answer.trim().strip_prefix("SABOT_TEST_BOOTSTRAP=");
        self.bootstrap = address.expect("`kafka start` prints an address").to_owned();
    }

    /// Ends it without warning.
    pub fn kill(&self) {
        self.xtask("kill");
    }

    fn xtask(&self, word: &str) -> String {
        let mut command = Command::new(&self.program);
        command.args(["kafka", word, &self.name]).env_remove("SABOT_TEST_BOOTSTRAP");
        let output = command.stdin(Stdio::null()).output().expect("xtask runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "xtask kafka {word} {}: {said}", self.name);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for PrivateBroker {
    fn drop(&mut self) {
        let mut command = Command::new(&self.program);
        command.args(["kafka", "stop", &self.name]).stderr(Stdio::null());
        // A test that fails already must not hide why; the next start sweeps up.
        let _ = command.status();
    }
}

/// A name that no other test uses, in this run or an earlier one.
pub fn unique(name: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now_ms = now.map_or(0, |time| time.as_millis());
    format!("t{now_ms:x}-{}-{}-{name}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Says that a test cannot run here. In CI that is a failure, unless this is a quick run.
///
/// # Panics
/// In CI.
pub fn skip(test: &str, reason: &str) {
    let ci = std::env::var("CI").is_ok_and(|value| value == "true" || value == "1");
    assert!(!ci || std::env::var_os("SABOT_TEST_QUICK").is_some(), "{test} cannot run: {reason}");
    // Written past the capture of the test program: a test that did not run must be seen.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {reason}");
}
