//! Where the third-party conformance sets are: data of others and not in this repository. `SABOT_CASES` names
//! their folder (by default the one beside the checkout); without them a test says so and passes.

use std::path::PathBuf;

/// The bytes of a file of a set.
pub(crate) fn read(set: &str, file: &str) -> Option<Vec<u8>> {
    let path = folder(set)?.join(file);
    Some(std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

/// The folder of a set.
pub(crate) fn folder(set: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/cases");
    let folder =
        std::env::var_os("SABOT_CASES").map_or_else(|| PathBuf::from(beside), PathBuf::from).join(set);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("no cases at {}: set SABOT_CASES to their folder", folder.display());
    None
}
