//! A C compiler that targets WebAssembly: clang with lld and wasi-libc, or Zig's from PyPI.
//!
//! Knows how to find and install one; which flags a guest is built with is `sabot build`'s to say.

use super::{python, system};
use crate::process::{self, Failure, Result, failed};
use std::path::Path;

const PACKAGES: [&str; 3] = ["clang-19", "lld-19", "wasi-libc"];
const ZIG: &str = "ziglang==0.17.0";
const WASI_LIBC: [&str; 2] =
    ["/usr/include/wasm32-wasi/stdlib.h", "/usr/share/wasi-sysroot/include/wasm32-wasi/stdlib.h"];

/// Whether guests in C can be built.
pub fn is_there() -> bool {
    found().is_some()
}

/// Installs what guests in C need: Debian's clang first, as the smaller one, else Zig.
pub fn provide() -> Result<String> {
    if let Some(what) = found() {
        return Ok(format!("{what} is there"));
    }
    let refusal = match system::can_apt() {
        Err(obstacle) => obstacle.to_owned(),
        Ok(()) => match system::apt(&PACKAGES) {
            Ok(()) => String::new(),
            Err(Failure::Failed(reason)) => reason,
            Err(other) => return Err(other),
        },
    };
    if let Some(what) = found() {
        return Ok(format!("installed {what}"));
    }
    match python::install(ZIG) {
        Ok(()) => Ok(format!("installed {ZIG}")),
        Err(Failure::Failed(reason)) => failed(format!(
            "neither {} ({refusal}) nor {ZIG} ({reason}) could be installed",
            PACKAGES.join(", ")
        )),
        Err(other) => Err(other),
    }
}

fn found() -> Option<String> {
    let clang = ["clang-19", "clang"].into_iter().find(|name| has_wasm(name));
    let linker = ["wasm-ld-19", "wasm-ld"].into_iter().find(|name| process::find(name).is_some());
    let libc = WASI_LIBC.into_iter().any(|file| Path::new(file).is_file());
    match (clang, linker, libc) {
        (Some(clang), Some(linker), true) => Some(format!("{clang} with {linker} and wasi-libc")),
        _ if python::has(ZIG) => Some(ZIG.to_owned()),
        _ => None,
    }
}

fn has_wasm(clang: &str) -> bool {
    process::answer(clang, &["--print-targets"]).is_some_and(|targets| targets.contains("wasm32"))
}
