//! A host that ends soon after it has started its pipelines, again and again, may do so because of one of them: a
//! record or an expression that asks for more memory than there is. A file in the data folder counts such starts;
//! after some of them the host comes up without starting any, so that somebody can find out which it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A host that has run for so long has not ended because of its start.
const SETTLED: Duration = Duration::from_secs(10);
/// So many starts in a row that did not settle are a loop.
const MOST: u32 = 5;

/// The count, as a file.
pub(super) struct CrashLoop {
    file: PathBuf,
}

impl CrashLoop {
    /// In the host's data folder.
    pub fn new(data_dir: &Path) -> CrashLoop {
        CrashLoop { file: data_dir.join("starts") }
    }

    /// Counts a start. Answers why nothing is to be started, if so; then the count begins anew.
    pub fn begin(&self) -> Option<String> {
        let before: u32 =
            fs::read_to_string(&self.file).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        if before >= MOST {
            self.settle();
            return Some(format!(
                "the host ended {before} times in a row within {} s after it had started its pipelines, most likely \
                 because of one of them; so it has started none. Start them one by one (`sabot pipeline start NAME`), \
                 or change or remove the one that it is",
                SETTLED.as_secs()
            ));
        }
        if let Err(e) = fs::write(&self.file, (before + 1).to_string()) {
            tracing::warn!("{}: {e}; a crash at every start would not be noticed", self.file.display());
        }
        None
    }

    /// Settles after a while, unless the host has ended by then.
    pub fn settle_later(&self) {
        let file = self.file.clone();
        let settle = move || {
            std::thread::sleep(SETTLED);
            CrashLoop { file }.settle();
        };
        // Without the thread a later start may be refused too early.
        let _ = std::thread::Builder::new().name("settled".into()).spawn(settle);
    }

    /// This start was a good one, or the host ends because it was told to.
    pub fn settle(&self) {
        // Not there is as good.
        let _ = fs::remove_file(&self.file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_some_starts_that_did_not_settle_nothing_is_started_once() {
        let folder = tempfile::tempdir().unwrap();
        let starts = CrashLoop::new(folder.path());
        (0..MOST).for_each(|_| assert_eq!(starts.begin(), None));
        assert!(starts.begin().unwrap().contains("5 times in a row within 10 s"));
        assert_eq!(starts.begin(), None, "the next one tries again");
        starts.settle();
        (0..MOST).for_each(|_| assert_eq!(starts.begin(), None));
        fs::write(&starts.file, "?").unwrap();
        assert_eq!(starts.begin(), None);
    }
}
