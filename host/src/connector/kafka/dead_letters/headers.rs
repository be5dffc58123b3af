//! A letter as headers, and back. Pure. The names are part of the documentation: others read these topics too.

use std::borrow::Cow;

use crate::connector::{DeadLetter, Header};

/// The first of our headers: what stands before its last place came with the record.
const PIPELINE: &str = "sabot.pipeline";
const STEP: &str = "sabot.step";
const COMPONENT: &str = "sabot.component";
const DIGEST: &str = "sabot.digest";
const CODE: &str = "sabot.error.code";
const MESSAGE: &str = "sabot.error.message";
const ATTEMPTS: &str = "sabot.attempts";
const FAILED_AT: &str = "sabot.failed_at_ms";
const TOPIC: &str = "sabot.topic";
const PARTITION: &str = "sabot.partition";
const OFFSET: &str = "sabot.offset";
const TIMESTAMP: &str = "sabot.timestamp_ms";
const ROW: &str = "sabot.row";
/// Says `row` where the value is the row as JSON, because no record is known.
const VALUE: &str = "sabot.value";

/// The headers that tell about a letter, in order. `with_row`: the row as Arrow IPC is among them.
pub(super) fn told(letter: &DeadLetter, with_row: bool) -> Vec<(&'static str, Cow<'_, [u8]>)> {
    let mut headers = Vec::with_capacity(14);
    let text = |text| Cow::Borrowed(str::as_bytes(text));
    let number = |number: i64| Cow::Owned(number.to_string().into_bytes());
    headers.extend([
        (PIPELINE, text(&letter.pipeline)),
        (STEP, text(&letter.step)),
        (CODE, text(&letter.code)),
        (MESSAGE, text(&letter.message)),
        (ATTEMPTS, number(letter.attempts.into())),
        (FAILED_AT, number(letter.at_ms)),
    ]);
    let numbers = [
        (PARTITION, letter.partition.map(i64::from)),
        (OFFSET, letter.offset),
        (TIMESTAMP, letter.timestamp_ms),
    ];
    headers.extend(numbers.into_iter().filter_map(|(name, found)| Some((name, number(found?)))));
    let texts = [(COMPONENT, &letter.component), (DIGEST, &letter.digest), (TOPIC, &letter.topic)];
    headers.extend(texts.into_iter().filter_map(|(name, found)| Some((name, text(found.as_ref()?)))));
    if letter.value.is_none() && letter.row.is_some() {
        headers.push((VALUE, text("row")));
    }
    if let (true, Some(row)) = (with_row, &letter.row_ipc) {
        headers.push((ROW, Cow::Borrowed(row)));
    }
    headers
}

/// The letter that a record holds; `None` for a record that is no letter.
pub(super) fn letter(
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    mut headers: Vec<(String, Option<Vec<u8>>)>,
) -> Option<DeadLetter> {
    let begin = headers.iter().rposition(|(name, _)| name == PIPELINE)?;
    let told = headers.split_off(begin);
    let bytes = |name| told.iter().find(|(found, _)| found == name).and_then(|(_, value)| value.clone());
    let text = |name| bytes(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let number = |name| text(name).and_then(|text| text.parse::<i64>().ok());
    let json = text(VALUE).as_deref() == Some("row");
    Some(DeadLetter {
        pipeline: text(PIPELINE)?,
        step: text(STEP)?,
        component: text(COMPONENT),
        digest: text(DIGEST),
        code: text(CODE)?,
        message: text(MESSAGE).unwrap_or_default(),
        attempts: number(ATTEMPTS).and_then(|n| u32::try_from(n).ok()).unwrap_or(1),
        topic: text(TOPIC),
        partition: number(PARTITION).and_then(|n| i32::try_from(n).ok()),
        offset: number(OFFSET),
        timestamp_ms: number(TIMESTAMP),
        key: key.map(<[u8]>::to_vec),
        value: value.filter(|_| !json).map(<[u8]>::to_vec),
        headers: headers.into_iter().map(|(name, value)| Header { name, value }).collect(),
        row_ipc: bytes(ROW),
        row: value.filter(|_| json).and_then(|value| serde_json::from_slice(value).ok()),
        at_ms: number(FAILED_AT)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn back(of: &DeadLetter) -> Option<DeadLetter> {
        let mut headers: Vec<(String, Option<Vec<u8>>)> =
            of.headers.iter().map(|h| (h.name.clone(), h.value.clone())).collect();
        headers
            .extend(told(of, true).into_iter().map(|(name, value)| (name.into(), Some(value.into_owned()))));
        let row = of.row.as_ref().map(ToString::to_string);
        letter(of.key.as_deref(), of.value.as_deref().or(row.as_deref().map(str::as_bytes)), headers)
    }

    fn some_letter() -> impl Strategy<Value = DeadLetter> {
        let bytes = || prop::option::of(prop::collection::vec(any::<u8>(), 0..9));
        let place = prop::option::of((".*", any::<i32>(), any::<i64>(), prop::option::of(any::<i64>())));
        let header = (prop::sample::select(vec!["trace", PIPELINE, STEP, ROW]), bytes())
            .prop_map(|(name, value)| Header { name: name.into(), value });
        let record = (place, bytes(), bytes(), prop::collection::vec(header, 0..4), bytes());
        (record, ".*", ".*", prop::option::of("[a-z]*@1"), any::<u32>(), any::<i64>()).prop_map(
            |((place, key, value, headers, row_ipc), code, message, component, attempts, at_ms)| DeadLetter {
                pipeline: "fraud".into(),
                step: "score".into(),
                digest: component.clone(),
                component,
                code,
                message,
                attempts,
                partition: place.as_ref().map(|p| p.1),
                offset: place.as_ref().map(|p| p.2),
                timestamp_ms: place.as_ref().and_then(|p| p.3),
                row: (place.is_none() && value.is_none()).then(|| serde_json::json!({"id": 7})),
                topic: place.map(|p| p.0),
                key,
                value,
                headers,
                row_ipc,
                at_ms,
            },
        )
    }

    proptest! {
        /// Also where the record itself was a dead letter.
        #[test]
        fn a_letter_comes_back_as_it_was(letter in some_letter()) {
            prop_assert_eq!(back(&letter), Some(letter));
        }
    }

    #[test]
    fn a_record_of_somebody_else_is_no_letter() {
        assert_eq!(letter(None, Some(b"{}"), vec![("trace".into(), Some(b"7".to_vec()))]), None);
    }
}
