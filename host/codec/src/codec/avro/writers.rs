//! Writers' schemas that were made ready, or why they cannot be: bounded by their number and by what they take, the
//! oldest goes first. Knows nothing of schemas.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::plan::Compiled;

/// Writers' schemas that are kept ready, at most.
const WRITERS_MAX: usize = 256;
/// Bytes that they take together, about, at most; the last one is kept whatever it takes.
const WRITERS_BYTES: usize = 128 << 20;

/// What is known of a writer's schema.
pub(super) type Writer = Result<Arc<Compiled>, String>;

/// The writers' schemas by their ids.
#[derive(Default)]
pub(super) struct Writers {
    known: HashMap<u64, Writer>,
    /// In the order in which they came.
    ids: VecDeque<u64>,
    bytes: usize,
}

impl Writers {
    /// What is known of a schema; it is made ready if nothing is.
    pub(super) fn get(&mut self, id: u64, make: impl FnOnce() -> Writer) -> Writer {
        if let Some(known) = self.known.get(&id) {
            return known.clone();
        }
        let writer = make();
        self.bytes += weight(&writer);
        while self.ids.len() >= WRITERS_MAX || (self.bytes > WRITERS_BYTES && !self.ids.is_empty()) {
            let oldest = self.ids.pop_front().and_then(|oldest| self.known.remove(&oldest));
            self.bytes -= oldest.as_ref().map_or(0, weight);
        }
        self.ids.push_back(id);
        self.known.insert(id, writer.clone());
        writer
    }
}

fn weight(writer: &Writer) -> usize {
    match writer {
        Ok(compiled) => compiled.weight,
        Err(why) => why.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::Plan;
    use super::super::types::Types;
    use super::*;

    fn writer(weight: usize) -> Writer {
        let types = Arc::new(Types::new(Vec::new(), 0));
        Ok(Arc::new(Compiled { plan: Plan::Null, types, weight }))
    }

    #[test]
    fn the_oldest_writers_make_room_for_new_ones() {
        let mut writers = Writers::default();
        for id in 0..300 {
            writers.get(id, || if id == 299 { Err("no".to_owned()) } else { writer(1) }).ok();
        }
        assert_eq!((writers.known.len(), writers.bytes), (256, 257));
        assert!(writers.known.contains_key(&44) && !writers.known.contains_key(&43));
        assert_eq!(writers.get(299, || panic!("it is known")).err().as_deref(), Some("no"));
        writers.get(300, || writer(WRITERS_BYTES - 10)).unwrap();
        assert!(writers.known.len() <= 11 && writers.bytes <= WRITERS_BYTES);
        writers.get(301, || writer(WRITERS_BYTES + 1)).unwrap();
        assert_eq!((writers.known.len(), writers.ids.len()), (1, 1));
    }
}
