//! Writers' schemas that were made ready, or why they cannot be: bounded by their number and by what they take, the
//! oldest goes first. Knows nothing of schemas.

use std::collections::{HashMap, VecDeque};

/// What is known of a writer's schema: how values of it are read, or why they are not.
type Writer<T> = Result<T, String>;

/// The writers' schemas by their ids. What is made of one is cheap to clone.
pub(super) struct Writers<T> {
    known: HashMap<u64, (Writer<T>, usize)>,
    /// In the order in which they came.
    ids: VecDeque<u64>,
    bytes: usize,
    most: usize,
    most_bytes: usize,
}

impl<T: Clone> Writers<T> {
    /// Keeps so many at most, and as many as take so many bytes together; the last one is kept whatever it takes.
    pub(super) fn new(most: usize, most_bytes: usize) -> Writers<T> {
        debug_assert!(most > 0, "the last one is kept");
        Writers { known: HashMap::new(), ids: VecDeque::new(), bytes: 0, most, most_bytes }
    }

    /// What is known of a schema; it is made ready if nothing is, which says too how many bytes it takes, about.
    pub(super) fn get(&mut self, id: u64, make: impl FnOnce() -> Result<(T, usize), String>) -> Writer<T> {
        if let Some((known, _)) = self.known.get(&id) {
            return known.clone();
        }
        let (writer, bytes) = match make() {
            Ok((ready, bytes)) => (Ok(ready), bytes),
            Err(why) => {
                let bytes = why.len();
                (Err(why), bytes)
            }
        };
        self.bytes += bytes;
        while self.ids.len() >= self.most || (self.bytes > self.most_bytes && !self.ids.is_empty()) {
            let oldest = self.ids.pop_front().and_then(|oldest| self.known.remove(&oldest));
            self.bytes -= oldest.map_or(0, |(_, bytes)| bytes);
        }
        self.ids.push_back(id);
        self.known.insert(id, (writer.clone(), bytes));
        writer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_writers_make_room_for_new_ones() {
        let mut writers = Writers::new(256, 1_000_000);
        for id in 0..300 {
            writers.get(id, || if id == 299 { Err("no".to_owned()) } else { Ok(((), 1)) }).ok();
        }
        assert_eq!((writers.known.len(), writers.bytes), (256, 257));
        assert!(writers.known.contains_key(&44) && !writers.known.contains_key(&43));
        assert_eq!(writers.get(299, || panic!("it is known")).err().as_deref(), Some("no"));
        writers.get(300, || Ok(((), 999_990))).unwrap();
        assert!(writers.known.len() <= 11 && writers.bytes <= 1_000_000);
        writers.get(301, || Ok(((), 1_000_001))).unwrap();
        assert_eq!((writers.known.len(), writers.ids.len()), (1, 1));
    }
}
