//! The compilers of other people: where each is found, and what to say when it is not. It must not know what is
//! built with them.
//!
//! Looked for in this order: a variable that names it, PATH, the Python environment in Sabot's cache folder, which
//! `cargo xtask setup` fills.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target of every Rust component.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// A tool is missing.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{what} is missing. {remedy}")]
pub struct MissingTool {
    /// Which.
    pub what: String,
    /// How to get it.
    pub remedy: String,
}

/// A way to build Rust for WebAssembly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RustToolchain {
    /// The installed toolchain with its wasm target.
    Rustup,
    /// Debian's rustc-web, which has the target, and std from the source package.
    Debian,
}

/// What looks at the machine; a parameter, so that the choice can be tested.
pub trait Machine {
    /// A variable of the environment, `None` where it is empty.
    fn variable(&self, name: &str) -> Option<String>;
    /// A program on PATH.
    fn program(&self, name: &str) -> Option<PathBuf>;
    /// What a program prints on its standard output, where it succeeds.
    fn answer(&self, program: &Path, arguments: &[&str]) -> Option<String>;
    /// Whether there is such a file or folder.
    fn exists(&self, path: &Path) -> bool;
}

/// The machine we run on.
pub struct ThisMachine;

impl Machine for ThisMachine {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn program(&self, name: &str) -> Option<PathBuf> {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
    }

    fn answer(&self, program: &Path, arguments: &[&str]) -> Option<String> {
        let output = Command::new(program).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }
}

/// Which Rust builds components: what `SABOT_WASM_TOOLCHAIN` says, else the first that is there.
///
/// # Errors
/// None is there.
pub fn rust(machine: &impl Machine) -> Result<RustToolchain, MissingTool> {
    let there = |toolchain| match toolchain {
        RustToolchain::Rustup => rustup_target(machine),
        RustToolchain::Debian => debian_rust(machine),
    };
    let candidates: &[RustToolchain] = match machine.variable("SABOT_WASM_TOOLCHAIN").as_deref() {
        Some("rustup") => &[RustToolchain::Rustup],
        Some("debian") => &[RustToolchain::Debian],
        _ => &[RustToolchain::Rustup, RustToolchain::Debian],
    };
    candidates.iter().copied().find(|toolchain| there(*toolchain)).ok_or_else(|| MissingTool {
        what: format!("a Rust compiler for {WASM_TARGET}"),
        remedy: format!(
            "Run `rustup target add {WASM_TARGET}`; where that is refused, on Debian, \
             `apt-get install rustc-web rust-web-src lld-19` stands in."
        ),
    })
}

fn rustup_target(machine: &impl Machine) -> bool {
    let rustc = machine.variable("RUSTC").unwrap_or_else(|| "rustc".into());
    let folder = machine.answer(Path::new(&rustc), &["--print", "target-libdir", "--target", WASM_TARGET]);
    folder.is_some_and(|folder| machine.exists(Path::new(&folder)))
}

fn debian_rust(machine: &impl Machine) -> bool {
    let sources = machine
        .answer(Path::new(DEBIAN_RUSTC), &["--print", "sysroot"])
        .map(|root| Path::new(&root).join("lib/rustlib/src/rust/library"));
    machine.program("wasm-ld-19").is_some() && sources.is_some_and(|folder| machine.exists(&folder))
}

/// Debian's compiler, which is not the first on PATH where rustup is installed.
pub const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// A C compiler for WebAssembly: a program and its first arguments.
///
/// # Errors
/// There is none.
pub fn c(machine: &impl Machine) -> Result<Vec<OsString>, MissingTool> {
    if let Some(zig) = machine.variable("SABOT_ZIG") {
        return Ok(vec![zig.into(), "cc".into()]);
    }
    for name in ["clang-19", "clang"] {
        let Some(clang) = machine.program(name) else { continue };
        let targets = machine.answer(&clang, &["--print-targets"]);
        let linker = machine.program(&name.replace("clang", "wasm-ld"));
        if targets.is_some_and(|targets| targets.contains("wasm32")) && linker.is_some() {
            return Ok(vec![clang.into()]);
        }
    }
    if let Some(zig) = machine.program("zig") {
        return Ok(vec![zig.into(), "cc".into()]);
    }
    if let Some(python) = cached(machine, "python")
        && machine.answer(&python, &["-m", "ziglang", "version"]).is_some()
    {
        return Ok(vec![python.into(), "-m".into(), "ziglang".into(), "cc".into()]);
    }
    Err(MissingTool {
        what: "a C compiler for WebAssembly".into(),
        remedy: "On Debian `apt-get install clang-19 lld-19`; elsewhere clang with lld, or Zig: \
                 `pip install ziglang`, and SABOT_ZIG names the program."
            .into(),
    })
}

/// componentize-py.
///
/// # Errors
/// It is not there.
pub fn componentize_py(machine: &impl Machine) -> Result<PathBuf, MissingTool> {
    let found = machine.program("componentize-py").or_else(|| cached(machine, "componentize-py"));
    found.ok_or_else(|| MissingTool {
        what: "componentize-py".into(),
        remedy: "Run `pip install componentize-py==0.25.1`, or `cargo xtask setup` in a checkout.".into(),
    })
}

/// A program of the Python environment in Sabot's cache folder.
fn cached(machine: &impl Machine, program: &str) -> Option<PathBuf> {
    let cache = match (machine.variable("SABOT_CACHE"), machine.variable("XDG_CACHE_HOME")) {
        (Some(folder), _) => PathBuf::from(folder),
        (None, Some(folder)) => Path::new(&folder).join("sabot"),
        (None, None) => Path::new(&machine.variable("HOME")?).join(".cache/sabot"),
    };
    Some(cache.join("python/bin").join(program)).filter(|file| machine.exists(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Variables, programs on PATH, answers, and paths that exist.
    #[derive(Default)]
    struct Fake {
        variables: Vec<(&'static str, &'static str)>,
        programs: Vec<&'static str>,
        answers: Vec<(&'static str, &'static str)>,
        paths: Vec<&'static str>,
    }

    impl Machine for Fake {
        fn variable(&self, name: &str) -> Option<String> {
            self.variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).into())
        }
        fn program(&self, name: &str) -> Option<PathBuf> {
            self.programs.contains(&name).then(|| Path::new("/bin").join(name))
        }
        fn answer(&self, program: &Path, _arguments: &[&str]) -> Option<String> {
            self.answers.iter().find(|(p, _)| Path::new(p) == program).map(|(_, answer)| (*answer).into())
        }
        fn exists(&self, path: &Path) -> bool {
            self.paths.iter().any(|p| Path::new(p) == path)
        }
    }

    fn debian() -> Fake {
        Fake {
            programs: vec!["wasm-ld-19"],
            answers: vec![(DEBIAN_RUSTC, "/usr"), ("rustc", "/home/x/wasm32")],
            paths: vec!["/usr/lib/rustlib/src/rust/library"],
            ..Fake::default()
        }
    }

    #[test]
    fn debian_stands_in_for_a_missing_target() {
        assert_eq!(rust(&debian()), Ok(RustToolchain::Debian));
        let mut both = debian();
        both.paths.push("/home/x/wasm32");
        assert_eq!(rust(&both), Ok(RustToolchain::Rustup));
        both.variables.push(("SABOT_WASM_TOOLCHAIN", "debian"));
        assert_eq!(rust(&both), Ok(RustToolchain::Debian));
    }

    #[test]
    fn a_forced_toolchain_is_not_replaced() {
        let forced = Fake { variables: vec![("SABOT_WASM_TOOLCHAIN", "rustup")], ..debian() };
        insta::assert_snapshot!(rust(&forced).unwrap_err(), @"a Rust compiler for wasm32-unknown-unknown is missing. Run `rustup target add wasm32-unknown-unknown`; where that is refused, on Debian, `apt-get install rustc-web rust-web-src lld-19` stands in.");
    }

    #[test]
    fn clang_needs_its_linker_and_zig_stands_in() {
        let mut machine = Fake {
            programs: vec!["clang-19"],
            answers: vec![("/bin/clang-19", "wasm32"), ("/home/x/.cache/sabot/python/bin/python", "0.17.0")],
            variables: vec![("HOME", "/home/x")],
            ..Fake::default()
        };
        assert!(c(&machine).is_err());
        machine.paths.push("/home/x/.cache/sabot/python/bin/python");
        assert_eq!(c(&machine).map(|c| c.len()), Ok(4));
        machine.programs.push("wasm-ld-19");
        assert_eq!(c(&machine), Ok(vec!["/bin/clang-19".into()]));
    }

    #[test]
    fn the_cache_is_where_the_variables_say() {
        let mut machine = Fake {
            variables: vec![("SABOT_CACHE", "/c")],
            paths: vec!["/c/python/bin/componentize-py"],
            ..Fake::default()
        };
        assert_eq!(componentize_py(&machine), Ok("/c/python/bin/componentize-py".into()));
        machine.variables = vec![("XDG_CACHE_HOME", "/c")];
        assert!(componentize_py(&machine).is_err());
    }
}
