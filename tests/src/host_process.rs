//! The `sabot` program as a process of its own: started, asked, killed without warning and started again on the
//! same data.
//!
//! Uses nothing of the host's library: what a test sees is what a user sees.

use crate::http::Http;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// How a host is started.
#[derive(Clone, Debug)]
pub struct HostOptions {
    command: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    config: Option<String>,
    token: Option<String>,
}

impl HostOptions {
    /// `sabot dev`: embedded broker, no auth.
    pub fn dev() -> Self {
        Self::of("dev")
    }

    /// `sabot serve`: production.
    pub fn serve() -> Self {
        Self::of("serve")
    }

    fn of(command: &str) -> Self {
        Self {
            command: command.to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            config: None,
            token: None,
        }
    }

    /// A further word of the command line.
    pub fn argument(mut self, word: impl Into<String>) -> Self {
        self.arguments.push(word.into());
        self
    }

    /// A variable of its environment.
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// The text of its configuration; it lies in the data folder.
    pub fn config(mut self, text: impl Into<String>) -> Self {
        self.config = Some(text.into());
        self
    }

    /// The token that [`HostProcess::http`] sends.
    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Starts a host with a data folder of its own, and waits until it is ready.
    ///
    /// # Panics
    /// With what it said, where it ends or is not ready in time.
    pub fn start(self) -> HostProcess {
        let mut host = self.start_unready();
        host.wait_until_ready();
        host
    }

    /// The same without waiting.
    pub fn start_unready(self) -> HostProcess {
        let folder = Arc::new(tempfile::tempdir().expect("a temporary folder can be made"));
        HostProcess::spawn(self, folder, free_port())
    }
}

/// A running host; killed with the value.
pub struct HostProcess {
    options: HostOptions,
    folder: Arc<TempDir>,
    port: u16,
    child: Child,
    said: Arc<Mutex<String>>,
}

impl HostProcess {
    fn spawn(options: HostOptions, folder: Arc<TempDir>, port: u16) -> Self {
        let mut command = Command::new(program());
        command.arg(&options.command);
        if let Some(text) = &options.config {
            let path = folder.path().join("sabot.yaml");
            std::fs::write(&path, text).expect("a file in the data folder can be written");
            command.arg("--config").arg(path);
        }
        command
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .arg("--data-dir")
            .arg(folder.path())
            .args(&options.arguments)
            .envs(options.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the sabot program runs");
        let said = Arc::new(Mutex::new(String::new()));
        let (errors, sink) = (child.stderr.take(), said.clone());
        // Ends with the process, whose end of the pipe it reads.
        std::thread::spawn(move || {
            for line in
                errors.into_iter().flat_map(|errors| BufReader::new(errors).lines()).map_while(Result::ok)
            {
                let mut text = sink.lock().unwrap_or_else(PoisonError::into_inner);
                text.push_str(&line);
                text.push('\n');
            }
        });
        Self { options, folder, port, child, said }
    }

    /// Waits until `/readyz` says yes.
    ///
    /// # Panics
    /// With what it said, where it ends or is not ready in time.
    pub fn wait_until_ready(&mut self) {
        let http = self.http();
        self.wait("ready", START_LIMIT, |_| {
            http.try_send("GET", "/readyz", &[], Vec::new()).is_ok_and(|answer| answer.status == 200)
        });
    }

    /// A client with the token of the options.
    pub fn http(&self) -> Http {
        let http = Http::new(&self.url());
        match &self.options.token {
            Some(token) => http.with_token(token),
            None => http,
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its data folder.
    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that it has ever had resident, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let status = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kib.unwrap_or_else(|| panic!("{path} says nothing of memory:\n{status}")) << 10
    }

    /// Runs the command line against it; its exit code, and what it printed on both outputs.
    pub fn sabot(&self, words: &[&str]) -> (i32, String, String) {
        let output = Command::new(program()).args(words).args(["--host", &self.url()]).output();
        let output = output.expect("the sabot program runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    }

    /// What it has written to its standard error.
    pub fn stderr(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it has written a text to its standard error.
    ///
    /// # Panics
    /// With what it did write, where it takes longer than `limit`.
    pub fn wait_for_stderr(&mut self, text: &str, limit: Duration) {
        let said = self.said.clone();
        self.wait(text, limit, |_| said.lock().unwrap_or_else(PoisonError::into_inner).contains(text));
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a killed child ends");
    }

    /// Asks it to stop (SIGTERM) and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        let asked = Command::new("sh").args(["-c", &format!("kill -TERM {pid}")]).status();
        assert!(asked.is_ok_and(|status| status.success()), "the host had ended before:\n{}", self.stderr());
        self.exit_status(STOP_LIMIT)
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// Where it takes longer than `limit`.
    pub fn exit_status(&mut self, limit: Duration) -> ExitStatus {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                return status;
            }
            assert!(Instant::now() < deadline, "the host does not end; it said:\n{}", self.stderr());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills it if it runs, starts it again on the same data and port, and waits until it is ready.
    pub fn restart(&mut self) {
        let mut next = self.restart_unready();
        next.wait_until_ready();
        *self = next;
    }

    fn restart_unready(&mut self) -> Self {
        // Both fail harmlessly for a process that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
        Self::spawn(self.options.clone(), self.folder.clone(), self.port)
    }

    fn wait(&mut self, what: &str, limit: Duration, mut done: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + limit;
        while !done(self) {
            let ended = self.child.try_wait().expect("a child can be asked");
            let said = self.stderr();
            assert!(ended.is_none(), "the host ended ({ended:?}) before it was `{what}`; it said:\n{said}");
            assert!(Instant::now() < deadline, "the host is not `{what}` after {limit:?}; it said:\n{said}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        // Both fail harmlessly for a process that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The built `sabot`: `SABOT_BIN`, or the one beside this test program.
///
/// # Panics
/// Where it has not been built.
pub fn program() -> PathBuf {
    if let Some(program) = std::env::var_os("SABOT_BIN") {
        return program.into();
    }
    let test = std::env::current_exe().expect("a program knows its path");
    let folder = test.parent().and_then(Path::parent).expect("tests are built in target/release/deps");
    let program = folder.join("sabot");
    assert!(
        program.is_file(),
        "{} is missing: `cargo build --release --workspace --bin sabot`",
        program.display()
    );
    program
}

/// A port that nobody listens on, and that the system gives to no connection either: those come from 32768 on by
/// default, and a host that is killed must find its port free when it comes back.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(97);
    loop {
        let number = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 20_000 + (number % 12_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
