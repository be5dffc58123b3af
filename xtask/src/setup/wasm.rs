//! Which Rust builds `wasm32-unknown-unknown`.
//!
//! Two ways work. `rustup`: the toolchain that builds the host, with its wasm target added. `debian`: the
//! packages rustc-web, rust-web-src and lld-19, with std built from source, for machines that cannot reach
//! rustup's servers. The choice is a pure function of the machine: `SABOT_WASM_TOOLCHAIN` where it is set,
//! else rustup's target where it is installed, else Debian's where that is installed, else the first that
//! can be installed. The chosen name is handed to `sabot build` in `SABOT_WASM_TOOLCHAIN`.

use super::{announce, system};
use crate::process::{self, Failure, Result, failed};
use std::path::Path;
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";
const VARIABLE: &str = "SABOT_WASM_TOOLCHAIN";
const PACKAGES: [&str; 3] = ["rustc-web", "rust-web-src", "lld-19"];

/// A way to build Rust for wasm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Toolchain {
    /// The installed toolchain with its wasm target.
    Rustup,
    /// Debian's rustc-web with std from source.
    Debian,
}

impl Toolchain {
    /// The value of `SABOT_WASM_TOOLCHAIN` that stands for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rustup => "rustup",
            Self::Debian => "debian",
        }
    }

    /// One line for a person.
    pub fn describe(self) -> String {
        match self {
            Self::Rustup => "the toolchain's own target".into(),
            Self::Debian => format!("Debian's {}, std from source", PACKAGES.join(", ")),
        }
    }

    fn is_there(self) -> bool {
        match self {
            Self::Rustup => {
                let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
                process::answer(rustc, &["--print", "target-libdir", "--target", TARGET])
                    .is_some_and(|folder| Path::new(&folder).is_dir())
            }
            Self::Debian => {
                Path::new("/usr/bin/rustc").is_file()
                    && process::find("wasm-ld-19").is_some()
                    && process::answer("/usr/bin/rustc", &["--print", "sysroot"])
                        .is_some_and(|root| Path::new(&root).join("lib/rustlib/src/rust/library").is_dir())
            }
        }
    }

    fn install(self) -> Result {
        match self {
            Self::Rustup => {
                if process::find("rustup").is_none() {
                    return failed("there is no rustup");
                }
                announce(&format!("rustup target add {TARGET}"));
                process::quiet(Command::new("rustup").args(["target", "add", TARGET]))?;
            }
            Self::Debian => match system::can_apt() {
                Ok(()) => system::apt(&PACKAGES)?,
                Err(obstacle) => return failed(obstacle),
            },
        }
        if self.is_there() {
            return Ok(());
        }
        failed("installed, and still not found")
    }
}

/// The toolchain to use, installed where it was missing.
pub fn provide() -> Result<Toolchain> {
    let forced = std::env::var(VARIABLE).ok().filter(|name| !name.is_empty());
    choose(forced.as_deref(), Toolchain::is_there, Toolchain::install)
}

fn choose(
    forced: Option<&str>,
    is_there: impl Fn(Toolchain) -> bool,
    install: impl Fn(Toolchain) -> Result,
) -> Result<Toolchain> {
    let candidates: &[Toolchain] = match forced {
        None => &[Toolchain::Rustup, Toolchain::Debian],
        Some("rustup") => &[Toolchain::Rustup],
        Some("debian") => &[Toolchain::Debian],
        Some(other) => {
            return failed(format!("{VARIABLE} is `{other}`: it may be rustup or debian"));
        }
    };
    if let Some(found) = candidates.iter().find(|candidate| is_there(**candidate)) {
        return Ok(*found);
    }
    let mut reasons = Vec::new();
    for candidate in candidates {
        match install(*candidate) {
            Ok(()) => return Ok(*candidate),
            Err(Failure::Failed(reason)) => {
                reasons.push(format!("  - {}: {reason}", candidate.name()));
            }
            Err(other) => return Err(other),
        }
    }
    failed(format!(
        "no Rust can build {TARGET}:\n{}\nInstall one by hand: `rustup target add {TARGET}`, or on Debian \
         `apt-get install {}`",
        reasons.join("\n"),
        PACKAGES.join(" ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_used_and_nothing_installed() {
        let install = |_| -> Result { panic!("nothing is to be installed") };
        for found in [Toolchain::Rustup, Toolchain::Debian] {
            let chosen = choose(None, |candidate| candidate == found, install);
            assert_eq!(chosen.ok(), Some(found));
        }
        let chosen = choose(Some("debian"), |_| true, install);
        assert_eq!(chosen.ok(), Some(Toolchain::Debian));
    }

    #[test]
    fn debian_stands_in_where_rustup_is_refused() {
        let install = |candidate| match candidate {
            Toolchain::Rustup => failed("refused"),
            Toolchain::Debian => Ok(()),
        };
        let chosen = choose(None, |_| false, install);
        assert_eq!(chosen.ok(), Some(Toolchain::Debian));
    }

    #[test]
    fn every_obstacle_is_named() {
        let Err(Failure::Failed(reason)) = choose(None, |_| false, |_| failed("refused")) else {
            panic!("a toolchain came from nowhere");
        };
        assert!(reason.contains("- rustup: refused\n  - debian: refused"), "{reason}");
        let Err(Failure::Failed(reason)) = choose(Some("gcc"), |_| true, |_| Ok(())) else {
            panic!("gcc was accepted");
        };
        assert!(reason.contains("`gcc`"), "{reason}");
    }
}
