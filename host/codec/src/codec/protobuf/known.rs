//! The files that Confluent's clients have built in beside `google/protobuf/*`, and so never send to a registry. Their
//! definitions, as far as a schema may name them. Knows nothing of compiling.

/// The text of such a file.
pub(super) fn text(path: &str) -> Option<&'static str> {
    FILES.iter().find(|(known, _)| *known == path).map(|(_, text)| *text)
}

macro_rules! files {
    ($($path:literal)*) => { &[$(($path, include_str!(concat!("known/", $path)))),*] };
}

/// By the path by which they are imported.
pub(super) const FILES: &[(&str, &str)] = files![
    "confluent/meta.proto"
    "confluent/type/decimal.proto"
    "confluent/type/variant.proto"
    "confluent/types/decimal.proto"
    "google/type/calendar_period.proto"
    "google/type/color.proto"
    "google/type/date.proto"
    "google/type/datetime.proto"
    "google/type/dayofweek.proto"
    "google/type/decimal.proto"
    "google/type/expr.proto"
    "google/type/fraction.proto"
    "google/type/interval.proto"
    "google/type/latlng.proto"
    "google/type/localized_text.proto"
    "google/type/money.proto"
    "google/type/month.proto"
    "google/type/phone_number.proto"
    "google/type/postal_address.proto"
    "google/type/quaternion.proto"
    "google/type/timeofday.proto"
];
