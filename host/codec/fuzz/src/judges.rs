//! What is a record of a format and what is none, as another implementation judges it. Knows nothing of columns.

use arrow::datatypes::Schema;
use sabot_codec::codec::registry::Registries;
use sabot_codec::codec::{Codec, Decode, Decoder};

use crate::input::{self, Value};

/// An object is JSON for us when it is for `serde_json`, but where that has bounds of its own: numbers that are
/// beyond 64 bits of floating point, and depth, of which we have another bound.
pub(crate) fn json(values: &[Value]) {
    let values: Vec<Value> = values.iter().copied().filter(Option::is_some).collect();
    let decoder = Decoder::new(&Decode::plain(Codec::Json, Schema::empty().into()), &Registries::default());
    let mut decoder = decoder.expect("no column is none that cannot be decoded");
    let decoded = decoder.decode(&input::records(&values)).expect("no registry is asked");
    for (index, value) in values.iter().flatten().enumerate() {
        let error = decoded.errors.iter().find(|error| error.index as usize == index);
        let shown = value.escape_ascii();
        match (serde_json::from_slice::<serde_json::Value>(value), error) {
            (Ok(theirs), Some(error)) => {
                let expected = !theirs.is_object() || error.code == "too-large";
                assert!(expected, "JSON for others, not for us: {shown}: {error:?}");
            }
            (Ok(theirs), None) => assert!(theirs.is_object(), "no object: {shown}"),
            (Err(why), None) => {
                let why = why.to_string();
                let bound = why.starts_with("number out of range") || why.starts_with("recursion limit");
                assert!(bound, "JSON for us, not for others: {shown}: {why}");
            }
            (Err(_), Some(_)) => {}
        }
    }
}
