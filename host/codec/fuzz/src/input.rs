//! How the bytes of an input are records: they are split at a separator that hardly any value holds. Knows nothing
//! of codecs.

use sabot_codec::batch::RawRecords;

/// Stands between two records of an input.
const SEPARATOR: [u8; 4] = [0xfe, 0xff, 0xfe, 0xff];
/// A record that is only this has no value.
const TOMBSTONE: [u8; 1] = [0xfe];
/// What comes after that many records is not read: more of them only take time.
const RECORDS_MAX: usize = 8;

/// What a record has as its value.
pub(crate) type Value<'a> = Option<&'a [u8]>;

/// The records of an input.
pub(crate) fn values(input: &[u8]) -> Vec<Value<'_>> {
    let mut values = Vec::new();
    let mut rest = Some(input);
    while let Some(input) = rest.filter(|_| values.len() < RECORDS_MAX) {
        let end = input.windows(SEPARATOR.len()).position(|window| window == SEPARATOR);
        let value = &input[..end.unwrap_or(input.len())];
        values.push((value != TOMBSTONE).then_some(value));
        rest = end.map(|end| &input[end + SEPARATOR.len()..]);
    }
    values
}

/// The input that has these records.
pub(crate) fn joined(values: &[Value]) -> Vec<u8> {
    let values: Vec<&[u8]> = values.iter().map(|value| value.unwrap_or(&TOMBSTONE)).collect();
    values.join(&SEPARATOR[..])
}

/// Records with these values.
pub(crate) fn records(values: &[Value]) -> RawRecords {
    let mut raw = RawRecords::with_capacity("fuzz".into(), 0, values.len(), 0);
    for (offset, value) in values.iter().enumerate() {
        raw.push(offset as i64, None, None, *value);
    }
    raw
}

/// Records with these values, each with the next one's value as its key and, every second one, a timestamp and
/// headers.
pub(crate) fn keyed(values: &[Value]) -> RawRecords {
    let mut raw = RawRecords::with_capacity("fuzz".into(), 1, values.len(), 0);
    for (index, value) in values.iter().enumerate() {
        let more = index % 2 == 0;
        raw.push(index as i64, more.then_some(index as i64), key_of(values, index), *value);
        if more {
            raw.push_header("name", *value);
            raw.push_header("", None);
        }
    }
    raw
}

/// The key that [`keyed`] gives to a record.
pub(crate) fn key_of<'a>(values: &[Value<'a>], index: usize) -> Value<'a> {
    values[(index + 1) % values.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_joined_is_split() {
        let records: [Value; 4] = [Some(b""), None, Some(b"{}"), Some(b"\xfe\xff\xfe")];
        assert_eq!(values(&joined(&records)), records);
        assert_eq!(values(b""), [Some(&b""[..])]);
        assert_eq!(values(&SEPARATOR.repeat(20)).len(), RECORDS_MAX);
    }
}
