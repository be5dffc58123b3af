//! `cargo xtask test [quick]`: everything that must hold before a change lands.
//!
//! Formatting, lints, and all tests of the workspace: unit, integration (the layout rules are one of them),
//! guest and doc tests. CI calls exactly this. Counts what cargo's test programs report, for a closing line.

use crate::kafka::Broker;
use crate::process::{self, Failure, Result, doing};
use crate::setup::{self, Need, clients};
use crate::step::Steps;
use crate::{demo, guests, paths};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// How much is tested.
#[derive(Clone, Copy, PartialEq)]
pub enum Scope {
    /// Everything, on a real broker.
    Full,
    /// What needs no server.
    Quick,
}

/// The command.
pub fn run(scope: Scope) -> Result {
    let mut steps = Steps::new();
    let result = run_steps(scope, &mut steps);
    eprint!("\n{}", steps.summary());
    let tally = result?;
    println!("{}", tally.line());
    Ok(())
}

fn run_steps(scope: Scope, steps: &mut Steps) -> Result<Tally> {
    let need = match scope {
        Scope::Full => Need::everything(),
        Scope::Quick => Need::quick_test(),
    };
    steps.run("setup", || setup::run(need))?;
    steps
        .run("formatting", || process::run(cargo().args(["fmt", "--all", "--check"])))
        .map_err(|failure| with_remedy(failure, "`cargo fmt --all` puts it right"))?;
    steps.run("lints", || {
        let words = "clippy --release --workspace --all-targets -- -D warnings";
        process::run(cargo().args(words.split(' ')))
    })?;
    steps.run("build the host and the tests", || {
        demo::build_host()?;
        process::run(cargo().args(["test", "--release", "--workspace", "--no-run"]))
    })?;
    steps.run("build the guests", guests::build_all)?;
    steps.run("try what `sabot new` makes", guests::try_templates)?;
    // Dropped at the end of this function however it ends, and the broker with it.
    let broker = match scope {
        Scope::Full => Some(steps.run("start Kafka", Broker::start)?),
        Scope::Quick => None,
    };
    steps.run("tests", || run_tests(broker.as_ref()))
}

fn cargo() -> Command {
    let mut command = process::cargo();
    command.current_dir(paths::root());
    command
}

fn run_tests(broker: Option<&Broker>) -> Result<Tally> {
    let mut command = cargo();
    command
        .args(["test", "--release", "--workspace", "--no-fail-fast"])
        .env("SABOT_BIN", paths::sabot())
        .envs(std::env::current_exe().ok().map(|program| ("SABOT_XTASK", program)))
        .stdout(Stdio::piped());
    match broker {
        Some(broker) => command.env("SABOT_TEST_BOOTSTRAP", &broker.bootstrap),
        // In a quick run a test that needs a server is skipped, in CI too.
        None => command.env("SABOT_TEST_QUICK", "1").env_remove("SABOT_TEST_BOOTSTRAP"),
    };
    if clients::is_there() {
        command.env("SABOT_INTEROP_PYTHON", clients::interpreter()?);
    }
    match paths::cases() {
        Some(folder) => {
            eprintln!("    acceptance cases: {}", folder.display());
            command.env("SABOT_CASES", folder);
        }
        None => eprintln!(
            "    acceptance cases: none (no ../shared/cases, and SABOT_CASES names no folder); their tests skip"
        ),
    }
    let mut child = doing("run cargo test", command.spawn())?;
    let mut tally = Tally::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n').map_while(|line| line.ok()) {
            let line = String::from_utf8_lossy(&line);
            tally.read(&line);
            // A closed terminal must not end the run before the broker is stopped.
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    }
    let status = doing("wait for cargo test", child.wait())?;
    if !status.success() {
        return process::failed(format!("cargo test ended with {status}{}", tally.culprits()));
    }
    if tally.passed == 0 {
        return process::failed("cargo test ran no test");
    }
    Ok(tally)
}

fn with_remedy(failure: Failure, remedy: &str) -> Failure {
    match failure {
        Failure::Failed(reason) => Failure::Failed(format!("{reason}\n{remedy}")),
        other => other,
    }
}

/// What the test programs reported.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
    names: Vec<String>,
}

impl Tally {
    /// Adds up a line such as `test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; …`, and notes one such
    /// as `test NAME ... FAILED`.
    fn read(&mut self, line: &str) {
        let failed = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"));
        self.names.extend(failed.map(str::to_owned));
        let Some(rest) = line.strip_prefix("test result: ") else {
            return;
        };
        let counts = rest.split_once(". ").map_or(rest, |(_, counts)| counts);
        for count in counts.split(';') {
            let mut words = count.split_whitespace();
            let (Some(number), Some(kind)) = (words.next(), words.next()) else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match kind {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }

    /// The tests that failed, a line each.
    fn culprits(&self) -> String {
        self.names.iter().map(|name| format!("\n  failed: {name}")).collect()
    }

    fn line(&self) -> String {
        format!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_add_up() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test a::b ... ok",
            "test a::c ... FAILED",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 4 filtered out; finished in 0.01s",
            "test result: FAILED. 5 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
        ] {
            tally.read(line);
        }
        assert_eq!(tally.line(), "17 passed, 2 failed, 1 skipped");
        assert_eq!(tally.culprits(), "\n  failed: a::c");
    }
}
