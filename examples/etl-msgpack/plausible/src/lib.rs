//! Keeps readings of sensors that can be true: a known kind of sensor and a value within its range.

use std::collections::BTreeMap;

use sabot_sdk::prelude::*;

/// A reading.
#[derive(Row)]
pub struct Reading<'a> {
    sensor: &'a str,
    kind: &'a str,
    value: f64,
}

/// `{"ranges": {"celsius": [-40, 85]}}`: lowest and highest plausible value by kind.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    ranges: BTreeMap<String, [f64; 2]>,
}

/// Drops what is out of range; refuses a kind that nobody configured (`unknown-kind`): that
/// is no fault of the sensor.
#[sabot::filter]
pub fn plausible(reading: Reading, config: &Config) -> Result<bool, RowError> {
    let Some([lowest, highest]) = config.ranges.get(reading.kind) else {
        return Err(RowError::new("unknown-kind", format!("{}: `{}`", reading.sensor, reading.kind)));
    };
    Ok((*lowest..=*highest).contains(&reading.value))
}
