//! Steps with a name and a time, so that a person always sees what is going on and what took long.
//!
//! Progress goes to the standard error; the standard output belongs to the result of a command.

use crate::process::Result;
use std::time::{Duration, Instant};

/// The steps of one command.
pub struct Steps {
    started: Instant,
    done: Vec<(String, Duration)>,
}

impl Steps {
    /// Starts the clock.
    pub fn new() -> Self {
        Self { started: Instant::now(), done: Vec::new() }
    }

    /// Runs one step: says what it is before, and how long it took after.
    pub fn run<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        eprintln!("==> {name}");
        let started = Instant::now();
        let result = step();
        let took = started.elapsed();
        if result.is_ok() {
            eprintln!("    {name}: {}", seconds(took));
        } else {
            eprintln!("    {name}: FAILED after {}", seconds(took));
        }
        self.done.push((name.to_owned(), took));
        result
    }

    /// The closing table.
    pub fn summary(&self) -> String {
        let width = self.done.iter().map(|(name, _)| name.len()).max();
        let width = width.unwrap_or(0).max("total".len());
        let mut text = String::new();
        for (name, took) in &self.done {
            text.push_str(&format!("  {name:width$}  {:>9}\n", seconds(*took)));
        }
        let total = seconds(self.started.elapsed());
        text.push_str(&format!("  {:width$}  {total:>9}\n", "total"));
        text
    }
}

/// A duration for people: `0.4 s`, `75.0 s`, `12 min 05 s`.
pub fn seconds(took: Duration) -> String {
    let whole = took.as_secs();
    if whole < 120 {
        format!("{:.1} s", took.as_secs_f64())
    } else {
        format!("{} min {:02} s", whole / 60, whole % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(seconds(Duration::from_millis(40)), "0.0 s");
        assert_eq!(seconds(Duration::from_millis(119_900)), "119.9 s");
        assert_eq!(seconds(Duration::from_secs(725)), "12 min 05 s");
    }
}
