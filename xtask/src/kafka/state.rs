//! What a later command knows of a broker: its pid and its address, in a file of its folder.
//!
//! Signals go only to a process that is that very broker.

use crate::process::{self, Result, doing, failed};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A broker that was started.
pub struct State {
    /// Its process.
    pub pid: u32,
    /// `HOST:PORT`.
    pub bootstrap: String,
    /// Its instance folder.
    pub folder: PathBuf,
}

impl State {
    /// What is known of the broker of a folder.
    pub fn read(folder: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(folder.join("state")).ok()?;
        let mut lines = text.lines();
        Some(Self {
            pid: lines.next()?.parse().ok()?,
            bootstrap: lines.next()?.to_owned(),
            folder: folder.to_owned(),
        })
    }

    /// Notes it.
    pub fn write(&self) -> Result {
        let text = format!("{}\n{}\n", self.pid, self.bootstrap);
        process::write(&self.folder.join("state"), &text)
    }

    /// Whether this very broker runs: the pid may belong to another program by now.
    pub fn is_alive(&self) -> bool {
        let properties = self.folder.join("server.properties");
        let pid = self.pid.to_string();
        let command_line = std::fs::read(format!("/proc/{pid}/cmdline"))
            .ok()
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .or_else(|| process::answer("ps", &["-o", "command=", "-p", &pid]));
        command_line.is_some_and(|line| line.contains(&*properties.to_string_lossy()))
    }

    /// Ends it, by force where it takes longer than `limit`.
    pub fn stop(&self, limit: Duration) -> Result {
        if self.send("TERM", limit) { Ok(()) } else { self.kill() }
    }

    /// Ends it without warning.
    pub fn kill(&self) -> Result {
        if self.send("KILL", Duration::from_secs(10)) {
            return Ok(());
        }
        failed(format!("the broker (pid {}) does not end", self.pid))
    }

    /// Sends a signal; whether the broker has ended within `limit`.
    fn send(&self, name: &str, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        if self.is_alive() {
            signal(self.pid, name);
        }
        while self.is_alive() {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        true
    }
}

/// The broker's port in what it was told; nothing where the folder was never prepared.
pub fn ports(properties: &Path) -> Result<Option<(u16, u16)>> {
    if !properties.is_file() {
        return Ok(None);
    }
    let text = doing("read server.properties", std::fs::read_to_string(properties))?;
    let port = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.rsplit(':').next()?.parse::<u16>().ok()
    };
    Ok(port("advertised.listeners=").zip(port("controller.quorum.voters=")))
}

/// Sends a signal by name. The standard library can only kill its own children.
pub fn signal(pid: u32, name: &str) -> bool {
    process::succeeds("sh", &["-c", &format!("kill -{name} {pid}")])
}

/// Whether a process runs.
pub fn is_running(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists() || signal(pid, "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_program_under_the_same_pid_is_not_the_broker() {
        let folder = PathBuf::from("/nonexistent/instance");
        let state = State { pid: std::process::id(), bootstrap: String::new(), folder };
        assert!(!state.is_alive());
        assert!(is_running(state.pid));
    }
}
