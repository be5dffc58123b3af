//! Schemas that were asked for, the least recently used dropped first. What a name means never changes, so a
//! schema is kept as long as there is room; that there is none is believed for a short while. Told the time;
//! knows nothing of requests.

use std::collections::HashMap;
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
    capacity: usize,
    uses: u64,
}

struct Entry {
    answer: Answer,
    used: u64,
    /// When it is no longer believed.
    until: Option<Instant>,
}

impl Cache {
    /// Room for `capacity` answers, one at least.
    pub(super) fn new(capacity: usize) -> Cache {
        Cache { entries: HashMap::new(), capacity: capacity.max(1), uses: 0 }
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
        if self.entries.len() >= self.capacity && !self.entries.contains_key(&key) {
            // A look at all of them is nothing beside the request that has just been made.
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone());
            oldest.map(|key| self.entries.remove(&key));
        }
        self.uses += 1;
        self.entries.insert(key, Entry { answer: answer.clone(), used: self.uses, until });
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
        let (mut cache, now) = (Cache::new(2), Instant::now());
        cache.put(key(1), &schema("a"), now);
        cache.put(key(2), &schema("b"), now);
        assert_eq!(cache.get(&key(1), now), Some(schema("a")));
        cache.put(key(3), &schema("c"), now);
        assert_eq!(cache.get(&key(2), now), None);
        cache.put(key(3), &schema("c"), now);
        assert_eq!(cache.get(&key(1), now + Duration::from_secs(1 << 30)), Some(schema("a")));
        assert_eq!((cache.entries.len(), Cache::new(0).capacity), (2, 1));
    }

    #[test]
    fn errors_are_believed_for_a_while_and_silence_never() {
        let (mut cache, now) = (Cache::new(2), Instant::now());
        let unknown = Err(RegistryError::Unknown { what: "id 1".into() });
        cache.put(key(1), &unknown, now);
        assert_eq!(cache.get(&key(1), now + ERROR_KEPT / 2), Some(unknown));
        assert_eq!(cache.get(&key(1), now + ERROR_KEPT), None);
        cache.put(key(2), &Err(RegistryError::Unavailable { reason: "down".into() }), now);
        assert_eq!(cache.get(&key(2), now), None);
    }
}
