//! Compiled components on disk, so that a component is compiled once a machine and not once a start. Compiled
//! code is run as it is, so only files that this host wrote itself are read back: the folder belongs to us and is
//! closed to others, and each file carries the digest of its content. Anything wrong with a file makes it as if it
//! were not there. Knows nothing of components beyond their bytes.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

const MAGIC: &[u8; 8] = b"sabotwc1";
const HEADER: usize = MAGIC.len() + 32;

/// A folder of compiled components.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    /// Of compiler, its settings and this machine; code of another one cannot be run.
    compatibility: String,
}

impl Cache {
    /// Opens the folder, or makes it with mode 0700, and drops what another compiler version left.
    pub(super) fn open(folder: &Path, engine: &wasmtime::Engine) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        check_owner(folder)?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let compatibility = format!("{:016x}", hasher.finish());
        let cache = Cache { folder: folder.to_owned(), compatibility };
        cache.drop_others();
        Ok(cache)
    }

    fn drop_others(&self) {
        let ours = format!("-{}.cwasm", self.compatibility);
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(".cwasm") && !name.ends_with(&ours) {
                // A file that stays is read by nobody.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Drops the code of components that `known` does not know, by their SHA-256 in hex.
    pub(super) fn forget_others(&self, known: impl Fn(&str) -> bool) {
        let ours = format!("-{}.cwasm", self.compatibility);
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.strip_suffix(&ours).is_some_and(|digest| !known(digest)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}-{}.cwasm", self.compatibility))
    }

    /// The compiled code of the component with that SHA-256, if it is there whole.
    pub(super) fn get(&self, digest: &str) -> Option<Vec<u8>> {
        let path = self.path(digest);
        let read = || -> io::Result<Vec<u8>> {
            let mut file = fs::OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(&path)?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let mut bytes = read().ok()?;
        let whole = bytes.len() >= HEADER
            && &bytes[..MAGIC.len()] == MAGIC
            && bytes[MAGIC.len()..HEADER] == sum(digest, &bytes[HEADER..])[..];
        if !whole {
            tracing::warn!(path = %path.display(), "a compiled component in the cache is damaged; compiling again");
            self.forget(digest);
            return None;
        }
        bytes.drain(..HEADER);
        Some(bytes)
    }

    /// Keeps compiled code: whole or not at all.
    pub(super) fn put(&self, digest: &str, code: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.folder)?;
        file.write_all(MAGIC)?;
        file.write_all(&sum(digest, code))?;
        file.write_all(code)?;
        file.as_file().sync_all()?;
        file.persist(self.path(digest))?;
        Ok(())
    }

    /// Drops compiled code.
    pub(super) fn forget(&self, digest: &str) {
        // Not there is as good as gone; what cannot be removed is overwritten or found damaged again.
        let _ = fs::remove_file(self.path(digest));
    }
}

/// The digest of a file's content, bound to the component it was compiled from.
fn sum(digest: &str, code: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(digest).chain_update(code).finalize().into()
}

fn check_owner(folder: &Path) -> io::Result<()> {
    let meta = fs::symlink_metadata(folder)?;
    let us = rustix::process::geteuid().as_raw();
    if !meta.is_dir() || meta.uid() != us || meta.mode() & 0o077 != 0 {
        return Err(io::Error::other(format!(
            "the compile cache {} must be a folder of this user with mode 0700, as code is run from it; it is mode \
             {:04o} of user {}: remove it, or chmod 0700",
            folder.display(),
            meta.mode() & 0o7777,
            meta.uid()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn cache(folder: &Path) -> io::Result<Cache> {
        Cache::open(folder, &wasmtime::Engine::default())
    }

    #[test]
    fn gives_back_what_was_put_and_nothing_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let cache = cache(&dir.path().join("cache")).unwrap();
        assert_eq!(cache.get("d"), None);
        cache.put("d", b"code").unwrap();
        assert_eq!(cache.get("d").as_deref(), Some(&b"code"[..]));

        let mut bytes = fs::read(cache.path("d")).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(cache.path("d"), &bytes).unwrap();
        assert_eq!(cache.get("d"), None);
        assert!(!cache.path("d").exists(), "a damaged file is removed");

        // Code of one component is not taken for another's.
        cache.put("d", b"code").unwrap();
        fs::rename(cache.path("d"), cache.path("e")).unwrap();
        assert_eq!(cache.get("e"), None);
    }

    #[test]
    fn forgets_what_nobody_knows() {
        let dir = tempfile::tempdir().unwrap();
        let cache = cache(&dir.path().join("cache")).unwrap();
        cache.put("d", b"code").and_then(|()| cache.put("e", b"code")).unwrap();
        cache.forget_others(|digest| digest == "e");
        assert_eq!((cache.get("d"), cache.get("e").as_deref()), (None, Some(&b"code"[..])));
    }

    #[test]
    fn refuses_a_folder_that_others_can_write() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let refused = cache(dir.path()).unwrap_err().to_string();
        assert!(refused.contains("mode 0700") && refused.contains("0777"), "{refused}");
    }

    #[test]
    fn does_not_follow_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let cache = cache(&dir.path().join("cache")).unwrap();
        cache.put("d", b"code").unwrap();
        let elsewhere = dir.path().join("elsewhere");
        fs::rename(cache.path("d"), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, cache.path("d")).unwrap();
        assert_eq!(cache.get("d"), None);
    }

    #[test]
    fn drops_what_another_compiler_left() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("cache");
        cache(&folder).unwrap().put("d", b"code").unwrap();
        fs::write(folder.join("d-0000000000000000.cwasm"), b"old").unwrap();
        cache(&folder).unwrap();
        let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }
}
