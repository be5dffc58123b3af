//! The `sabot` command: one file a noun. Commands that need a host ask it over HTTP, those that do not use the
//! modules directly. Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 no host answers.

mod check;
mod client;
mod component;
mod control_plane;
mod dead_letter;
mod demo;
mod failure;
mod guest;
mod logging;
mod logs;
mod operator;
mod output;
mod pipeline;
mod run;
mod savepoint;
mod serve;
mod signal;
mod state;
mod token;
mod top;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::Read;
use std::path::Path;

use clap::{CommandFactory, Parser, Subcommand};

pub use failure::Failure;
pub use output::Output;

/// Largest file that a command reads, bytes.
const LARGEST_FILE: u64 = 1024 * 1024 * 1024;

/// A host for streaming pipelines whose user logic ships as WebAssembly components
#[derive(Parser, Debug)]
#[command(name = "sabot", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, 1 refused or failed with the reason on stderr, 2 wrong usage, 3 no host \
                        answers."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Demo(demo::DemoArgs),
    Dev(serve::DevArgs),
    Serve(serve::ServeArgs),
    Run(run::RunArgs),
    Check(check::CheckArgs),
    New(guest::NewArgs),
    Build(guest::BuildArgs),
    Test(guest::TestArgs),
    Inspect(guest::InspectArgs),
    Component(component::ComponentArgs),
    Pipeline(pipeline::PipelineArgs),
    Operator(operator::OperatorArgs),
    Savepoint(savepoint::SavepointArgs),
    #[command(name = "dead-letter")]
    DeadLetter(dead_letter::DeadLetterArgs),
    State(state::StateArgs),
    Token(token::TokenArgs),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Runs a command line, of which the first word is the program's name, and answers its exit code.
pub fn run(args: impl IntoIterator<Item = OsString>, output: &mut Output<'_>) -> u8 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        // Help and versions are what was asked for; all else is a mistake.
        Err(asked) if !asked.use_stderr() => {
            let printed = write!(output.out, "{}", asked.render()).and_then(|()| output.out.flush());
            return printed.map_or_else(|e| Failure::from(e).exit_code(), |()| 0);
        }
        Err(mistake) => {
            // There is nowhere else to say it.
            let _ = write!(output.err, "{}", mistake.render());
            return Failure::Usage(String::new()).exit_code();
        }
    };
    match dispatch(&cli.command, output) {
        Ok(()) => 0,
        Err(Failure::NobodyReads) => 0,
        Err(failure) => {
            let _ = writeln!(output.err, "{}", output::printable(&failure.to_string()));
            failure.exit_code()
        }
    }
}

fn dispatch(command: &Command, output: &mut Output<'_>) -> Result<(), Failure> {
    match command {
        Command::Demo(args) => demo::command(args, output),
        Command::Dev(args) => serve::dev(args, output),
        Command::Serve(args) => serve::serve(args, output),
        Command::Run(args) => run::run(args, output),
        Command::Check(args) => check::run(args, output),
        Command::New(args) => guest::new(args, output),
        Command::Build(args) => guest::build(args, output),
        Command::Test(args) => guest::test(args, output),
        Command::Inspect(args) => guest::inspect(args, output),
        Command::Component(args) => component::run(args, output),
        Command::Pipeline(args) => pipeline::run(args, output),
        Command::Operator(args) => operator::run(args, output),
        Command::Savepoint(args) => savepoint::run(args, output),
        Command::DeadLetter(args) => dead_letter::run(args, output),
        Command::State(args) => state::run(args, output),
        Command::Token(args) => token::run(args, output),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "sabot", &mut script);
            Ok(output.out.write_all(&script)?)
        }
    }
}

/// Reads a file that was named on the command line; `-` is standard input.
fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |e: std::io::Error| Failure::plain(format!("cannot read {}: {e}", path.display()));
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().take(LARGEST_FILE).read_to_end(&mut bytes).map_err(failed)?;
        return Ok(bytes);
    }
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > LARGEST_FILE {
        return Err(Failure::plain(format!(
            "{} has {size} bytes; at most {LARGEST_FILE} are read",
            path.display()
        )));
    }
    std::fs::read(path).map_err(failed)
}
