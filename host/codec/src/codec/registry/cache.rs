//! Schemas that were asked for, bounded by their number and by the bytes of their texts, the least recently used dropped
//! first. What a name means never changes, so a schema is kept as long as there is room; that there is none is believed
//! for a short while. Told the time; knows nothing of requests.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::RegistryError;
use crate::codec::registered::RegisteredSchema;
use crate::codec::wire::SchemaId;

/// How long an error is believed: a schema is registered before its first record is sent, but a registry's
/// followers learn of it a moment later. Not for long, as records may wait for it; and not for nothing, as many
/// records may name one that is not there.
pub const ERROR_KEPT: Duration = Duration::from_secs(1);

/// What names a schema for good.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Schema(SchemaId),
    /// A subject and its version, as references have it.
    Version(String, u32),
}

/// A schema, or why there is none.
pub(super) type Answer = Result<Arc<RegisteredSchema>, RegistryError>;

/// Answers by their names.
pub(super) struct Cache {
    entries: HashMap<Key, Entry>,
    bytes: usize,
    most: usize,
    most_bytes: usize,
    uses: u64,
}

struct Entry {
    answer: Answer,
    bytes: usize,
    used: u64,
    /// When it is no longer believed.
    until: Option<Instant>,
}

impl Cache {
    /// Room for so many answers, one at least, and for as many as have so many bytes together; the last one is kept
    /// whatever it has.
    pub(super) fn new(most: usize, most_bytes: usize) -> Cache {
        Cache { entries: HashMap::new(), bytes: 0, most: most.max(1), most_bytes, uses: 0 }
    }

    pub(super) fn get(&mut self, key: &Key, now: Instant) -> Option<Answer> {
        self.uses += 1;
        let entry = self.entries.get_mut(key).filter(|entry| entry.until.is_none_or(|until| now < until))?;
        entry.used = self.uses;
        Some(entry.answer.clone())
    }

    /// Keeps an answer; not that there was none.
    pub(super) fn put(&mut self, key: Key, answer: &Answer, now: Instant) {
        let until = match answer {
            Ok(_) => None,
            Err(error) if !error.is_of_the_schema() => return,
            Err(_) => Some(now + ERROR_KEPT),
        };
        let bytes = match answer {
            Ok(schema) => text_bytes(schema, &mut HashSet::new()),
            Err(error) => error.to_string().len(),
        };
        self.remove(&key);
        while self.entries.len() >= self.most || self.bytes.saturating_add(bytes) > self.most_bytes {
            // A look at all of them is nothing beside the request that has just been made.
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { break };
            self.remove(&oldest);
        }
        self.uses += 1;
        self.bytes += bytes;
        self.entries.insert(key, Entry { answer: answer.clone(), bytes, used: self.uses, until });
    }

    fn remove(&mut self, key: &Key) {
        let gone = self.entries.remove(key);
        self.bytes -= gone.map_or(0, |entry| entry.bytes);
    }

    /// Where a schema is known to be registered.
    pub(super) fn place(&self, schema: &RegisteredSchema) -> Option<(String, u32)> {
        self.entries.iter().find_map(|(key, entry)| match (key, &entry.answer) {
            (Key::Version(subject, version), Ok(known)) if **known == *schema => {
                Some((subject.clone(), *version))
            }
            _ => None,
        })
    }
}

/// Bytes of a schema's text and of all that it refers to, each once: two may refer to a third. What several answers have
/// in common counts for each, so that one may be dropped without a look at the others.
fn text_bytes(schema: &Arc<RegisteredSchema>, seen: &mut HashSet<*const RegisteredSchema>) -> usize {
    if !seen.insert(Arc::as_ptr(schema)) {
        return 0;
    }
    let referred = schema.references.iter().map(|(name, referred)| name.len() + text_bytes(referred, seen));
    schema.text.len() + referred.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::registered::SchemaKind;

    fn key(id: u32) -> Key {
        Key::Schema(SchemaId::Id(id))
    }

    fn schema(text: &str) -> Answer {
        Ok(Arc::new(RegisteredSchema::new(SchemaKind::Avro, text)))
    }

    #[test]
    fn the_least_recently_used_is_dropped() {
        let (mut cache, now) = (Cache::new(2, 1_000), Instant::now());
        cache.put(key(1), &schema("a"), now);
        cache.put(key(2), &schema("b"), now);
        assert_eq!(cache.get(&key(1), now), Some(schema("a")));
        cache.put(key(3), &schema("c"), now);
        assert_eq!(cache.get(&key(2), now), None);
        cache.put(key(3), &schema("c"), now);
        assert_eq!(cache.get(&key(1), now + Duration::from_secs(1 << 30)), Some(schema("a")));
        assert_eq!((cache.entries.len(), Cache::new(0, 0).most), (2, 1));
    }

    #[test]
    fn schemas_have_so_many_bytes_together() {
        let (mut cache, now) = (Cache::new(100, 1_000), Instant::now());
        let of = |bytes: usize| schema(&"x".repeat(bytes));
        for id in 0..10 {
            cache.put(key(id), &of(100), now);
        }
        assert_eq!((cache.entries.len(), cache.bytes), (10, 1_000));
        cache.get(&key(0), now).unwrap().unwrap();
        cache.put(key(9), &of(150), now);
        assert!(cache.get(&key(0), now).is_some() && cache.get(&key(1), now).is_none());
        assert_eq!((cache.entries.len(), cache.bytes), (9, 950));
        cache.put(key(10), &Err(RegistryError::Unknown { what: "id 10".into() }), now);
        let with_error = cache.bytes;
        assert!(with_error > 950, "an error has bytes too");
        cache.put(key(11), &of(700), now);
        assert!(cache.bytes <= 1_000 && cache.get(&key(11), now).is_some());
        // The last one is kept whatever it has: whoever asked for it is about to use it.
        cache.put(key(12), &of(5_000), now);
        assert_eq!((cache.entries.len(), cache.bytes), (1, 5_000));
        cache.put(key(13), &of(10), now);
        assert_eq!((cache.entries.len(), cache.bytes), (1, 10));
    }

    #[test]
    fn what_a_schema_refers_to_counts_once() {
        // Each refers to all before it: as a tree there would be 2^60 of them.
        let mut all: Vec<(String, Arc<RegisteredSchema>)> = Vec::new();
        for _ in 0..60 {
            let mut next = RegisteredSchema::new(SchemaKind::Json, "x".repeat(10));
            next.references = all.clone();
            all.push((String::new(), Arc::new(next)));
        }
        let mut cache = Cache::new(2, 1_000);
        cache.put(key(1), &Ok(Arc::clone(&all[59].1)), Instant::now());
        assert_eq!(cache.bytes, 600);
    }

    #[test]
    fn errors_are_believed_for_a_while_and_silence_never() {
        let (mut cache, now) = (Cache::new(2, 1_000), Instant::now());
        let unknown = Err(RegistryError::Unknown { what: "id 1".into() });
        cache.put(key(1), &unknown, now);
        assert_eq!(cache.get(&key(1), now + ERROR_KEPT / 2), Some(unknown));
        assert_eq!(cache.get(&key(1), now + ERROR_KEPT), None);
        cache.put(key(2), &Err(RegistryError::Unavailable { reason: "down".into() }), now);
        assert_eq!(cache.get(&key(2), now), None);
    }
}
