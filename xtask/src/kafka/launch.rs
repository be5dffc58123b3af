//! Starts a broker in its folder and waits until it is ready.
//!
//! A folder that has been used before keeps its data and its ports.

use super::config::{self, Ports};
use super::install::VERSION;
use super::state::{self, State};
use crate::process::{self, Failure, Result, doing, failed};
use crate::step::seconds;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where a broker's ports are looked for.
const PORTS: std::ops::Range<u16> = 14_000..20_000;
const START_LIMIT: Duration = Duration::from_secs(120);
const READY_LINE: &str = "Kafka Server started";

/// Who ends the broker.
#[derive(Clone, Copy, PartialEq)]
pub enum Life {
    /// We do, and where we are killed, the kernel does.
    Ours,
    /// `kafka stop`.
    Detached,
}

/// Starts a broker; gives its process and `HOST:PORT`.
pub fn launch(jars: &Path, folder: &Path, life: Life) -> Result<(Child, String)> {
    let properties = folder.join("server.properties");
    if state::ports(&properties)?.is_some() && folder.join("data/meta.properties").is_file() {
        return start(jars, folder, life);
    }
    let mut reason = String::new();
    // A free port may be taken by somebody else before the broker binds it: try again with others.
    for _ in 0..3 {
        prepare(jars, folder)?;
        match start(jars, folder, life) {
            Err(Failure::Failed(why)) if why.contains("Address already in use") => reason = why,
            other => return other,
        }
    }
    failed(reason)
}

/// Makes a folder for a new broker.
fn prepare(jars: &Path, folder: &Path) -> Result {
    let _ = std::fs::remove_dir_all(folder);
    process::make_folder(folder)?;
    let ports = free_ports()?;
    let properties = folder.join("server.properties");
    process::write(&properties, &config::server(&ports, &folder.join("data")))?;
    process::write(&folder.join("log4j2.properties"), config::LOGGING)?;
    let mut format = java(jars, folder);
    format.args(["kafka.tools.StorageTool", "format", "-t", config::CLUSTER]);
    process::quiet(format.arg("-c").arg(&properties)).map(|_| ())
}

fn start(jars: &Path, folder: &Path, life: Life) -> Result<(Child, String)> {
    let properties = folder.join("server.properties");
    let Some((port, _)) = state::ports(&properties)? else {
        return failed(format!("{} names no ports", properties.display()));
    };
    let started = Instant::now();
    eprintln!("    starting Apache Kafka {VERSION} …");
    let log_path = folder.join("broker.log");
    let log = doing("make the broker's log", File::create(&log_path))?;
    let errors = doing("share the broker's log", log.try_clone())?;
    let mut command = java(jars, folder);
    command.arg("kafka.Kafka").arg(&properties);
    let mut command = with_life(command, life);
    command.stdin(Stdio::null()).stdout(log).stderr(errors);
    let mut child = doing("start the broker", command.spawn())?;
    let bootstrap = format!("127.0.0.1:{port}");
    let state = State { pid: child.id(), bootstrap: bootstrap.clone(), folder: folder.to_owned() };
    if let Err(error) = state.write().and_then(|()| wait_until_ready(&mut child, port, &log_path)) {
        let _ = child.kill();
        let _ = child.wait();
        return Err(error);
    }
    eprintln!("    ready on {bootstrap} after {}", seconds(started.elapsed()));
    Ok((child, bootstrap))
}

/// A program of Kafka's command line, by its class.
pub fn tool(jars: &Path, class: &str) -> Command {
    let mut command = Command::new("java");
    command.arg("-XX:+UseSerialGC").arg("-cp").arg(jars.join("*")).arg(class);
    command
}

fn java(jars: &Path, folder: &Path) -> Command {
    let logging = folder.join("log4j2.properties");
    let mut command = Command::new("java");
    command
        // Much room for what is young: each of its collections stops the broker for some 10 ms.
        .args(["-Xms512m", "-Xmx768m", "-Xmn320m", "-XX:+UseSerialGC"])
        .arg(format!("-Dlog4j2.configurationFile={}", logging.display()))
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

/// Two ports that nobody listens on, and that the system gives to no connection before the broker has them, nor while
/// it is down after a kill: those come from 32768 on by default.
fn free_ports() -> Result<Ports> {
    let first = std::process::id().wrapping_mul(97);
    let ports = (0..PORTS.len() as u32)
        .map(|next| PORTS.start + (first.wrapping_add(next) % PORTS.len() as u32) as u16)
        .filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    match ports.take(2).collect::<Vec<_>>()[..] {
        [broker, controller] => Ok(Ports { broker, controller }),
        _ => failed(format!("no two ports from {} to {} are free", PORTS.start, PORTS.end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ports_differ() {
        let ports = free_ports().ok().map(|ports| (ports.broker, ports.controller));
        let (broker, controller) = ports.expect("ports are free");
        assert_ne!(broker, controller);
    }
}
