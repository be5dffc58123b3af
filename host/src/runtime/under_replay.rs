//! Dead letters on their way through the pipeline again. A row is known to be of one by the records it came from:
//! each letter has records of its own. So a row that fails again, in whatever task, is counted for its letter.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::batch::RawRecords;

/// How a letter fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fared {
    /// Nothing of it failed.
    #[default]
    Through,
    /// Something failed, and a new letter stands for it.
    FailedAnew,
    /// Something failed, and no new letter stands for it: this one has to stay.
    FailedAndStays,
}

struct Letter {
    /// Kept so that nothing else can be at their address.
    _records: Arc<RawRecords>,
    attempts: u32,
    fared: Fared,
}

/// The letters under way in one run.
#[derive(Default)]
pub(super) struct UnderReplay {
    letters: Mutex<HashMap<usize, Letter>>,
    /// How many there are, so that a row that fails while there is none costs no lock.
    count: AtomicUsize,
}

impl UnderReplay {
    /// A letter that was tried `attempts` times is about to go.
    pub fn add(&self, records: &Arc<RawRecords>, attempts: u32) {
        let letter = Letter { _records: Arc::clone(records), attempts, fared: Fared::Through };
        let mut letters = self.letters();
        letters.insert(address(records), letter);
        self.count.store(letters.len(), Relaxed);
    }

    /// Attempts at the letter that these records are of, before this one; `None` where they are of none.
    pub fn attempts(&self, records: &Arc<RawRecords>) -> Option<u32> {
        if self.count.load(Relaxed) == 0 {
            return None;
        }
        self.letters().get(&address(records)).map(|letter| letter.attempts)
    }

    /// Something of the letter failed.
    pub fn failed(&self, records: &Arc<RawRecords>, fared: Fared) {
        if let Some(letter) = self.letters().get_mut(&address(records))
            && letter.fared != Fared::FailedAndStays
        {
            letter.fared = fared;
        }
    }

    /// The letter is through, or given up; answers how it fared.
    pub fn remove(&self, records: &Arc<RawRecords>) -> Fared {
        let mut letters = self.letters();
        let letter = letters.remove(&address(records));
        self.count.store(letters.len(), Relaxed);
        letter.map_or(Fared::Through, |letter| letter.fared)
    }

    fn letters(&self) -> MutexGuard<'_, HashMap<usize, Letter>> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn address(records: &Arc<RawRecords>) -> usize {
    Arc::as_ptr(records).addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_found_by_its_records_until_it_is_through() {
        let records = || Arc::new(RawRecords::with_capacity("orders".into(), 0, 0, 0));
        let (one, other, letters) = (records(), records(), UnderReplay::default());
        assert_eq!(letters.attempts(&one), None);
        letters.add(&one, 3);
        assert_eq!((letters.attempts(&one), letters.attempts(&other)), (Some(3), None));
        letters.failed(&other, Fared::FailedAnew);
        letters.failed(&one, Fared::FailedAndStays);
        letters.failed(&one, Fared::FailedAnew);
        assert_eq!(letters.remove(&one), Fared::FailedAndStays, "what has to stay stays");
        assert_eq!((letters.attempts(&one), letters.remove(&one)), (None, Fared::Through));
    }
}
