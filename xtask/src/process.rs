//! Running other programs, and the one error type of the commands.
//!
//! Knows nothing of what is run.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Why a command of ours ends without success.
#[derive(Debug)]
pub enum Failure {
    /// The command line was wrong: exit code 2.
    Usage(String),
    /// Something went wrong: exit code 1, with the reason.
    Failed(String),
}

/// The result of a command or of one of its steps.
pub type Result<T = ()> = std::result::Result<T, Failure>;

/// A failure with a reason.
pub fn failed<T>(reason: impl Into<String>) -> Result<T> {
    Err(Failure::Failed(reason.into()))
}

/// Turns an IO error into a failure that says what was being done.
pub fn doing<T>(what: &str, result: std::io::Result<T>) -> Result<T> {
    result.map_err(|error| Failure::Failed(format!("cannot {what}: {error}")))
}

/// Runs a program whose output passes through.
pub fn run(command: &mut Command) -> Result {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => failed(format!("`{}` ended with {status}", line(command))),
        Err(error) => failed(format!("cannot run `{}`: {error}", line(command))),
    }
}

/// Runs a program quietly; where it fails, the end of what it printed is part of the reason.
pub fn quiet(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null());
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return failed(format!("cannot run `{}`: {error}", line(command))),
    };
    if output.status.success() {
        return Ok(output);
    }
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    failed(format!("`{}` ended with {}:\n{}", line(command), output.status, last_lines(&said, 30)))
}

/// Whether a program can be run and succeeds; silent.
pub fn succeeds(program: impl AsRef<OsStr>, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// What a program prints on its standard output, trimmed; nothing where it fails.
pub fn answer(program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Where a program is found on `PATH`.
pub fn find(program: &str) -> Option<std::path::PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// The cargo that runs us.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Whether this is a CI run.
pub fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

/// Writes a file and names it where that fails.
pub fn write(path: &Path, text: &str) -> Result {
    doing(&format!("write {}", path.display()), std::fs::write(path, text))
}

/// Makes a folder with its parents.
pub fn make_folder(path: &Path) -> Result {
    doing(&format!("make the folder {}", path.display()), std::fs::create_dir_all(path))
}

/// The last lines of a text.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a", 5), "a");
        assert_eq!(last_lines("", 5), "");
    }

    #[test]
    fn a_failing_program_is_quoted() {
        let error = quiet(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]));
        let Err(Failure::Failed(reason)) = error else {
            panic!("it succeeded");
        };
        assert!(reason.contains("exit status: 3"), "{reason}");
        assert!(reason.ends_with("out\nerr"), "{reason}");
    }
}
