//! `sabot check`: what is wrong with a specification, or how it would run. Needs no host.

use std::path::{Path, PathBuf};

use clap::Args;

use super::failure::Failure;
use super::output::{Format, Output};
use crate::control::Reason;
use crate::{plan, spec};

/// Check a specification and print its plan; needs no host
///
/// Every mistake is told at once, with its line and the nearest right name. Components are not looked into: `sabot
/// pipeline plan` asks a host that has them.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The specification, YAML or JSON; `-` reads standard input
    file: PathBuf,
    /// How to print
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Format,
}

pub(super) fn run(args: &CheckArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let bytes = super::read_file(&args.file)?;
    check(&args.file, &bytes, args.output, output)
}

fn check(file: &Path, bytes: &[u8], format: Format, output: &mut Output<'_>) -> Result<(), Failure> {
    let parsed = spec::parse(bytes, spec::Format::Auto).map_err(|errors| Failure::Refused {
        title: match errors.len() {
            1 => format!("{} has a mistake", file.display()),
            n => format!("{} has {n} mistakes", file.display()),
        },
        reasons: errors.iter().map(|e| Reason::new(e.to_string())).collect(),
    })?;
    for warning in &parsed.warnings {
        output.note(&format!("warning: {warning}"))?;
    }
    let plan = plan::plan(&parsed.pipeline);
    output.answer(format, &plan::to_json(&plan, &parsed.pipeline), |_| plan::render(&plan, &parsed.pipeline))
}
