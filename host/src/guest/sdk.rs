//! The sources of the SDKs, as part of this program: a component can be built where there is no checkout of Sabot.
//! It must not know what is done with them.

macro_rules! files {
    ($root:literal: $($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../", $root, $name)))),*]
    };
}

/// The header for components in C.
pub const C: [(&str, &str); 1] = files!["guests/c/": "sabot.h"];

/// The package for components in Python.
pub const PYTHON: [(&str, &str); 2] = files!["guests/python/": "sabot_sdk/__init__.py", "sabot_sdk/ipc.py"];

/// The crates for components in Rust and the WIT that they are generated from. They keep their places in the
/// checkout, because one refers to the other by its path.
pub const RUST: [(&str, &str); 27] = files![
    "":
    "guests/rust/Cargo.toml",
    "guests/rust/macros/Cargo.toml",
    "guests/rust/macros/src/function.rs",
    "guests/rust/macros/src/lib.rs",
    "guests/rust/macros/src/row.rs",
    "guests/rust/src/arrow.rs",
    "guests/rust/src/bindings.rs",
    "guests/rust/src/error.rs",
    "guests/rust/src/host.rs",
    "guests/rust/src/ipc/encode.rs",
    "guests/rust/src/ipc/flat.rs",
    "guests/rust/src/ipc/message.rs",
    "guests/rust/src/ipc/mod.rs",
    "guests/rust/src/ipc/schema.rs",
    "guests/rust/src/lib.rs",
    "guests/rust/src/manifest.rs",
    "guests/rust/src/operator.rs",
    "guests/rust/src/row/build.rs",
    "guests/rust/src/row/cell.rs",
    "guests/rust/src/row/mod.rs",
    "guests/rust/src/row/output.rs",
    "guests/rust/src/row/read.rs",
    "guests/rust/src/row/types.rs",
    "guests/rust/src/world.rs",
    "wit/host.wit",
    "wit/types.wit",
    "wit/worlds.wit",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Every file below a folder of the checkout, relative to `root`.
    fn below(root: &Path, folder: &str, extensions: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        for entry in root.join(folder).read_dir().unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                found.extend(below(root, &name, extensions));
            } else if path.extension().is_some_and(|e| extensions.iter().any(|x| e == *x)) {
                found.push(name);
            }
        }
        found
    }

    #[test]
    fn no_file_of_an_sdk_is_forgotten() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
        let mut expected = below(&root, "guests/rust", &["rs", "toml"]);
        expected.extend(below(&root, "wit", &["wit"]));
        expected.retain(|name| {
            !name.ends_with("/tests.rs") && !name.ends_with("/testing.rs") && !name.contains("/target/")
        });
        expected.sort();
        assert_eq!(RUST.map(|(name, _)| name.to_owned()).to_vec(), expected);
        let mut expected = below(&root.join("guests/python"), "sabot_sdk", &["py"]);
        expected.sort();
        assert_eq!(PYTHON.map(|(name, _)| name.to_owned()).to_vec(), expected);
    }
}
