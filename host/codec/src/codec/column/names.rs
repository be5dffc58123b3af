//! Finds a record's fields by name without hashing in the common case: records of one topic have the same keys
//! in the same order, so after one name the name that followed it last time is tried first. Names that no
//! column takes are learnt too (a bounded number), so skipping them is as fast. Knows nothing of any format.

use std::collections::HashMap;

/// The name before the first one: where a record begins.
pub(crate) const START: u32 = 0;

/// Names that no column takes, learnt at most.
const UNKNOWN_MAX: usize = 64;
/// Longest name that is learnt.
const UNKNOWN_LEN_MAX: usize = 64;
/// Bytes compared at once.
const HEAD: usize = 16;

/// A name that is known to occur. Of a size by which one is found with a shift.
#[repr(align(128))]
struct Slot {
    name: Box<[u8]>,
    /// The first bytes of the name as a number, and which bits of a number it takes.
    head: u128,
    mask: u128,
    /// Whether the name may be compared with raw text: it has no character that formats escape.
    plain: bool,
    /// The name as JSON has it in most texts, `,"name":`, which bits of two numbers it takes, and its length; 0 where it is
    /// more than is compared at once.
    key: [u64; 2],
    key_mask: [u64; 2],
    key_len: usize,
    field: Option<u32>,
    /// The name that came after this one last time.
    next: u32,
}

impl Slot {
    fn new(name: &[u8], field: Option<u32>, next: u32) -> Slot {
        let taken = name.len().min(HEAD);
        let mut head = [0; HEAD];
        head[..taken].copy_from_slice(&name[..taken]);
        let mut mask = [0; HEAD];
        mask[..taken].fill(0xff);
        let plain = !name.iter().any(|&b| b == b'"' || b == b'\\' || b < 0x20);
        let (mut key, mut key_mask, mut key_len) = ([0; HEAD], [0; HEAD], 0);
        if plain && name.len() + 4 <= HEAD {
            key_len = name.len() + 4;
            key[..2].copy_from_slice(b",\"");
            key[2..name.len() + 2].copy_from_slice(name);
            key[key_len - 2..key_len].copy_from_slice(b"\":");
            key_mask[..key_len].fill(0xff);
        }
        Slot {
            plain,
            key: halves(key),
            key_mask: halves(key_mask),
            key_len,
            name: name.into(),
            head: u128::from_le_bytes(head),
            mask: u128::from_le_bytes(mask),
            field,
            next,
        }
    }

    #[inline]
    fn begins(&self, text: &[u8]) -> bool {
        let Some(head) = text.first_chunk::<HEAD>() else { return text.starts_with(&self.name) };
        if u128::from_le_bytes(*head) & self.mask != self.head {
            return false;
        }
        self.name.len() <= HEAD || text[HEAD..].starts_with(&self.name[HEAD..])
    }
}

fn halves(bytes: [u8; HEAD]) -> [u64; 2] {
    let whole = u128::from_le_bytes(bytes);
    [whole as u64, (whole >> 64) as u64]
}

/// The names of one kind of object.
pub(crate) struct Names {
    slots: Vec<Slot>,
    by_name: HashMap<Box<[u8]>, u32>,
    unknown: usize,
}

impl Names {
    /// Columns of these names, which must differ.
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Result<Names, String> {
        let mut slots = vec![Slot::new(b"", None, 1)];
        // It is no name, and must not be taken for the empty one.
        (slots[0].plain, slots[0].key_len) = (false, 0);
        let mut by_name = HashMap::new();
        for (field, name) in names.enumerate() {
            let slot = slots.len() as u32;
            if by_name.insert(name.as_bytes().into(), slot).is_some() {
                return Err(format!("{name}: two columns have this name"));
            }
            slots.push(Slot::new(name.as_bytes(), Some(field as u32), slot + 1));
        }
        let last = slots.len() - 1;
        slots[last].next = START;
        Ok(Names { slots, by_name, unknown: 0 })
    }

    /// Tries the names that came after `previous` the last times. `text` begins with a name and goes on with
    /// `end`. Gives the name and its length.
    #[inline]
    pub(crate) fn predict(&self, previous: u32, text: &[u8], end: u8) -> Option<(u32, usize)> {
        let expected = self.slots[previous as usize].next;
        // One more is tried for a name that is not always there.
        for candidate in [expected, self.slots[expected as usize].next] {
            let slot = &self.slots[candidate as usize];
            if slot.plain && slot.begins(text) && text.get(slot.name.len()) == Some(&end) {
                return Some((candidate, slot.name.len()));
            }
        }
        None
    }

    /// As [`predict`](Self::predict), for the most common text of all: `text` begins with a comma, the name that came last
    /// time in quotes, and a colon. Gives the name and the length of all that.
    #[inline(always)]
    pub(crate) fn predict_key(&self, previous: u32, text: &[u8]) -> Option<(u32, usize)> {
        let expected = self.slots[previous as usize].next;
        let slot = &self.slots[expected as usize];
        let text = halves(*text.first_chunk()?);
        let differ = |half: usize| (text[half] ^ slot.key[half]) & slot.key_mask[half];
        ((differ(0) | differ(1)) == 0 && slot.key_len > 0).then_some((expected, slot.key_len))
    }

    /// As [`predict`](Self::predict), for formats that say how long a name is: it is the first `len` bytes of `text`.
    #[inline]
    pub(crate) fn predict_of(&self, previous: u32, text: &[u8], len: usize) -> Option<u32> {
        let expected = self.slots[previous as usize].next;
        [expected, self.slots[expected as usize].next].into_iter().find(|&candidate| {
            let slot = &self.slots[candidate as usize];
            candidate != START && slot.name.len() == len && slot.begins(text)
        })
    }

    /// Looks `name` up and learns that it follows `previous`.
    #[cold]
    #[inline(never)]
    pub(crate) fn find(&mut self, previous: u32, name: &[u8]) -> u32 {
        let slot = match self.by_name.get(name) {
            Some(slot) => *slot,
            None if self.unknown < UNKNOWN_MAX && name.len() <= UNKNOWN_LEN_MAX => {
                let slot = self.slots.len() as u32;
                self.slots.push(Slot::new(name, None, START));
                self.by_name.insert(name.into(), slot);
                self.unknown += 1;
                slot
            }
            None => return START,
        };
        self.slots[previous as usize].next = slot;
        slot
    }

    /// The column of a name; `None`: nobody takes it.
    #[inline]
    pub(crate) fn field(&self, slot: u32) -> Option<usize> {
        self.slots[slot as usize].field.map(|field| field as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predicted(names: &Names, previous: u32, text: &str) -> Option<usize> {
        names.predict(previous, text.as_bytes(), b'"').and_then(|(slot, _)| names.field(slot))
    }

    #[test]
    fn the_order_of_the_schema_is_expected_first_then_the_one_seen() {
        let mut names = Names::new(["id", "user", "a rather long name of a column"].into_iter()).unwrap();
        assert_eq!(predicted(&names, START, "id\":1"), Some(0));
        assert_eq!(predicted(&names, START, "user\":1"), Some(1), "one name may be left out");
        assert_eq!(predicted(&names, START, "idx\":1"), None);
        assert_eq!(predicted(&names, 2, "a rather long name of a column\""), Some(2));
        assert_eq!(predicted(&names, 2, "a rather long name of a colum\""), None);
        let other = names.find(START, b"other");
        assert_eq!(names.field(other), None);
        assert_eq!(names.predict(START, b"other\":1", b'"'), Some((other, 5)));
        let id = names.find(other, b"id");
        assert_eq!((names.field(id), predicted(&names, other, "id\":")), (Some(0), Some(0)));
    }

    #[test]
    fn a_key_is_predicted_whole_where_it_is_short_and_stands_alone() {
        let names = Names::new(["id", "twelve_chars", "thirteen_long", "a\"b", ""].into_iter()).unwrap();
        let predicted = |previous, text: &str| names.predict_key(previous, text.as_bytes());
        assert_eq!(predicted(START, ",\"id\":1234567890}"), Some((1, 6)));
        assert_eq!(predicted(START, ",\"id\" :1234567890}"), None);
        // After the last name comes none, which is not the empty one.
        assert_eq!(predicted(5, ",\"\":\"0123456789ab\""), None);
        assert_eq!(
            predicted(START, ",\"id\":1}"),
            None,
            "near the end of the text it is looked at byte by byte"
        );
        assert_eq!(predicted(1, ",\"twelve_chars\":1"), Some((2, 16)));
        assert_eq!(predicted(2, ",\"thirteen_long\":1"), None);
        assert_eq!(predicted(3, ",\"a\"b\":1234567890"), None);
        assert_eq!(predicted(4, ",\"\":12345678901234"), Some((5, 4)));
        assert_eq!(predicted(5, &"\0".repeat(20)), None, "nothing follows the last name but the first");
    }

    #[test]
    fn a_name_of_a_known_length_may_hold_anything() {
        let names = Names::new(["a\"b", "", "another rather long name"].into_iter()).unwrap();
        assert_eq!(names.predict_of(START, b"a\"b and more", 3), Some(1));
        assert_eq!(names.predict_of(START, b"a\"b", 2), None);
        assert_eq!(names.predict_of(1, b"", 0), Some(2));
        assert_eq!(names.predict_of(1, b"another rather long name", 24), Some(3));
        assert_eq!(names.predict_of(2, b"another rather long nome", 24), None);
        assert_eq!(names.predict_of(3, b"", 0), None, "nothing follows the last name but the first");
    }

    #[test]
    fn unknown_names_are_learnt_up_to_a_bound() {
        let mut names = Names::new(["id"].into_iter()).unwrap();
        for i in 0..10_000 {
            assert_eq!(names.find(START, format!("k{i}").as_bytes()) == START, i >= UNKNOWN_MAX);
        }
        assert_eq!(names.slots.len(), UNKNOWN_MAX + 2);
        assert_eq!(names.find(START, &[b'x'; UNKNOWN_LEN_MAX + 1]), START);
    }

    #[test]
    fn a_name_with_a_quote_is_never_compared_with_raw_text() {
        let names = Names::new(["a\"b"].into_iter()).unwrap();
        assert_eq!(predicted(&names, START, "a\"b\":1"), None);
    }

    #[test]
    fn two_columns_of_one_name_are_refused() {
        assert_eq!(Names::new(["a", "a"].into_iter()).err().unwrap(), "a: two columns have this name");
    }
}
