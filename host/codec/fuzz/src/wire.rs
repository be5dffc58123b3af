//! What must hold of the header that names a record's schema. Knows nothing of codecs and asks no registry.

use sabot_codec::codec::wire::{self, Framed, Indexes, Part, SchemaId};

use crate::input;

/// Everything that must hold of any bytes: as a value, as a header of the record, as message indexes.
pub(crate) fn must_hold(data: &[u8]) {
    let values = input::values(data);
    let mut raw = input::records(&values);
    // The last record has the first one's value as its header.
    raw.push_header(Part::Key.header(), values[0]);
    for (index, value) in values.iter().enumerate() {
        let Some(value) = value else { continue };
        split_and_joined(value);
        indexes(value);
        for part in [Part::Key, Part::Value] {
            if let Ok(framed) = wire::frame(&raw, index, part, value) {
                assert!(value.ends_with(framed.body()), "the body is the end of the value");
                message(framed, value);
            }
        }
    }
}

fn split_and_joined(value: &[u8]) {
    if let Ok((id, body)) = wire::split(value) {
        match id {
            SchemaId::Id(_) => assert_eq!([&wire::naming(id)[..], body].concat(), value),
            SchemaId::Guid(guid) => assert_eq!([&[1], &guid[..], body].concat(), value),
        }
        assert!(!id.to_string().is_empty());
    }
    let framed = [&wire::naming(SchemaId::Id(u32::MAX))[..], value].concat();
    assert!(matches!(wire::split(&framed), Ok((SchemaId::Id(u32::MAX), body)) if body == value));
}

fn message(framed: Framed, value: &[u8]) {
    if let Ok((_, message)) = framed.message() {
        assert!(value.ends_with(message), "the message is the end of the value");
    }
}

/// Indexes that are read are written the same, where they are such as we write.
fn indexes(bytes: &[u8]) {
    let Ok((indexes, rest)) = Indexes::split(bytes) else { return };
    assert_eq!([indexes.bytes(), rest].concat(), bytes);
    let numbers: Vec<u64> = indexes.iter().take(bytes.len() + 1).collect();
    assert!(!numbers.is_empty() && numbers.len() <= bytes.len(), "an index is a byte at least");
    let Ok(numbers) = numbers.iter().map(|number| u32::try_from(*number)).collect::<Result<Vec<u32>, _>>()
    else {
        return;
    };
    let mut written = Vec::new();
    wire::write_indexes(&numbers, &mut written);
    let again =
        Indexes::split(&written).map(|(indexes, rest)| (indexes.iter().collect::<Vec<_>>(), rest.len()));
    let numbers: Vec<u64> = numbers.into_iter().map(u64::from).collect();
    assert!(matches!(&again, Ok((again, 0)) if *again == numbers), "{numbers:?} as {written:?} is {again:?}");
}
