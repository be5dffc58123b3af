//! From a guest's folder to `build/NAME.wasm`. It must not know how components run.
//!
//! Each language makes a core module in its own way, which [`encode`](super::encode) turns into a component;
//! componentize-py makes the component itself. The sources of the SDKs for C and Python are part of this program
//! and are put into `build/sdk`, so that nothing but the language's own tools has to be there.

use super::component::{Component, ComponentError, Language};
use super::encode::{EncodeError, WIT, encode, world_id};
use super::sdk;
use super::toolchain::{
    DEBIAN_RUSTC, MissingTool, RustToolchain, ThisMachine, WASM_TARGET, c, componentize_py, rust,
};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a component was not built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The folder is no guest's.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// A compiler is not there.
    #[error(transparent)]
    Tool(#[from] MissingTool),
    /// A compiler failed; what it had to say is on standard error.
    #[error("{command} failed{code}")]
    Failed {
        /// The program.
        command: String,
        /// ` with exit code N`, where there is one.
        code: String,
    },
    /// A compiler succeeded and left no module.
    #[error("{0}")]
    NoModule(String),
    /// The module is no component of its world.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A file cannot be read or written.
    #[error("{what} {path}: {source}")]
    File {
        /// What was tried.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Builds the component of a folder; the compilers write to standard error. Answers the component's file.
///
/// # Errors
/// See [`BuildError`].
pub fn build(folder: &Path) -> Result<PathBuf, BuildError> {
    let component = Component::read(folder)?;
    // An unknown world is said before anything is compiled.
    world_id(&component.world)?;
    let folder = file("find", folder, std::path::absolute(folder))?;
    let out = folder.join("build");
    file("make", &out, std::fs::create_dir_all(&out))?;
    let target = out.join(format!("{}.wasm", component.name));
    let bytes = match component.language {
        Language::Rust => encode(&rust_module(&folder)?, &component.world)?,
        Language::C => encode(&c_module(&folder, &out)?, &component.world)?,
        Language::Python => python_component(&folder, &out, &component.world)?,
    };
    // Written beside and renamed: whoever reads the file never sees half of it.
    let part = out.join(format!("{}.wasm.part", component.name));
    file("write", &part, std::fs::write(&part, bytes))?;
    file("write", &target, std::fs::rename(&part, &target))?;
    Ok(target)
}

fn file<T>(what: &'static str, path: &Path, result: std::io::Result<T>) -> Result<T, BuildError> {
    result.map_err(|source| BuildError::File { what, path: path.to_owned(), source })
}

fn run(command: &mut Command) -> Result<Vec<u8>, BuildError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).output();
    let output =
        output.map_err(|e| BuildError::Failed { command: program.clone(), code: format!(": {e}") })?;
    if !output.status.success() {
        let code = output.status.code().map(|c| format!(" with exit code {c}")).unwrap_or_default();
        return Err(BuildError::Failed { command: program, code });
    }
    Ok(output.stdout)
}

/// What every component is compiled with: fast code, names for traces, no debug information. The host has 128-bit
/// SIMD, so loops over columns may use it.
const RUST_PROFILE: [(&str, &str); 5] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3"),
    // With thin LTO names in the module are numbered by the paths of this machine.
    ("CARGO_PROFILE_RELEASE_LTO", "fat"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "0"),
    ("CARGO_PROFILE_RELEASE_STRIP", "debuginfo"),
];

fn rust_module(folder: &Path) -> Result<Vec<u8>, BuildError> {
    let toolchain = rust(&ThisMachine)?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(folder).envs(RUST_PROFILE).args(["--config", &without_paths(folder)]);
    cargo.args([
        "build",
        "--release",
        "--target",
        WASM_TARGET,
        "--message-format",
        "json-render-diagnostics",
    ]);
    if std::env::var_os("CARGO_TARGET_DIR").is_none() {
        // Apart from the folder of native builds, which may use another compiler.
        cargo.env("CARGO_TARGET_DIR", workspace(folder).join("target/wasm"));
    }
    if toolchain == RustToolchain::Debian {
        cargo.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
        cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld-19");
        cargo.args(["-Z", "build-std=std,panic_abort"]);
    }
    let messages = run(&mut cargo)?;
    let module = module_of(&String::from_utf8_lossy(&messages), folder).ok_or_else(|| {
        BuildError::NoModule(format!(
            "cargo built no module in {}: Cargo.toml needs `[lib]` with `crate-type = [\"cdylib\"]`",
            folder.display()
        ))
    })?;
    file("read", &module, std::fs::read(&module))
}

/// Cargo's setting with which a component is the same from any folder and shows nobody's: of the paths in panics only
/// what comes after the folders of the workspace and of cargo is left. Flags of the user's own cargo files stay.
fn without_paths(folder: &Path) -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let mapped = [(Some(workspace(folder).to_owned()), "."), (home, "cargo")];
    let flags = mapped.into_iter().filter_map(|(from, to)| {
        // A TOML string in single quotes takes everything else as it is.
        let from = from?.into_os_string().into_string().ok().filter(|path| !path.contains('\''))?;
        Some(format!("'--remap-path-prefix={from}={to}'"))
    });
    format!("target.{WASM_TARGET}.rustflags=[{}]", flags.collect::<Vec<_>>().join(", "))
}

/// The outermost folder above that is a cargo workspace, else the folder itself.
fn workspace(folder: &Path) -> &Path {
    let is_root = |path: &Path| {
        let manifest = std::fs::read_to_string(path.join("Cargo.toml"));
        manifest.is_ok_and(|text| text.lines().any(|line| line.trim_end() == "[workspace]"))
    };
    folder.ancestors().find(|path| is_root(path)).unwrap_or(folder)
}

/// The module that cargo says it made of the package in that folder.
fn module_of(messages: &str, folder: &Path) -> Option<PathBuf> {
    let manifest = folder.join("Cargo.toml");
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let of_package = artifacts.filter(|artifact| {
        artifact["reason"] == "compiler-artifact"
            && artifact["manifest_path"].as_str().is_some_and(|path| same_file(Path::new(path), &manifest))
    });
    let files = of_package.flat_map(|artifact| artifact["filenames"].as_array().cloned().unwrap_or_default());
    files
        .filter_map(|name| name.as_str().map(PathBuf::from))
        .rfind(|p| p.extension().is_some_and(|e| e == "wasm"))
}

fn same_file(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// No C library, no start function; what is exported, the header's attributes say.
const C_FLAGS: [&str; 14] = [
    "--target=wasm32-freestanding",
    "-std=c11",
    "-O3",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-ffreestanding",
    "-nostdlib",
    "-mbulk-memory",
    "-fvisibility=hidden",
    "-Wl,--no-entry",
    "-Wl,--stack-first",
    "-Wl,-z,stack-size=65536",
    "-Wl,--export=cabi_realloc",
];

fn c_module(folder: &Path, out: &Path) -> Result<Vec<u8>, BuildError> {
    let compiler = c(&ThisMachine)?;
    let headers = out.join("sdk");
    write_all(&headers, &sdk::C)?;
    let sources = sources(folder, "c")?;
    if sources.is_empty() {
        return Err(BuildError::NoModule(format!("there is no .c file in {}", folder.display())));
    }
    let module = out.join("module.wasm");
    let mut command = Command::new(&compiler[0]);
    command.args(&compiler[1..]).args(C_FLAGS).arg("-I").arg(&headers).args(sources);
    run(command.arg("-o").arg(&module))?;
    let bytes = file("read", &module, std::fs::read(&module))?;
    file("remove", &module, std::fs::remove_file(&module))?;
    Ok(bytes)
}

/// The files of that extension in a folder, by name.
fn sources(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, BuildError> {
    let mut found = Vec::new();
    for entry in file("list", folder, folder.read_dir())? {
        let path = file("list", folder, entry)?.path();
        if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn python_component(folder: &Path, out: &Path, world: &str) -> Result<Vec<u8>, BuildError> {
    let componentize_py = componentize_py(&ThisMachine)?;
    let app = folder.join("app.py");
    if !app.is_file() {
        return Err(BuildError::NoModule(format!("there is no {}", app.display())));
    }
    let (python, wit) = (out.join("sdk"), out.join("wit"));
    write_all(&python, &sdk::PYTHON)?;
    write_all(&wit, &WIT)?;
    let component = out.join("component.wasm");
    let mut command = Command::new(componentize_py);
    // World names may be keywords of WIT, such as `map`.
    command.current_dir(folder).arg("-d").arg(&wit).arg("-w").arg(format!("sabot:operator/%{world}"));
    command.args(["componentize", "app", "--stub-wasi", "-p"]).arg(folder).arg("-p").arg(&python);
    run(command.arg("-o").arg(&component))?;
    let bytes = file("read", &component, std::fs::read(&component))?;
    file("remove", &component, std::fs::remove_file(&component))?;
    Ok(bytes)
}

/// Writes embedded files below a folder.
pub(super) fn write_all(folder: &Path, files: &[(&str, &str)]) -> Result<(), BuildError> {
    for (name, text) in files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        file("make", parent, std::fs::create_dir_all(parent))?;
        file("write", &path, std::fs::write(&path, text))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_this_machine_are_mapped_away() {
        let folder = tempfile::tempdir().unwrap();
        let setting = without_paths(folder.path());
        let workspace = format!("'--remap-path-prefix={}=.'", folder.path().display());
        assert!(setting.starts_with("target.wasm32-unknown-unknown.rustflags=["), "{setting}");
        assert!(setting.contains(&workspace) && setting.ends_with("=cargo']"), "{setting}");
    }
}
