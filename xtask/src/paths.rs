//! Where things are: the checkout, the cache, the target folder.
//!
//! Decides nothing else, and makes no folder.

use crate::process::{Failure, Result};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The root of the checkout: the one that `cargo xtask` was called in. What was compiled in is only the answer
/// where the program is started by itself: a build cache outside the clone serves clones in other places.
pub fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let xtask =
            std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        Path::new(&xtask).parent().expect("xtask is a folder of the workspace").to_owned()
    });
    &ROOT
}

/// Where downloads and installed tools are kept, outside the checkout.
pub fn cache() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(folder) = set("SABOT_CACHE") {
        return Ok(folder.into());
    }
    if let Some(folder) = set("XDG_CACHE_HOME") {
        return Ok(Path::new(&folder).join("sabot"));
    }
    match set("HOME") {
        Some(home) => Ok(Path::new(&home).join(".cache/sabot")),
        None => Err(Failure::Failed(
            "neither SABOT_CACHE, XDG_CACHE_HOME nor HOME is set: set SABOT_CACHE to a folder for downloads"
                .into(),
        )),
    }
}

/// Cargo's target folder.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR").filter(|value| !value.is_empty()) {
        Some(folder) => std::path::absolute(&folder).unwrap_or_else(|_| folder.into()),
        None => root().join("target"),
    }
}

/// The built host program.
pub fn sabot() -> PathBuf {
    target().join("release/sabot")
}

/// The target folder of guests: apart, because another compiler may build them.
pub fn wasm_target() -> PathBuf {
    target().join("wasm")
}

/// The acceptance cases, where there are any.
pub fn cases() -> Option<PathBuf> {
    let folder = match std::env::var_os("SABOT_CASES") {
        Some(folder) => PathBuf::from(folder),
        None => root().parent()?.join("shared/cases"),
    };
    folder.is_dir().then_some(folder)
}
