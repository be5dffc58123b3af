//! For property tests of every codec: column types that a codec can hold, batches of them, and what must be true
//! of them whatever the codec. Knows nothing of any format.

use super::registry::Registries;
use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Decode, Decoded, Decoder, Encode, Encoded, Encoder};
use crate::batch::RawRecords;

/// Which columns a codec can hold.
#[derive(Clone)]
pub(crate) struct Types {
    /// Types that are not nested.
    pub(crate) leaves: Vec<DataType>,
    /// How a type is made of others.
    pub(crate) nestings: Vec<Nesting>,
    /// Types of the keys of maps.
    pub(crate) keys: Vec<DataType>,
    /// Names of columns and of the fields of objects, eight at least.
    pub(crate) names: &'static [&'static str],
    /// Lists and maps are repeated fields of an object: never null, without nulls and not within one another.
    pub(crate) repeated: bool,
}

/// How a type is made of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nesting {
    List,
    LargeList,
    /// Of two items.
    FixedList,
    Struct,
    Map,
}

impl Types {
    /// All that columns can be, with text as the keys of maps and names that need care.
    pub(crate) fn all() -> Types {
        use Nesting::*;
        Types {
            leaves: leaves(),
            nestings: vec![List, LargeList, FixedList, Struct, Map],
            keys: vec![DataType::Utf8],
            names: &[
                "id",
                "a \"quoted\" name",
                "a name that is longer than sixteen bytes",
                "é\n",
                "",
                "x",
                "y",
                "z",
            ],
            repeated: false,
        }
    }

    /// A column type.
    pub(crate) fn data_type(&self) -> BoxedStrategy<DataType> {
        let leaf = prop::sample::select(self.leaves.clone()).boxed();
        if self.nestings.is_empty() {
            return leaf;
        }
        let types = self.clone();
        leaf.prop_recursive(3, 12, 3, move |inner| types.nested(inner)).boxed()
    }

    fn nested(&self, inner: BoxedStrategy<DataType>) -> BoxedStrategy<DataType> {
        let types = self.clone();
        let nesting = prop::sample::select(self.nestings.clone());
        let key = prop::sample::select(self.keys.clone());
        (nesting, vec(inner, 1..4), key, any::<bool>())
            .prop_map(move |(nesting, inner, key, empty)| match nesting {
                Nesting::List => DataType::List(types.item("item", inner)),
                Nesting::LargeList => DataType::LargeList(types.item("item", inner)),
                Nesting::FixedList => DataType::FixedSizeList(types.item("item", inner), 2),
                Nesting::Struct if empty && inner.len() == 1 => DataType::Struct(Fields::empty()),
                Nesting::Struct => DataType::Struct(types.columns(inner).into()),
                Nesting::Map => {
                    let entries = vec![Arc::new(Field::new("keys", key, false)), types.item("values", inner)];
                    let entries = DataType::Struct(entries.into());
                    DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
                }
            })
            .boxed()
    }

    fn item(&self, name: &str, mut types: Vec<DataType>) -> FieldRef {
        let item = match types.remove(0) {
            item if self.repeated && is_repeated(&item) => DataType::Struct(self.columns(vec![item]).into()),
            item => item,
        };
        Arc::new(Field::new(name, item, !self.repeated))
    }

    /// Columns of these types, every second one not null.
    pub(crate) fn columns(&self, types: Vec<DataType>) -> Vec<Field> {
        let nullable = |i: usize, t: &DataType| i % 2 == 1 && !(self.repeated && is_repeated(t));
        let fields = types.into_iter().enumerate();
        fields
            .map(|(i, t)| (nullable(i, &t), i, t))
            .map(|(null, i, t)| Field::new(self.names[i], t, null))
            .collect()
    }

    /// Up to twenty rows of `columns_min` to five columns.
    pub(crate) fn batch(&self, columns_min: usize) -> BoxedStrategy<RecordBatch> {
        let this = self.clone();
        (vec(self.data_type(), columns_min..6), 0_usize..20, any::<u64>())
            .prop_map(move |(types, rows, seed)| {
                let mut random = fastrand::Rng::with_seed(seed);
                let fields = this.columns(types);
                let columns = fields
                    .iter()
                    .map(|f| array(f.data_type(), f.is_nullable(), rows, &mut || random.u64(..)))
                    .collect();
                let options = RecordBatchOptions::new().with_row_count(Some(rows));
                RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options).unwrap()
            })
            .boxed()
    }
}

fn is_repeated(data_type: &DataType) -> bool {
    use DataType::{FixedSizeList, LargeList, List, Map};
    matches!(data_type, List(_) | LargeList(_) | FixedSizeList(..) | Map(..))
}

fn leaves() -> Vec<DataType> {
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    vec![
        DataType::Boolean,
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::UInt8,
        DataType::UInt16,
        DataType::UInt32,
        DataType::UInt64,
        DataType::Float32,
        DataType::Float64,
        DataType::Utf8,
        DataType::LargeUtf8,
        DataType::Binary,
        DataType::LargeBinary,
        DataType::FixedSizeBinary(3),
        DataType::Date32,
        DataType::Time32(Second),
        DataType::Time32(Millisecond),
        DataType::Time64(Microsecond),
        DataType::Time64(Nanosecond),
        DataType::Timestamp(Second, None),
        DataType::Timestamp(Millisecond, Some("UTC".into())),
        DataType::Timestamp(Microsecond, None),
        DataType::Timestamp(Nanosecond, None),
        DataType::Duration(Millisecond),
        DataType::Decimal128(38, 10),
        DataType::Decimal256(76, 3),
    ]
}

/// `rows` values of a type, made from a generator of numbers.
pub(crate) fn array(
    data_type: &DataType,
    nullable: bool,
    rows: usize,
    next: &mut impl FnMut() -> u64,
) -> ArrayRef {
    let text = |n: u64| {
        ["", "plain", "\"\\\u{1}\n", "žluťoučký kůň 🐎 a longer text", "0123456789abcdef"][(n % 5) as usize]
    };
    let valid: Vec<bool> = (0..rows).map(|_| !nullable || !next().is_multiple_of(4)).collect();
    let numbers: Vec<u64> = (0..rows).map(|_| next()).collect();
    let of = |make: &dyn Fn(u64) -> i128| numbers.iter().map(|n| make(*n)).collect::<Vec<i128>>();
    let lens = || numbers.iter().map(|n| (n % 3) as usize).collect::<Vec<_>>();
    let nulls = Some(arrow::buffer::NullBuffer::from(valid.clone())).filter(|n| n.null_count() > 0);
    macro_rules! primitive {
        ($native:ty, $make:expr) => {{
            let values: Vec<$native> = numbers.iter().map($make).collect();
            let data = ArrayData::builder(data_type.clone())
                .len(rows)
                .add_buffer(arrow::buffer::Buffer::from_vec(values))
                .nulls(nulls.clone());
            make_array(data.build().unwrap())
        }};
    }
    match data_type {
        DataType::Boolean => {
            Arc::new(BooleanArray::new(numbers.iter().map(|n| n % 2 == 0).collect(), nulls.clone()))
        }
        DataType::Int8 => primitive!(i8, |n| *n as i8),
        DataType::Int16 => primitive!(i16, |n| *n as i16),
        DataType::Int32 | DataType::Date32 => primitive!(i32, |n| *n as i32 >> (n % 20)),
        DataType::Time32(_) => primitive!(i32, |n| (*n % 86_400) as i32),
        DataType::UInt8 => primitive!(u8, |n| *n as u8),
        DataType::UInt16 => primitive!(u16, |n| *n as u16),
        DataType::UInt32 => primitive!(u32, |n| *n as u32),
        DataType::UInt64 => primitive!(u64, |n| *n),
        DataType::Float32 => {
            primitive!(f32, |n| Some(f32::from_bits(*n as u32)).filter(|f| f.is_finite()).unwrap_or(0.5))
        }
        DataType::Float64 => {
            primitive!(f64, |n| Some(f64::from_bits(*n)).filter(|f| f.is_finite()).unwrap_or(-0.0))
        }
        DataType::Decimal128(..) => {
            let values = of(&|n| (n as i64 as i128) * 1_000_000_007 * (n % 7) as i128);
            let values = PrimitiveArray::<Decimal128Type>::new(values.into(), nulls);
            Arc::new(values.with_data_type(data_type.clone()))
        }
        DataType::Decimal256(..) => {
            let values: Vec<i256> =
                of(&|n| n as i64 as i128 * 977).into_iter().map(i256::from_i128).collect();
            Arc::new(
                PrimitiveArray::<Decimal256Type>::new(values.into(), nulls).with_data_type(data_type.clone()),
            )
        }
        DataType::Utf8 => {
            let all = numbers.iter().zip(&valid);
            Arc::new(all.map(|(n, valid)| valid.then(|| text(*n))).collect::<StringArray>())
        }
        DataType::LargeUtf8 => {
            let all = numbers.iter().zip(&valid);
            Arc::new(all.map(|(n, valid)| valid.then(|| text(*n))).collect::<LargeStringArray>())
        }
        DataType::Binary => {
            let all = numbers.iter().zip(&valid);
            Arc::new(
                all.map(|(n, valid)| valid.then(|| n.to_le_bytes()[..(n % 9) as usize].to_vec()))
                    .collect::<BinaryArray>(),
            )
        }
        DataType::LargeBinary => {
            let all = numbers.iter().zip(&valid);
            Arc::new(
                all.map(|(n, valid)| valid.then(|| n.to_le_bytes().to_vec())).collect::<LargeBinaryArray>(),
            )
        }
        DataType::FixedSizeBinary(_) => {
            let values: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()[..3].to_vec()).collect();
            Arc::new(FixedSizeBinaryArray::new(3, values.into(), nulls))
        }
        DataType::Struct(fields) if fields.is_empty() => Arc::new(StructArray::new_empty_fields(rows, nulls)),
        DataType::Struct(fields) => {
            let columns = fields.iter().map(|f| array(f.data_type(), f.is_nullable(), rows, next)).collect();
            Arc::new(StructArray::new(fields.clone(), columns, nulls))
        }
        DataType::List(item) => {
            let offsets = arrow::buffer::OffsetBuffer::<i32>::from_lengths(lens());
            let items = array(item.data_type(), item.is_nullable(), lens().iter().sum(), next);
            Arc::new(ListArray::new(Arc::clone(item), offsets, items, nulls))
        }
        DataType::LargeList(item) => {
            let offsets = arrow::buffer::OffsetBuffer::<i64>::from_lengths(lens());
            let items = array(item.data_type(), item.is_nullable(), lens().iter().sum(), next);
            Arc::new(LargeListArray::new(Arc::clone(item), offsets, items, nulls))
        }
        DataType::FixedSizeList(item, size) => {
            let items = array(item.data_type(), item.is_nullable(), rows * *size as usize, next);
            Arc::new(FixedSizeListArray::new(Arc::clone(item), *size, items, nulls))
        }
        DataType::Map(entries, _) => {
            let DataType::Struct(fields) = entries.data_type() else { unreachable!("a map has entries") };
            let len = lens().iter().sum();
            let keys = told_apart(array(fields[0].data_type(), false, len, next));
            let values = array(fields[1].data_type(), fields[1].is_nullable(), len, next);
            let pairs =
                StructArray::try_new_with_length(fields.clone(), vec![keys, values], None, len).unwrap();
            let offsets = arrow::buffer::OffsetBuffer::<i32>::from_lengths(lens());
            Arc::new(MapArray::new(Arc::clone(entries), offsets, pairs, nulls, false))
        }
        // Everything else is 64 bits wide.
        _ => primitive!(i64, |n| *n as i64 >> (n % 60)),
    }
}

/// Records of these values.
pub(crate) fn records<T: AsRef<[u8]>>(values: &[T]) -> RawRecords {
    run(values.iter().map(|value| Some(value.as_ref())))
}

/// Records of these values, or of none.
fn run<'a>(values: impl ExactSizeIterator<Item = Option<&'a [u8]>>) -> RawRecords {
    let mut raw = RawRecords::with_capacity("t".into(), 0, values.len(), 0);
    for (offset, value) in values.enumerate() {
        raw.push(offset as i64, None, None, value);
    }
    raw
}

/// The rows of a batch, encoded.
pub(crate) fn encode(settings: &Encode, batch: &RecordBatch) -> Encoded {
    let mut encoded = Encoded::default();
    Encoder::new(settings, &batch.schema()).unwrap().encode(batch, &mut encoded);
    encoded
}

/// What a record of each row has as its value.
fn values(encoded: &Encoded) -> Vec<Option<&[u8]>> {
    let of = |row| (!encoded.nulls.contains(&(row as u32))).then(|| encoded.row(row));
    (0..encoded.ends.len()).map(of).collect()
}

/// Records of these values, decoded: every column is valid, and none is lost.
pub(crate) fn decode<T: AsRef<[u8]>>(settings: &Decode, values: &[T]) -> Decoded {
    decode_run(settings, &records(values))
}

fn decode_run(settings: &Decode, raw: &RawRecords) -> Decoded {
    let decoded = Decoder::new(settings, &Registries::default()).unwrap().decode(raw).unwrap();
    assert_eq!(decoded.rows.num_rows() + decoded.errors.len(), raw.len());
    for column in decoded.rows.columns() {
        column.to_data().validate_full().unwrap();
    }
    decoded
}

/// How a record is changed, and where: one byte replaced, cut, or one byte more.
pub(crate) type Change = (prop::sample::Index, u8, usize);

/// Changes for the records of a batch.
pub(crate) fn changes() -> impl Strategy<Value = Vec<Change>> {
    vec((any::<prop::sample::Index>(), any::<u8>(), 0_usize..3), 20)
}

/// A value, changed.
pub(crate) fn change(value: &[u8], (at, byte, kind): &Change) -> Vec<u8> {
    let mut changed = value.to_vec();
    let at = at.index(changed.len() + 1);
    match kind {
        0 if at < changed.len() => changed[at] = *byte,
        1 => changed.truncate(at),
        _ => changed.insert(at, *byte),
    }
    changed
}

/// What is encoded decodes to the same. Gives the encoded rows, for what else a format must be.
pub(crate) fn comes_back(decoding: &Decode, encoding: &Encode, batch: &RecordBatch) -> Encoded {
    let encoded = encode(encoding, batch);
    assert_eq!(encoded.errors, vec![]);
    let decoded = decode_run(decoding, &run(values(&encoded).into_iter()));
    assert_eq!(decoded.errors, vec![]);
    assert_eq!(&decoded.rows, batch);
    encoded
}

/// A cut or changed record costs its neighbours nothing: before each row's value there is one that was changed.
pub(crate) fn spares_neighbours(
    decoding: &Decode,
    encoding: &Encode,
    batch: &RecordBatch,
    changes: &[Change],
) {
    let encoded = encode(encoding, batch);
    let good = values(&encoded);
    let bad: Vec<Vec<u8>> =
        good.iter().zip(changes).map(|(good, by)| change(good.unwrap_or_default(), by)).collect();
    let both: Vec<Option<&[u8]>> =
        bad.iter().zip(&good).flat_map(|(bad, good)| [Some(bad.as_slice()), *good]).collect();
    let decoded = decode_run(decoding, &run(both.into_iter()));
    let record_of = decoded.records.unwrap_or_else(|| (0..2 * bad.len() as u32).collect());
    let good = (0..record_of.len() as u32).filter(|&row| record_of[row as usize] % 2 == 1);
    let good = arrow::compute::take_record_batch(&decoded.rows, &UInt32Array::from_iter_values(good));
    assert_eq!(&good.unwrap(), batch);
}

/// Keys of maps that are text, each made another: an object of JSON has no key twice.
fn told_apart(keys: ArrayRef) -> ArrayRef {
    match keys.as_string_opt::<i32>() {
        Some(texts) => {
            let texts = texts.iter().enumerate().map(|(n, text)| format!("{}{n}", text.unwrap_or_default()));
            Arc::new(StringArray::from_iter_values(texts))
        }
        None => keys,
    }
}
