//! Made-up rows, at a rate, for demonstrations and benchmarks. Row `g` of a source is a function of its seed and
//! `g` alone, so a restart goes on with the same rows. Rows are dealt to the partitions in turn.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};

use super::{ConnectorError, Read, ReadLimits, Reader};
use crate::spec::{Generate, GenerateColumn};

/// The same for the specification, which says so before a pipeline starts.
const MOST_SKEWED_KEYS: u64 = GenerateColumn::MAX_SKEWED_KEYS;
/// What a column of numbers is made of when nothing is said: 0 up to this.
const DEFAULT_MAX: f64 = 1000.0;

/// Makes the rows of one partition.
pub struct GenerateReader {
    schema: SchemaRef,
    makers: Vec<Maker>,
    partition: u64,
    partitions: u64,
    seed: u64,
    /// Rows of this partition in all.
    count: Option<u64>,
    /// Rows a second of this partition.
    rate: Option<f64>,
    made: u64,
    started: Option<(Instant, u64)>,
    elapsed: fn(Instant) -> Duration,
}

enum Maker {
    Sequence,
    Range { min: f64, max: f64 },
    Keys { prefix: String, keys: Keys },
    Now,
    OneOf(Vec<String>),
}

enum Keys {
    Uniform(u64),
    /// For each key the share of it and those before.
    Skewed(Vec<f64>),
}

impl GenerateReader {
    /// Of partition `partition`, from row `position` of it on.
    pub fn new(spec: &Generate, partition: u32, position: i64) -> Result<Self, ConnectorError> {
        let makers = spec.schema.fields().iter().map(|field| maker(spec, field)).collect::<Result<_, _>>()?;
        let partitions = u64::from(spec.partitions.max(1));
        let partition = u64::from(partition);
        Ok(GenerateReader {
            schema: Arc::clone(&spec.schema),
            makers,
            partition,
            partitions,
            seed: spec.seed,
            count: spec.count.map(|all| (all + partitions - 1 - partition) / partitions),
            rate: spec.rate.map(|rate| rate as f64 / partitions as f64),
            made: position.max(0) as u64,
            started: None,
            elapsed: |since| since.elapsed(),
        })
    }

    /// Rows that are due, at most `most`; `None` when there will be no more.
    fn due(&mut self, most: u64) -> Option<u64> {
        let left = self.count.map_or(u64::MAX, |count| count.saturating_sub(self.made));
        if left == 0 {
            return None;
        }
        let (started, from) = *self.started.get_or_insert((Instant::now(), self.made));
        let by_rate = self.rate.map_or(u64::MAX, |rate| {
            let due = ((self.elapsed)(started).as_secs_f64() * rate) as u64;
            due.saturating_sub(self.made - from)
        });
        Some(most.min(left).min(by_rate))
    }

    fn make(&self, rows: u64) -> Result<RecordBatch, ConnectorError> {
        let columns: Result<Vec<ArrayRef>, _> = self
            .makers
            .iter()
            .zip(self.schema.fields())
            .enumerate()
            .map(|(index, (maker, field))| self.column(index as u64, maker, field, rows))
            .collect();
        columns
            .and_then(|columns| RecordBatch::try_new(Arc::clone(&self.schema), columns))
            .map_err(|e| ConnectorError::Stop(format!("generate: {e}")))
    }

    fn column(
        &self,
        index: u64,
        maker: &Maker,
        field: &Field,
        rows: u64,
    ) -> Result<ArrayRef, arrow::error::ArrowError> {
        let global = (self.made..self.made + rows).map(|row| row * self.partitions + self.partition);
        let seed = self.seed ^ (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let draws = global.clone().map(|g| fastrand::Rng::with_seed(seed.wrapping_add(mix(g))));
        let values: ArrayRef = match maker {
            Maker::Sequence => Arc::new(Int64Array::from_iter_values(global.map(|g| g as i64))),
            Maker::Range { min, max } => match field.data_type() {
                DataType::Boolean => Arc::new(BooleanArray::from_iter(draws.map(|mut d| Some(d.bool())))),
                kind => {
                    let whole = !matches!(kind, DataType::Float64 | DataType::Float32);
                    let one = if whole { 1.0 } else { 0.0 };
                    let number = draws.map(|mut d| min + d.f64() * (max - min + one));
                    Arc::new(Float64Array::from_iter_values(
                        // Where floats have no room for the one more, they round up to it.
                        number.map(|n| if whole { n.floor().min(*max) } else { n }),
                    ))
                }
            },
            Maker::Keys { prefix, keys } => {
                let numbers = draws.map(|mut draw| keys.draw(&mut draw));
                if matches!(field.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) {
                    strings(numbers.map(|n| (prefix.as_str(), Some(n))), rows)
                } else {
                    Arc::new(Int64Array::from_iter_values(numbers.map(|n| n as i64)))
                }
            }
            Maker::Now => {
                let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64);
                let times: ArrayRef = Arc::new(Int64Array::from_iter_values((0..rows).map(|_| ms)));
                match field.data_type() {
                    // A number becomes a date as days, a time as its day.
                    DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
                        cast(&times, &DataType::Timestamp(TimeUnit::Millisecond, None))?
                    }
                    _ => times,
                }
            }
            Maker::OneOf(values) => {
                strings(draws.map(|mut draw| (values[draw.usize(0..values.len())].as_str(), None)), rows)
            }
        };
        cast(&values, field.data_type())
    }
}

impl Reader for GenerateReader {
    fn read(&mut self, limits: ReadLimits) -> Result<Read, ConnectorError> {
        let most = limits.records as u64;
        let Some(mut rows) = self.due(most) else { return Ok(Read::End) };
        if rows == 0 {
            let until_next = Duration::from_secs_f64(1.0 / self.rate.unwrap_or(1.0).max(1.0));
            std::thread::sleep(limits.wait.min(until_next.max(Duration::from_millis(1))));
            rows = self.due(most).unwrap_or(0);
        }
        if rows == 0 {
            return Ok(Read::Idle);
        }
        let batch = self.make(rows)?;
        self.made += rows;
        Ok(Read::Rows(batch))
    }

    fn position(&self) -> i64 {
        self.made as i64
    }

    fn lag(&self) -> Option<i64> {
        self.count.map(|count| count.saturating_sub(self.made) as i64)
    }
}

impl Keys {
    fn new(count: u64, skew: f64) -> Keys {
        if skew == 0.0 {
            return Keys::Uniform(count);
        }
        let mut sum = 0.0;
        let mut shares: Vec<f64> = (0..count)
            .map(|k| {
                sum += ((k + 1) as f64).powf(-skew);
                sum
            })
            .collect();
        shares.iter_mut().for_each(|share| *share /= sum);
        Keys::Skewed(shares)
    }

    fn draw(&self, random: &mut fastrand::Rng) -> u64 {
        match self {
            Keys::Uniform(count) => random.u64(0..*count),
            Keys::Skewed(shares) => {
                let at = random.f64();
                shares.partition_point(|share| *share <= at).min(shares.len() - 1) as u64
            }
        }
    }
}

/// Spreads consecutive numbers over all 64 bits (the finalizer of splitmix64).
fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

fn strings<'a>(values: impl Iterator<Item = (&'a str, Option<u64>)>, rows: u64) -> ArrayRef {
    let mut builder = StringBuilder::with_capacity(rows as usize, rows as usize * 12);
    let mut digits = itoa::Buffer::new();
    let mut text = String::new();
    for (prefix, number) in values {
        match number {
            None => builder.append_value(prefix),
            Some(number) => {
                text.clear();
                text.push_str(prefix);
                text.push_str(digits.format(number));
                builder.append_value(&text);
            }
        }
    }
    Arc::new(builder.finish())
}

fn maker(spec: &Generate, field: &Field) -> Result<Maker, ConnectorError> {
    let said = spec.columns.iter().find(|(name, _)| name == field.name()).map(|(_, column)| column);
    let stop = |why: String| Err(ConnectorError::Stop(format!("generate: column `{}`: {why}", field.name())));
    match said {
        Some(GenerateColumn::Sequence) => Ok(Maker::Sequence),
        Some(GenerateColumn::Range { min, max }) => Ok(Maker::Range { min: *min, max: *max }),
        Some(GenerateColumn::Keys { count: 0, .. }) => stop("there must be at least one key".into()),
        Some(GenerateColumn::Keys { count, skew, .. }) if *skew != 0.0 && *count > MOST_SKEWED_KEYS => {
            stop(format!("{count} skewed keys are more than the {MOST_SKEWED_KEYS} that can be made"))
        }
        Some(GenerateColumn::Keys { count, skew, prefix }) => {
            Ok(Maker::Keys { prefix: prefix.clone(), keys: Keys::new(*count, *skew) })
        }
        Some(GenerateColumn::Now) => Ok(Maker::Now),
        Some(GenerateColumn::OneOf(values)) if values.is_empty() => stop("one_of has no values".into()),
        Some(GenerateColumn::OneOf(values)) => Ok(Maker::OneOf(values.clone())),
        None => match field.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                Ok(Maker::Keys { prefix: format!("{}-", field.name()), keys: Keys::Uniform(1000) })
            }
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => Ok(Maker::Now),
            DataType::Decimal128(precision, scale) => {
                let digits = i32::from(*precision) - i32::from(*scale);
                Ok(Maker::Range { min: 0.0, max: (10_f64.powi(digits) - 1.0).clamp(0.0, DEFAULT_MAX) })
            }
            kind if kind.is_numeric() => {
                let max = if matches!(kind, DataType::Int8) { 100.0 } else { DEFAULT_MAX };
                Ok(Maker::Range { min: 0.0, max: if matches!(kind, DataType::UInt8) { 200.0 } else { max } })
            }
            DataType::Boolean => Ok(Maker::Range { min: 0.0, max: 1.0 }),
            other => stop(format!("columns of type {other} cannot be made")),
        },
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array as _, AsArray as _};
    use arrow::datatypes::{Date32Type, Int8Type, Int64Type, Schema};

    use super::*;

    fn spec(count: u64, partitions: u32) -> Generate {
        let field = |name: &str, kind| Field::new(name, kind, true);
        Generate {
            schema: Arc::new(Schema::new(vec![
                field("id", DataType::Int64),
                field("user", DataType::Utf8),
                field("amount", DataType::Float64),
            ])),
            columns: vec![
                ("id".into(), GenerateColumn::Sequence),
                ("user".into(), GenerateColumn::Keys { count: 10, skew: 1.0, prefix: "u".into() }),
            ],
            rate: None,
            count: Some(count),
            partitions,
            seed: 7,
        }
    }

    fn all(spec: &Generate, partition: u32, position: i64) -> Vec<RecordBatch> {
        let mut reader = GenerateReader::new(spec, partition, position).unwrap();
        let limits = ReadLimits { records: 7, bytes: 1 << 20, wait: Duration::ZERO };
        std::iter::from_fn(|| match reader.read(limits).unwrap() {
            Read::Rows(rows) => Some(rows),
            _ => None,
        })
        .collect()
    }

    #[test]
    fn every_number_of_a_sequence_is_made_once_over_all_partitions() {
        let spec = spec(100, 3);
        let mut ids: Vec<i64> = (0..3)
            .flat_map(|p| all(&spec, p, 0))
            .flat_map(|b| b["id"].as_primitive::<Int64Type>().values().to_vec())
            .collect();
        ids.sort_unstable();
        assert!(ids.into_iter().eq(0..100));
    }

    #[test]
    fn a_restart_goes_on_with_the_same_rows() {
        let spec = spec(50, 1);
        let schema = &spec.schema;
        let whole = arrow::compute::concat_batches(schema, &all(&spec, 0, 0)).unwrap();
        let rest = arrow::compute::concat_batches(schema, &all(&spec, 0, 20)).unwrap();
        assert_eq!(whole.slice(20, 30), rest);
    }

    #[test]
    fn every_type_that_is_made_has_a_value_in_each_row() {
        let utc = Some("UTC".into());
        let kinds = [
            DataType::Int8,
            DataType::Int32,
            DataType::UInt8,
            DataType::UInt64,
            DataType::Float32,
            DataType::Decimal128(2, 1),
            DataType::Decimal128(38, 9),
            DataType::Decimal128(2, 2),
            DataType::Utf8,
            DataType::Boolean,
            DataType::Date32,
            DataType::Timestamp(TimeUnit::Second, None),
            DataType::Timestamp(TimeUnit::Nanosecond, utc),
        ];
        let fields: Vec<Field> =
            kinds.into_iter().enumerate().map(|(i, kind)| Field::new(format!("c{i}"), kind, false)).collect();
        let spec = Generate { schema: Arc::new(Schema::new(fields)), columns: Vec::new(), ..spec(500, 1) };
        assert_eq!(all(&spec, 0, 0).iter().map(RecordBatch::num_rows).sum::<usize>(), 500);
    }

    #[test]
    fn a_date_is_today() {
        let day = || (SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 86_400) as i32;
        let schema = Arc::new(Schema::new(vec![Field::new("day", DataType::Date32, true)]));
        let before = day();
        let rows = all(&Generate { schema, columns: Vec::new(), ..spec(3, 1) }, 0, 0);
        let days = rows[0]["day"].as_primitive::<Date32Type>();
        assert_eq!((days.len(), days.null_count()), (3, 0));
        assert!((before..=day()).contains(&days.value(0)), "{days:?}");
    }

    #[test]
    fn whole_numbers_stay_in_their_range_at_the_end_of_their_type() {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int8, false)]));
        let columns = vec![("n".into(), GenerateColumn::Range { min: 127.0, max: 127.0 })];
        let rows = all(&Generate { schema, columns, ..spec(50, 1) }, 0, 0);
        assert!(
            rows.iter().all(|rows| rows["n"].as_primitive::<Int8Type>().values().iter().all(|n| *n == 127))
        );
    }

    #[test]
    fn low_keys_are_drawn_more_often_when_skewed() {
        let keys = Keys::new(10, 1.0);
        let mut random = fastrand::Rng::with_seed(1);
        let mut times = [0; 10];
        (0..10_000).for_each(|_| times[keys.draw(&mut random) as usize] += 1);
        assert!(times[0] > 2 * times[3] && times[3] > times[9], "{times:?}");
    }
}
