//! Files that are whole or not there, whenever the power goes: written beside, synced, renamed, and the folder
//! synced. And the lock that keeps a second host out. Knows nothing of what is in the files.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::CatalogError;

/// Files that a write left behind when the host was killed begin with this.
const UNFINISHED: &str = ".unfinished-";
/// Version of the layout of the data folder.
const FORMAT: u32 = 1;

/// Makes a folder that only this user reads, with those above it.
pub(super) fn make_folder(path: &Path) -> Result<(), CatalogError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|e| io_error("create", path, e))
}

/// Writes `bytes` to `path`. After `Ok` they survive a loss of power; after an error the file is as before, or new where
/// only the folder could not be synced.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), CatalogError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let attempt = || -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        File::open(folder)?.sync_all()
    };
    attempt().map_err(|e| io_error("write", path, e))
}

/// Removes a file, if it is there. After `Ok` it stays removed.
pub(super) fn remove(path: &Path) -> Result<(), CatalogError> {
    let attempt = || -> io::Result<()> {
        match fs::remove_file(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        }
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    attempt().map_err(|e| io_error("remove", path, e))
}

/// The whole of a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, CatalogError> {
    fs::read(path).map_err(|e| io_error("read", path, e))
}

/// The files of a folder by the part before the extension `extension`, sorted; removes what a killed write
/// left. Other files are left alone.
pub(super) fn list(folder: &Path, extension: &str) -> Result<Vec<(String, PathBuf)>, CatalogError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| io_error("read", folder, e))? {
        let path = entry.map_err(|e| io_error("read", folder, e))?.path();
        let Some(name) = path.file_name().and_then(|n| n.to_str()) else { continue };
        if name.starts_with(UNFINISHED) {
            remove(&path)?;
        } else if let Some(stem) = name.strip_suffix(extension).and_then(|n| n.strip_suffix('.')) {
            found.push((stem.to_owned(), path));
        }
    }
    found.sort();
    Ok(found)
}

/// Locks the folder for this process, until the file is dropped, and checks its format.
pub(super) fn claim(folder: &Path) -> Result<File, CatalogError> {
    let path = folder.join("LOCK");
    let failed = |e| io_error("open", &path, e);
    let mut lock =
        File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Only for the text: a lock file that cannot be read is still locked.
            let _ = lock.take(32).read_to_string(&mut holder);
            let holder =
                holder.trim().parse::<u32>().map_or_else(|_| String::new(), |p| format!(" (process {p})"));
            return Err(CatalogError::Locked { path: folder.to_owned(), holder });
        }
        Err(fs::TryLockError::Error(e)) => return Err(io_error("lock", &path, e)),
    }
    lock.set_len(0).and_then(|()| lock.rewind()).map_err(failed)?;
    writeln!(lock, "{}", std::process::id()).map_err(failed)?;
    check_format(folder)?;
    Ok(lock)
}

fn check_format(folder: &Path) -> Result<(), CatalogError> {
    let path = folder.join("FORMAT");
    match fs::read_to_string(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => write(&path, format!("{FORMAT}\n").as_bytes()),
        Err(e) => Err(io_error("read", &path, e)),
        Ok(text) if text.trim().parse() == Ok(FORMAT) => Ok(()),
        Ok(text) => Err(CatalogError::Format {
            path: folder.to_owned(),
            found: text.trim().chars().take(20).collect(),
            known: FORMAT,
        }),
    }
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> CatalogError {
    let remedy = match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ". Nothing was changed; make room on the disk and try again"
        }
        io::ErrorKind::PermissionDenied => {
            ". Give the user that runs the host the right to it, or set another `data_dir`"
        }
        io::ErrorKind::ReadOnlyFilesystem => ". Set a `data_dir` that can be written",
        _ => "",
    };
    CatalogError::Io { action, path: path.to_owned(), source, remedy }
}
