//! Figures of this process, from `/proc`. Where a system does not have it they are left out.

use std::fs;

/// Figures of this process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Process {
    /// User and system time, seconds.
    pub(super) cpu_seconds: Option<f64>,
    /// Resident memory, bytes.
    pub(super) resident_bytes: Option<f64>,
    /// Threads.
    pub(super) threads: Option<f64>,
    /// Open files.
    pub(super) open_files: Option<f64>,
    /// When it started, seconds since 1970.
    pub(super) started_seconds: Option<f64>,
}

/// The figures now.
pub(super) fn process() -> Process {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let uptime = fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let page = rustix::param::page_size() as f64;
    let field = fields(&stat);
    let booted = uptime.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<f64>().ok());
    Process {
        cpu_seconds: field(14).zip(field(15)).map(|(user, system)| (user + system) / ticks),
        resident_bytes: field(24).map(|pages| pages * page),
        threads: field(20),
        open_files: fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as f64),
        started_seconds: booted.zip(field(22)).map(|(booted, started)| booted + started / ticks),
    }
}

/// Field `n` of `/proc/PID/stat`, counted from 1 as in proc(5). The second one, the command, may hold spaces.
fn fields(stat: &str) -> impl Fn(usize) -> Option<f64> {
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let fields: Vec<Option<f64>> = after.split_whitespace().map(|f| f.parse().ok()).collect();
    move |n| fields.get(n.checked_sub(3)?).copied().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_spaces_does_not_shift_the_fields() {
        let field = fields("12 (a ) b) S 4 5 6 7 8 9 10 11 12 13 140 150 16");
        assert_eq!((field(4), field(14), field(15), field(99)), (Some(4.0), Some(140.0), Some(150.0), None));
    }
}
