//! The `sabot` command. All of it is in [`sabot::cli`].

use std::io::{IsTerminal, stderr, stdout};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut output =
        sabot::cli::Output { out: &mut stdout(), err: &mut stderr(), terminal: stdout().is_terminal() };
    ExitCode::from(sabot::cli::run(std::env::args_os(), &mut output))
}
