//! `cargo xtask fuzz [NAME] [SECONDS]`: looks for inputs on which a fuzz target of host/codec/fuzz does not hold,
//! guided by coverage.
//!
//! Runs on the stable compiler: the instrumentation is a pass of LLVM that it has, the engine (libFuzzer) is
//! compiled into the program. What was found is kept in the cache and is where the next run starts. What a target
//! does is its own; their names are the folders of their seeds.

use crate::paths;
use crate::process::{self, Failure, Result, doing, failed};
use crate::step::Steps;
use std::path::{Path, PathBuf};
use std::process::Command;

const CRATE: &str = "host/codec/fuzz";
const SECONDS: u32 = 60;

/// Counts every edge, and tells comparisons, so that the engine learns which constants are compared with.
const COVERAGE: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

/// What each run may take.
const LIMITS: [&str; 4] = ["-timeout=20", "-rss_limit_mb=2048", "-max_len=16384", "-print_final_stats=1"];

/// The command: `words` are a name, a number of seconds, both or none.
pub fn run(words: &[&str]) -> Result {
    let known = names()?;
    let (names, seconds) = chosen(words, &known)?;
    let mut steps = Steps::new();
    let program = steps.run("build the fuzz targets", build)?;
    let mut findings = Vec::new();
    for name in names {
        let found = steps.run(&format!("fuzz {name} for {seconds} s"), || fuzz(&program, &name, seconds))?;
        findings.extend(found);
    }
    eprint!("{}", steps.summary());
    if findings.is_empty() { Ok(()) } else { failed(findings.join("\n")) }
}

/// The targets and the seconds for each that the words ask for.
fn chosen(words: &[&str], known: &[String]) -> Result<(Vec<String>, u32)> {
    let usage = |reason: String| Err(Failure::Usage(reason));
    let (name, seconds) = match words {
        [] => (None, None),
        [seconds] if seconds.parse::<u32>().is_ok() => (None, Some(*seconds)),
        [name] => (Some(*name), None),
        [name, seconds] => (Some(*name), Some(*seconds)),
        [_, _, stray, ..] => return usage(format!("`fuzz` does not take `{stray}`")),
    };
    let seconds = match seconds.map(str::parse) {
        None => SECONDS,
        Some(Ok(seconds)) if seconds > 0 => seconds,
        Some(_) => return usage("`fuzz` takes a number of seconds, 1 at least".into()),
    };
    match name {
        None => Ok((known.to_vec(), seconds)),
        Some(name) if known.iter().any(|target| target == name) => Ok((vec![name.to_owned()], seconds)),
        Some(name) => usage(format!("there is no fuzz target `{name}`; there are: {}", known.join(", "))),
    }
}

/// Builds the program with all targets in a target folder of its own, as everything in it is instrumented.
fn build() -> Result<PathBuf> {
    let folder = paths::target().join("fuzz");
    let triple = host()?;
    let words = ["build", "--profile", "fuzz", "--package", "sabot-codec-fuzz", "--features", "libfuzzer"];
    // With a target given, build scripts and macros are not instrumented.
    let target = ["--bin", "sabot-fuzz", "--target", &triple];
    process::run(
        process::cargo()
            .args(words)
            .args(target)
            .current_dir(paths::root())
            .env("CARGO_TARGET_DIR", &folder)
            .env("RUSTFLAGS", COVERAGE.join(" ")),
    )?;
    Ok(folder.join(triple).join("fuzz/sabot-fuzz"))
}

/// Runs a target; gives what it found, with what to do about it.
fn fuzz(program: &Path, name: &str, seconds: u32) -> Result<Option<String>> {
    let folder = paths::cache()?.join("fuzz").join(name);
    let (corpus, found) = (folder.join("corpus"), folder.join("found"));
    process::make_folder(&corpus)?;
    process::make_folder(&found)?;
    let seeds = paths::root().join(CRATE).join("seeds").join(name);
    let before = files(&found)?;
    let status = Command::new(program)
        .env("SABOT_FUZZ", name)
        .args(LIMITS)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", found.display()))
        .args([&corpus, &seeds])
        .status();
    if doing(&format!("run {}", program.display()), status)?.success() {
        return Ok(None);
    }
    let new: Vec<PathBuf> = files(&found)?.into_iter().filter(|file| !before.contains(file)).collect();
    let Some(input) = new.first() else {
        return failed(format!("{} ended without success and left no input", program.display()));
    };
    let (program, input, seeds) = (program.display(), input.display(), seeds.display());
    Ok(Some(format!(
        "the target {name} does not hold on {input}\n  again: SABOT_FUZZ={name} {program} {input}\n  \
         once mended: cp {input} {seeds}/"
    )))
}

/// The targets, by their folders of seeds.
fn names() -> Result<Vec<String>> {
    let folder = paths::root().join(CRATE).join("seeds");
    let mut names: Vec<String> = files(&folder)?
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = doing(&format!("list {}", folder.display()), folder.read_dir())?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

/// The machine that the compiler builds for.
fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = process::answer(rustc, &["-vV"]).unwrap_or_default();
    match said.lines().find_map(|line| line.strip_prefix("host: ")) {
        Some(triple) => Ok(triple.to_owned()),
        None => failed("`rustc -vV` does not say for which machine it builds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(words: &[&str]) -> String {
        let known = ["json".to_owned(), "wire".to_owned()];
        match chosen(words, &known) {
            Ok((names, seconds)) => format!("{} {seconds}", names.join(",")),
            Err(Failure::Usage(reason) | Failure::Failed(reason)) => reason,
        }
    }

    #[test]
    fn a_name_and_a_time_are_told_apart() {
        assert_eq!(asked(&[]), "json,wire 60");
        assert_eq!(asked(&["5"]), "json,wire 5");
        assert_eq!(asked(&["wire"]), "wire 60");
        assert_eq!(asked(&["wire", "5"]), "wire 5");
        assert_eq!(asked(&["wires"]), "there is no fuzz target `wires`; there are: json, wire");
        assert_eq!(asked(&["wire", "0"]), "`fuzz` takes a number of seconds, 1 at least");
        assert_eq!(asked(&["wire", "5", "6"]), "`fuzz` does not take `6`");
    }
}
