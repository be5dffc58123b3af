//! Arrays with their types looked up, beside how their values are written. Made once a batch: rare types are
//! brought to common ones here. Knows nothing of bytes.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::{cast, take};
use arrow::datatypes::{ArrowNativeType, DataType, Float16Type, Float32Type, i256};
use arrow::error::ArrowError;

use super::meaning::Ratio;
use super::target::{Decimal, How, Member, Target};

/// A column of a batch, ready to be written.
pub(super) struct Values<'a> {
    nulls: Option<NullBuffer>,
    /// As its [`Target`] has them.
    pub(super) null: Option<i64>,
    pub(super) branch: Option<i64>,
    pub(super) kind: Kind<'a>,
}

pub(super) enum Kind<'a> {
    Null,
    Boolean(BooleanArray),
    Whole {
        values: ScalarBuffer<i64>,
        int: bool,
        ratio: Ratio,
    },
    /// Beyond 63 bits.
    Unsigned {
        values: ScalarBuffer<u64>,
        int: bool,
    },
    Float(ScalarBuffer<f32>),
    Double(ScalarBuffer<f64>),
    Bytes(Blobs),
    Fixed(Blobs, usize),
    Uuid {
        values: Blobs,
        text: bool,
    },
    Enum(Blobs, &'a [(Box<str>, i64)]),
    Decimal(ScalarBuffer<i128>, Decimal),
    Decimal256(ScalarBuffer<i256>, Decimal),
    Duration([ScalarBuffer<i64>; 3]),
    List(Offsets, Box<Values<'a>>),
    Map(OffsetBuffer<i32>, Blobs, Box<Values<'a>>),
    Record(Vec<Part<'a>>),
    /// The names of the branches, and their values.
    Union(Vec<(String, Values<'a>)>),
}

/// A field of a record.
pub(super) enum Part<'a> {
    Column(String, Values<'a>),
    Default(&'a [u8]),
}

/// Text or bytes.
pub(super) enum Blobs {
    Small(OffsetBuffer<i32>, Buffer),
    Large(OffsetBuffer<i64>, Buffer),
    /// Of so many bytes each.
    Fixed(usize, Buffer),
}

/// Where the items of each list are.
pub(super) enum Offsets {
    Small(OffsetBuffer<i32>),
    Large(OffsetBuffer<i64>),
    /// So many each.
    Fixed(usize),
}

impl<'a> Values<'a> {
    /// The values of an array of the type that the target was made for.
    pub(super) fn of(target: &'a Target, array: &ArrayRef) -> Result<Values<'a>, ArrowError> {
        let array = &common(array)?;
        let kind = match (&target.how, array.data_type()) {
            (How::Null, _) => Kind::Null,
            (How::Boolean, _) => Kind::Boolean(array.as_boolean().clone()),
            (How::Whole { int, .. }, DataType::UInt64) => Kind::Unsigned { values: native(array), int: *int },
            (How::Whole { int, ratio }, _) => Kind::Whole { values: whole(array), int: *int, ratio: *ratio },
            (How::Float, _) => Kind::Float(singles(array)),
            (How::Double, DataType::Float64) => Kind::Double(native(array)),
            (How::Double, _) => Kind::Double(singles(array).iter().map(|&value| f64::from(value)).collect()),
            (How::Bytes, _) => Kind::Bytes(Blobs::of(array)),
            (How::Fixed(size), _) => Kind::Fixed(Blobs::of(array), *size),
            (How::Uuid { text }, _) => Kind::Uuid { values: Blobs::of(array), text: *text },
            (How::Enum(symbols), _) => Kind::Enum(Blobs::of(array), symbols),
            (How::Decimal(how), DataType::Decimal256(..)) => Kind::Decimal256(native(array), *how),
            (How::Decimal(how), _) => Kind::Decimal(digits(array), *how),
            (How::Duration, _) => {
                let columns = array.as_struct().columns();
                Kind::Duration([whole(&columns[0]), whole(&columns[1]), whole(&columns[2])])
            }
            (How::List(item), _) => {
                let (offsets, items) = list(array);
                Kind::List(offsets, Box::new(Values::of(item, &items)?))
            }
            (How::Map(value), _) => {
                let map = array.as_map();
                let keys = Blobs::of(&common(map.keys())?);
                Kind::Map(map.offsets().clone(), keys, Box::new(Values::of(value, map.values())?))
            }
            (How::Record(members), _) => {
                let part = |member: &'a Member| match member {
                    Member::Column(index, target) => {
                        let (name, column) = member_of(array, *index);
                        Ok(Part::Column(name, Values::of(target, column)?))
                    }
                    Member::Default(bytes) => Ok(Part::Default(bytes)),
                };
                Kind::Record(members.iter().map(part).collect::<Result<_, ArrowError>>()?)
            }
            (How::Union(branches), _) => {
                let branch = |(index, target): (usize, &'a Target)| {
                    let (name, column) = member_of(array, index);
                    Ok((name, Values::of(target, column)?))
                };
                Kind::Union(branches.iter().enumerate().map(branch).collect::<Result<_, ArrowError>>()?)
            }
        };
        Ok(Values { nulls: array.logical_nulls(), null: target.null, branch: target.branch, kind })
    }

    #[inline]
    pub(super) fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }
}

impl Blobs {
    #[inline]
    pub(super) fn get(&self, row: usize) -> &[u8] {
        match self {
            Blobs::Small(offsets, data) => &data[offsets[row] as usize..offsets[row + 1] as usize],
            Blobs::Large(offsets, data) => &data[offsets[row] as usize..offsets[row + 1] as usize],
            Blobs::Fixed(width, data) => &data[row * width..(row + 1) * width],
        }
    }

    fn of(array: &ArrayRef) -> Blobs {
        macro_rules! of {
            ($size:ident, $array:expr) => {{
                let array = $array;
                Blobs::$size(array.offsets().clone(), array.values().clone())
            }};
        }
        match array.data_type() {
            DataType::Utf8 => of!(Small, array.as_string::<i32>()),
            DataType::Binary => of!(Small, array.as_binary::<i32>()),
            DataType::LargeUtf8 => of!(Large, array.as_string::<i64>()),
            DataType::FixedSizeBinary(width) => {
                Blobs::Fixed(*width as usize, array.as_fixed_size_binary().values().clone())
            }
            _ => of!(Large, array.as_binary::<i64>()),
        }
    }
}

impl Offsets {
    /// The items of a row's list.
    #[inline]
    pub(super) fn items(&self, row: usize) -> Range<usize> {
        match self {
            Offsets::Small(offsets) => offsets[row] as usize..offsets[row + 1] as usize,
            Offsets::Large(offsets) => offsets[row] as usize..offsets[row + 1] as usize,
            Offsets::Fixed(size) => row * size..(row + 1) * size,
        }
    }
}

/// The same values without a dictionary or views.
fn common(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match array.data_type() {
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            common(&take(dictionary.values().as_ref(), dictionary.keys(), None)?)
        }
        DataType::Utf8View => cast(array, &DataType::LargeUtf8),
        DataType::BinaryView => cast(array, &DataType::LargeBinary),
        _ => Ok(Arc::clone(array)),
    }
}

fn member_of(array: &ArrayRef, index: usize) -> (String, &ArrayRef) {
    let array = array.as_struct();
    (array.fields()[index].name().clone(), array.column(index))
}

/// The values of an array of numbers, as wide as `T`.
fn native<T: ArrowNativeType>(array: &ArrayRef) -> ScalarBuffer<T> {
    let data = array.to_data();
    ScalarBuffer::new(data.buffers()[0].clone(), data.offset(), data.len())
}

/// The values of an array of whole numbers of up to 63 bits, whatever they count.
fn whole(array: &ArrayRef) -> ScalarBuffer<i64> {
    fn widened<T: ArrowNativeType + Into<i64>>(array: &ArrayRef) -> ScalarBuffer<i64> {
        native::<T>(array).iter().map(|&value| value.into()).collect()
    }
    match array.data_type() {
        DataType::Int8 => widened::<i8>(array),
        DataType::Int16 => widened::<i16>(array),
        DataType::UInt8 => widened::<u8>(array),
        DataType::UInt16 => widened::<u16>(array),
        DataType::UInt32 => widened::<u32>(array),
        other if other.primitive_width() == Some(4) => widened::<i32>(array),
        _ => native(array),
    }
}

fn singles(array: &ArrayRef) -> ScalarBuffer<f32> {
    match array.data_type() {
        DataType::Float16 => {
            array.as_primitive::<Float16Type>().values().iter().map(|value| value.to_f32()).collect()
        }
        _ => array.as_primitive::<Float32Type>().values().clone(),
    }
}

/// The digits of a decimal, or of a whole number.
fn digits(array: &ArrayRef) -> ScalarBuffer<i128> {
    match array.data_type() {
        DataType::Decimal128(..) => native(array),
        DataType::UInt64 => native::<u64>(array).iter().map(|&value| i128::from(value)).collect(),
        _ => whole(array).iter().map(|&value| i128::from(value)).collect(),
    }
}

fn list(array: &ArrayRef) -> (Offsets, ArrayRef) {
    match array.data_type() {
        DataType::FixedSizeList(_, size) => {
            (Offsets::Fixed(*size as usize), Arc::clone(array.as_fixed_size_list().values()))
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            (Offsets::Large(list.offsets().clone()), Arc::clone(list.values()))
        }
        _ => {
            let list = array.as_list::<i32>();
            (Offsets::Small(list.offsets().clone()), Arc::clone(list.values()))
        }
    }
}
