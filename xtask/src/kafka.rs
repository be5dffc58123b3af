//! A real Apache Kafka for tests: one node, KRaft, on free ports of the loopback interface.
//!
//! A broker lives in an instance folder in the cache: its properties, its data, its log and a state file
//! with pid and address. `kafka start` leaves the instance `main` running until `kafka stop`; `test` and
//! `bench` run instances of their own that end with them. Where the jars come from is in `install`, what
//! the broker is told in `config`.

mod config;
mod install;

pub use install::{VERSION, install};

use crate::process::{self, Failure, Result, doing, failed};
use crate::step::seconds;
use crate::{paths, setup};
use config::Ports;
use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const START_LIMIT: Duration = Duration::from_secs(120);
const STOP_LIMIT: Duration = Duration::from_secs(30);
const READY_LINE: &str = "Kafka Server started";

/// A broker that ends with this value.
pub struct Broker {
    /// `HOST:PORT`.
    pub bootstrap: String,
    running: Option<(Child, PathBuf)>,
}

impl Broker {
    /// The user's broker (`SABOT_TEST_BOOTSTRAP`), or one of our own.
    pub fn start() -> Result<Self> {
        if let Some(bootstrap) = users_broker() {
            eprintln!("    using SABOT_TEST_BOOTSTRAP={bootstrap}; none is started");
            return Ok(Self { bootstrap, running: None });
        }
        let jars = install()?;
        sweep()?;
        let folder = instances()?.join(format!("run-{}", std::process::id()));
        let (child, bootstrap) = launch(&jars, &folder, Life::Ours)?;
        Ok(Self { bootstrap, running: Some((child, folder)) })
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let Some((mut child, folder)) = self.running.take() else {
            return;
        };
        signal(child.id(), "TERM");
        let deadline = Instant::now() + STOP_LIMIT;
        while Instant::now() < deadline {
            if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        // Both are harmless for a broker that has ended.
        let _ = child.kill();
        let _ = child.wait();
        let _ = std::fs::remove_dir_all(folder);
    }
}

/// `kafka start`: prints `SABOT_TEST_BOOTSTRAP=HOST:PORT` on the standard output.
pub fn start_command() -> Result {
    if let Some(bootstrap) = users_broker() {
        eprintln!("SABOT_TEST_BOOTSTRAP is set; none is started");
        println!("SABOT_TEST_BOOTSTRAP={bootstrap}");
        return Ok(());
    }
    let folder = instances()?.join("main");
    if let Some(state) = State::read(&folder).filter(State::is_alive) {
        eprintln!("a broker is running already (pid {})", state.pid);
        println!("SABOT_TEST_BOOTSTRAP={}", state.bootstrap);
        return Ok(());
    }
    setup::run(setup::Need::kafka())?;
    let jars = install()?;
    let (child, bootstrap) = launch(&jars, &folder, Life::Detached)?;
    eprintln!(
        "a broker runs as pid {} in {}; end it with `cargo xtask kafka stop`",
        child.id(),
        folder.display()
    );
    println!("SABOT_TEST_BOOTSTRAP={bootstrap}");
    Ok(())
}

/// `kafka stop`: ends the broker of `kafka start` and removes its data.
pub fn stop_command() -> Result {
    let folder = instances()?.join("main");
    let Some(state) = State::read(&folder) else {
        eprintln!("no broker of `cargo xtask kafka start` is running");
        return Ok(());
    };
    state.stop()?;
    doing(&format!("remove {}", folder.display()), std::fs::remove_dir_all(&folder))?;
    eprintln!("stopped the broker (pid {})", state.pid);
    Ok(())
}

/// Whether the user has a broker for us.
pub fn is_users() -> bool {
    users_broker().is_some()
}

fn users_broker() -> Option<String> {
    std::env::var("SABOT_TEST_BOOTSTRAP").ok().filter(|value| !value.is_empty())
}

fn instances() -> Result<PathBuf> {
    Ok(paths::cache()?.join("kafka/instances"))
}

/// Removes what instances left behind whose starter was killed.
fn sweep() -> Result {
    let Ok(entries) = std::fs::read_dir(instances()?) else {
        return Ok(());
    };
    for folder in entries.flatten().map(|entry| entry.path()) {
        let ours = folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("run-"));
        if ours && !State::read(&folder).is_some_and(|state| state.is_alive()) {
            // It may just be starting in another process: only what is old is rubbish.
            let old = std::fs::metadata(&folder)
                .and_then(|data| data.modified())
                .ok()
                .and_then(|time| time.elapsed().ok())
                .is_some_and(|age| age > START_LIMIT);
            if old {
                let _ = std::fs::remove_dir_all(&folder);
            }
        }
    }
    Ok(())
}

/// Who ends the broker.
#[derive(Clone, Copy, PartialEq)]
enum Life {
    /// We do, and where we are killed, the kernel does.
    Ours,
    /// `kafka stop`.
    Detached,
}

fn launch(jars: &Path, folder: &Path, life: Life) -> Result<(Child, String)> {
    let mut reason = String::new();
    // A free port may be taken by somebody else before the broker binds it: try again with others.
    for _ in 0..3 {
        match launch_once(jars, folder, life) {
            Ok(started) => return Ok(started),
            Err(Failure::Failed(why)) if why.contains("Address already in use") => reason = why,
            Err(other) => return Err(other),
        }
    }
    failed(reason)
}

fn launch_once(jars: &Path, folder: &Path, life: Life) -> Result<(Child, String)> {
    let _ = std::fs::remove_dir_all(folder);
    process::make_folder(folder)?;
    let ports = free_ports()?;
    let properties = folder.join("server.properties");
    process::write(&properties, &config::server(&ports, &folder.join("data")))?;
    process::write(&folder.join("log4j2.properties"), config::LOGGING)?;
    let started = Instant::now();
    eprintln!("    starting Apache Kafka {} …", VERSION);
    process::quiet(
        java(jars, folder)
            .args(["kafka.tools.StorageTool", "format", "-t", config::CLUSTER])
            .arg("-c")
            .arg(&properties),
    )?;
    let log_path = folder.join("broker.log");
    let log = doing("make the broker's log", File::create(&log_path))?;
    let errors = doing("share the broker's log", log.try_clone())?;
    let mut command = java(jars, folder);
    command.arg("kafka.Kafka").arg(&properties);
    let mut command = with_life(command, life);
    command.stdin(Stdio::null()).stdout(log).stderr(errors);
    let mut child = doing("start the broker", command.spawn())?;
    let bootstrap = format!("127.0.0.1:{}", ports.broker);
    let state = State { pid: child.id(), bootstrap: bootstrap.clone(), folder: folder.to_owned() };
    state.write()?;
    if let Err(error) = wait_until_ready(&mut child, ports.broker, &log_path) {
        let _ = child.kill();
        let _ = child.wait();
        return Err(error);
    }
    eprintln!("    ready on {bootstrap} after {}", seconds(started.elapsed()));
    Ok((child, bootstrap))
}

fn java(jars: &Path, folder: &Path) -> Command {
    let mut command = Command::new("java");
    command
        .args(["-Xms256m", "-Xmx768m", "-XX:+UseSerialGC"])
        .arg(format!("-Dlog4j2.configurationFile={}", folder.join("log4j2.properties").display()))
        .arg("-cp")
        .arg(jars.join("*"))
        .current_dir(folder);
    command
}

/// Ties the program's life to ours, or cuts it loose from our terminal. Both wrappers come with util-linux and
/// become the program, so that its pid is the child's.
fn with_life(command: Command, life: Life) -> Command {
    let wrapper: &[&str] = match life {
        Life::Detached => &["setsid"],
        // The kernel ends the broker where we are killed without warning.
        Life::Ours => &["setpriv", "--pdeathsig", "TERM"],
    };
    if process::find(wrapper[0]).is_none() {
        return command;
    }
    let mut wrapped = Command::new(wrapper[0]);
    wrapped.args(&wrapper[1..]).arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
    wrapped
}

fn wait_until_ready(child: &mut Child, port: u16, log: &Path) -> Result {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let deadline = Instant::now() + START_LIMIT;
    loop {
        let said = std::fs::read_to_string(log).unwrap_or_default();
        let end = process::last_lines(&said, 20);
        if let Ok(Some(status)) = child.try_wait() {
            return failed(format!("Kafka ended with {status}:\n{end}"));
        }
        let limit = Duration::from_secs(1);
        if said.contains(READY_LINE) && TcpStream::connect_timeout(&address, limit).is_ok() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return failed(format!("Kafka was not ready after {}:\n{end}", seconds(START_LIMIT)));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn free_ports() -> Result<Ports> {
    // Both are held until both are known, so that they differ.
    let listen = || doing("find a free port", TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let port =
        |listener: &TcpListener| doing("read a port", listener.local_addr()).map(|address| address.port());
    let (broker, controller) = (listen()?, listen()?);
    Ok(Ports { broker: port(&broker)?, controller: port(&controller)? })
}

/// Sends a signal by name. The standard library can only kill its own children.
fn signal(pid: u32, name: &str) -> bool {
    process::succeeds("sh", &["-c", &format!("kill -{name} {pid}")])
}

/// What a later command knows of a broker.
struct State {
    pid: u32,
    bootstrap: String,
    folder: PathBuf,
}

impl State {
    fn read(folder: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(folder.join("state")).ok()?;
        let mut lines = text.lines();
        Some(Self {
            pid: lines.next()?.parse().ok()?,
            bootstrap: lines.next()?.to_owned(),
            folder: folder.to_owned(),
        })
    }

    fn write(&self) -> Result {
        let path = self.folder.join("state");
        let mut file = doing("make the state file", File::create(path))?;
        doing("write the state file", writeln!(file, "{}\n{}", self.pid, self.bootstrap))
    }

    /// Whether this very broker runs: the pid may belong to another program by now.
    fn is_alive(&self) -> bool {
        let properties = self.folder.join("server.properties");
        let pid = self.pid.to_string();
        let command_line = std::fs::read(format!("/proc/{pid}/cmdline"))
            .ok()
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .or_else(|| process::answer("ps", &["-o", "command=", "-p", &pid]));
        command_line.is_some_and(|line| line.contains(&*properties.to_string_lossy()))
    }

    fn stop(&self) -> Result {
        for (name, limit) in [("TERM", STOP_LIMIT), ("KILL", Duration::from_secs(5))] {
            if !self.is_alive() {
                return Ok(());
            }
            signal(self.pid, name);
            let deadline = Instant::now() + limit;
            while Instant::now() < deadline && self.is_alive() {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        if self.is_alive() {
            return failed(format!("the broker (pid {}) does not end", self.pid));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_program_under_the_same_pid_is_not_the_broker() {
        let state = State {
            pid: std::process::id(),
            bootstrap: String::new(),
            folder: "/nonexistent/instance".into(),
        };
        assert!(!state.is_alive());
    }

    #[test]
    fn two_ports_differ() {
        let ports = free_ports().ok().map(|ports| (ports.broker, ports.controller));
        let (broker, controller) = ports.expect("ports are free");
        assert_ne!(broker, controller);
    }
}
