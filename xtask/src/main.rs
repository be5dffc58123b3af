//! The project's own commands: `cargo xtask demo`, `test`, `bench`, `fuzz`, `guests`, `kafka`, `setup`.
//!
//! This file only reads the command line; each command has a file of its own. The crate uses nothing but
//! the standard library, so that it compiles in seconds on a machine where nothing is set up yet, and it
//! must not know anything of the host's crates: it drives them through `cargo` and the `sabot` binary.

mod bench;
mod demo;
mod fuzz;
mod guests;
mod kafka;
mod paths;
mod process;
mod setup;
mod step;
mod test;

use process::Failure;
use std::process::ExitCode;

const HELP: &str = "\
The project's own commands.

Usage: cargo xtask <COMMAND>

Commands:
  demo [--keep] [...]   set up what is missing, build the host and the example components, run the demo;
                        further arguments go to `sabot demo`
  test [quick]          formatting, lints, layout rules, unit, integration, guest and doc tests;
                        `quick` leaves out what needs a server
  bench [NAME [...]]    run the benches (all of them, or one; further arguments go to it)
  fuzz [NAME] [SECONDS] look for bytes that a codec does not survive: all fuzz targets, or one, for 60 seconds
                        each
  guests                build every guest component
  kafka start|stop      a real Kafka for tests, on a free port of the loopback interface; a further word
                        names one of several
  setup                 install what the other commands need; does nothing where all is there

Environment:
  SABOT_TEST_BOOTSTRAP  HOST:PORT of a Kafka of yours; none is started then
  SABOT_CASES           folder of third-party acceptance cases (default: ../shared/cases where it exists)
  SABOT_CACHE           where downloads are kept (default: $XDG_CACHE_HOME/sabot or ~/.cache/sabot)
  SABOT_WASM_TOOLCHAIN  rustup or debian: which Rust builds wasm32-unknown-unknown (default: what works)
  CI                    true: a missing guest toolchain is a failure, not a skipped guest
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match dispatch(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(reason)) => {
            eprintln!("xtask: {reason}\nTry `cargo xtask --help`.");
            ExitCode::from(2)
        }
        Err(Failure::Failed(reason)) => {
            eprintln!("xtask: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(words: &[&str]) -> process::Result {
    // `bench NAME` and `kafka tool` hand their arguments on, and with them `--help`.
    let own_help = match words {
        ["bench", _, _, ..] | ["kafka", "tool", ..] => false,
        _ => words.iter().any(|word| matches!(*word, "-h" | "--help")),
    };
    match words {
        [] => Err(Failure::Usage(
            "a command is missing: demo, test, bench, fuzz, guests, kafka or setup".into(),
        )),
        words if own_help || words == ["help"] => {
            print!("{HELP}");
            Ok(())
        }
        ["demo", arguments @ ..] => demo::run(arguments),
        ["test"] => test::run(test::Scope::Full),
        ["test", "quick"] => test::run(test::Scope::Quick),
        ["bench"] => bench::run(None, &[]),
        ["bench", name, arguments @ ..] if !name.starts_with('-') => bench::run(Some(name), arguments),
        ["fuzz", words @ ..] => fuzz::run(words),
        ["guests"] => guests::run(),
        ["kafka", "start"] => kafka::start_command("main"),
        ["kafka", "start", name] => kafka::start_command(name),
        ["kafka", "stop"] => kafka::stop_command("main"),
        ["kafka", "stop", name] => kafka::stop_command(name),
        ["kafka", "kill", name] => kafka::kill_command(name),
        ["kafka", "tool", class, arguments @ ..] => kafka::tool_command(class, arguments),
        ["kafka"] => Err(Failure::Usage("`kafka` takes `start` or `stop`".into())),
        ["setup"] => setup::run(setup::Need::everything()),
        [command @ ("test" | "bench" | "guests" | "kafka" | "setup"), rest @ ..] => {
            let stray = rest.iter().find(|word| **word != "quick").unwrap_or(&"");
            Err(Failure::Usage(format!("`{command}` does not take `{stray}`")))
        }
        [other, ..] => Err(Failure::Usage(format!("unknown command `{other}`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(words: &[&str]) -> String {
        match dispatch(words) {
            Err(Failure::Usage(reason)) => reason,
            _ => panic!("{words:?} was accepted"),
        }
    }

    #[test]
    fn wrong_words_are_named() {
        assert_eq!(usage(&["tset"]), "unknown command `tset`");
        assert_eq!(usage(&["test", "fast"]), "`test` does not take `fast`");
        assert_eq!(usage(&["setup", "--now"]), "`setup` does not take `--now`");
        assert_eq!(usage(&["kafka", "restart"]), "`kafka` does not take `restart`");
        assert!(usage(&[]).contains("a command is missing"));
    }
}
