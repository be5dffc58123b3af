//! Arrays as a stream had them to the columns that are declared: their own type, or one that holds each of its
//! values exactly. Knows nothing of messages.

use std::sync::Arc;

use arrow::array::*;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    ArrowNativeTypeOp, DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType,
    Field, FieldRef, Fields, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
};
use arrow::error::ArrowError;

use super::buffers::Budget;
use super::{syntax, unsupported};
use crate::codec::column::size_of_null;
use crate::codec::column::type_name;
use crate::codec::problem::{Outcome, Problem, code};

/// The column `to`, of what the stream has of its name, for `rows` rows.
pub(super) fn column(
    found: Option<&ArrayRef>,
    to: &Field,
    rows: usize,
    budget: &mut Budget,
) -> Outcome<ArrayRef> {
    let converted = match found {
        Some(array) if !to.is_nullable() && array.logical_null_count() > 0 => Err(unexpected_null(array, to)),
        Some(array) => convert(array, to.data_type(), budget),
        None if to.is_nullable() => nulls(to.data_type(), rows, budget),
        None => {
            let what = format!("expected {}, found no such column", type_name(to.data_type()));
            Err(Problem::new(code::MISSING_COLUMN, what))
        }
    };
    converted.map_err(|problem| problem.in_field(to.name()))
}

#[cold]
fn unexpected_null(array: &ArrayRef, to: &Field) -> Box<Problem> {
    let nulls = array.logical_nulls();
    let row = nulls.and_then(|nulls| (0..nulls.len()).find(|&row| nulls.is_null(row))).unwrap_or_default();
    let what = format!("expected {}, found null in row {row}", type_name(to.data_type()));
    Problem::new(code::TYPE_MISMATCH, what)
}

fn nulls(data_type: &DataType, rows: usize, budget: &mut Budget) -> Outcome<ArrayRef> {
    budget.take(rows.saturating_mul(size_of_null(data_type)))?;
    Ok(new_null_array(data_type, rows))
}

/// `array` as one of type `to`.
fn convert(array: &ArrayRef, to: &DataType, budget: &mut Budget) -> Outcome<ArrayRef> {
    let nulls_of = |array: &ArrayRef| array.nulls().cloned();
    match (array.data_type(), to) {
        (from, to) if from == to => Ok(Arc::clone(array)),
        (DataType::Null, to) => nulls(to, array.len(), budget),
        (DataType::Struct(_), DataType::Struct(fields)) => {
            structs(array.as_struct(), fields, budget).map(|array| Arc::new(array) as ArrayRef)
        }
        (DataType::Map(..), DataType::Map(entries, sorted)) => map(array.as_map(), entries, *sorted, budget),
        (DataType::List(_), DataType::List(item)) => {
            let list = array.as_list::<i32>();
            let items = items(list.values(), item, budget)?;
            checked(ListArray::try_new(Arc::clone(item), list.offsets().clone(), items, nulls_of(array)))
        }
        (DataType::LargeList(_), DataType::LargeList(item)) => {
            let list = array.as_list::<i64>();
            let items = items(list.values(), item, budget)?;
            checked(LargeListArray::try_new(Arc::clone(item), list.offsets().clone(), items, nulls_of(array)))
        }
        (DataType::FixedSizeList(_, from), DataType::FixedSizeList(item, size)) if from == size => {
            let items = items(array.as_fixed_size_list().values(), item, budget)?;
            let (item, len, nulls) = (Arc::clone(item), array.len(), nulls_of(array));
            checked(FixedSizeListArray::try_new_with_length(item, *size, items, nulls, len))
        }
        // A list of another kind: first its items, then the kind.
        (DataType::List(_), DataType::LargeList(item)) => {
            let list = convert(array, &DataType::List(Arc::clone(item)), budget)?;
            cast(&list, to, budget)
        }
        (DataType::LargeList(_), DataType::List(item)) => {
            let list = convert(array, &DataType::LargeList(Arc::clone(item)), budget)?;
            cast(&list, to, budget)
        }
        (DataType::FixedSizeList(_, size), DataType::List(item) | DataType::LargeList(item)) => {
            let list = convert(array, &DataType::FixedSizeList(Arc::clone(item), *size), budget)?;
            cast(&list, to, budget)
        }
        (from, to) if holds(from, to) => cast(array, to, budget),
        (from, to) => {
            let what = format!("expected {}, found {}", type_name(to), type_name(from));
            Err(Problem::new(code::TYPE_MISMATCH, what))
        }
    }
}

fn items(items: &ArrayRef, to: &FieldRef, budget: &mut Budget) -> Outcome<ArrayRef> {
    convert(items, to.data_type(), budget).map_err(|problem| problem.in_field(to.name()))
}

/// Fields are found by name, as columns are.
fn structs(array: &StructArray, to: &Fields, budget: &mut Budget) -> Outcome<StructArray> {
    let names: Vec<&str> = array.fields().iter().map(|field| field.name().as_str()).collect();
    let mut columns = Vec::with_capacity(to.len());
    for field in to {
        let found = place(&names, field.name())?.map(|place| array.column(place));
        // Whether it may be null is seen below: where the whole object is null, its fields are.
        let lenient = field.as_ref().clone().with_nullable(found.is_some() || field.is_nullable());
        columns.push(column(found, &lenient, array.len(), budget)?);
    }
    let (nulls, len) = (array.nulls().cloned(), array.len());
    StructArray::try_new_with_length(to.clone(), columns, nulls, len).map_err(refused)
}

/// Keys and values are found by their order: their names differ from writer to writer.
fn map(array: &MapArray, entries: &FieldRef, sorted: bool, budget: &mut Budget) -> Outcome<ArrayRef> {
    let DataType::Struct(fields) = entries.data_type() else {
        return Err(syntax("the entries of a map are no structs"));
    };
    let columns = array.entries().columns().iter().zip(fields).map(|(column, to)| items(column, to, budget));
    let columns = columns.collect::<Outcome<Vec<ArrayRef>>>()?;
    let pairs = StructArray::try_new_with_length(fields.clone(), columns, None, array.entries().len());
    let (offsets, nulls) = (array.offsets().clone(), array.nulls().cloned());
    checked(MapArray::try_new(Arc::clone(entries), offsets, pairs.map_err(refused)?, nulls, sorted))
}

/// Where the only one of these names is.
pub(super) fn place(names: &[&str], name: &str) -> Outcome<Option<usize>> {
    let mut places = (0..names.len()).filter(|&place| names[place] == name);
    match (places.next(), places.next()) {
        (place, None) => Ok(place),
        _ => Err(unsupported("two columns have this name").in_field(name)),
    }
}

fn checked<A: Array + 'static>(array: Result<A, ArrowError>) -> Outcome<ArrayRef> {
    array.map(|array| Arc::new(array) as ArrayRef).map_err(refused)
}

/// Null where it may not be, or too large for its offsets.
#[cold]
fn refused(why: ArrowError) -> Box<Problem> {
    match why {
        ArrowError::InvalidArgumentError(why) => Problem::new(code::TYPE_MISMATCH, why),
        ArrowError::CastError(why) | ArrowError::ComputeError(why) | ArrowError::ArithmeticOverflow(why) => {
            Problem::new(code::OUT_OF_RANGE, why)
        }
        other => Problem::new(code::TYPE_MISMATCH, other.to_string()),
    }
}

/// To a type that holds every value; times may still be too far from 1970 for a finer unit.
fn cast(array: &ArrayRef, to: &DataType, budget: &mut Budget) -> Outcome<ArrayRef> {
    let width = to.primitive_width().unwrap_or(size_of::<i64>());
    budget.take(array.len().saturating_mul(width))?;
    if let (DataType::Time64(TimeUnit::Microsecond), DataType::Time64(TimeUnit::Nanosecond)) =
        (array.data_type(), to)
    {
        return nanoseconds(array);
    }
    let array = &without_garbage(array, budget)?;
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let array = retyped(array, &without_zone(array.data_type()))?;
    let array = cast_with_options(&array, &without_zone(to), &options).map_err(refused)?;
    retyped(&array, to)
}

/// The library multiplies these without a look at what comes of it.
fn nanoseconds(microseconds: &ArrayRef) -> Outcome<ArrayRef> {
    let times = microseconds.as_primitive::<Time64MicrosecondType>();
    let times = times.try_unary::<_, Time64NanosecondType, _>(|time| time.mul_checked(1000));
    Ok(Arc::new(times.map_err(refused)?))
}

/// Decimals with zeros where they are null: the library converts what lies there as well, and takes it for a number
/// of no more digits than the others.
fn without_garbage(array: &ArrayRef, budget: &mut Budget) -> Outcome<ArrayRef> {
    fn zeroed<D: DecimalType>(array: &ArrayRef, budget: &mut Budget) -> Outcome<ArrayRef> {
        budget.take(array.len().saturating_mul(size_of::<D::Native>()))?;
        let zeroed: PrimitiveArray<D> = array.as_primitive::<D>().iter().collect();
        Ok(Arc::new(zeroed.with_data_type(array.data_type().clone())))
    }
    match array.data_type() {
        _ if array.null_count() == 0 => Ok(Arc::clone(array)),
        DataType::Decimal32(..) => zeroed::<Decimal32Type>(array, budget),
        DataType::Decimal64(..) => zeroed::<Decimal64Type>(array, budget),
        DataType::Decimal128(..) => zeroed::<Decimal128Type>(array, budget),
        DataType::Decimal256(..) => zeroed::<Decimal256Type>(array, budget),
        _ => Ok(Arc::clone(array)),
    }
}

/// A zone says how an instant is shown, not which one it is.
fn without_zone(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(unit, _) => DataType::Timestamp(*unit, None),
        other => other.clone(),
    }
}

/// The same values under a type of the same layout.
fn retyped(array: &ArrayRef, to: &DataType) -> Outcome<ArrayRef> {
    if array.data_type() == to {
        return Ok(Arc::clone(array));
    }
    let data = array.to_data().into_builder().data_type(to.clone()).build().map_err(refused)?;
    Ok(make_array(data))
}

/// Whether every value of one type is exactly one of another.
fn holds(from: &DataType, to: &DataType) -> bool {
    use DataType::*;
    if let Some((signed, bits)) = integer(from) {
        let magnitude = bits - u8::from(signed);
        return match to {
            Float16 => magnitude <= 11,
            Float32 => magnitude <= 24,
            Float64 => magnitude <= 53,
            _ => match (integer(to), decimal(to)) {
                (Some((to_signed, to_bits)), _) if signed => to_signed && bits <= to_bits,
                (Some((to_signed, to_bits)), _) => bits <= to_bits - u8::from(to_signed),
                (_, Some((precision, scale))) => scale >= 0 && digits(signed, bits) <= precision - scale,
                _ => false,
            },
        };
    }
    if let (Some((precision, scale)), Some((to_precision, to_scale))) = (decimal(from), decimal(to)) {
        return scale <= to_scale && precision - scale <= to_precision - to_scale;
    }
    match (from, to) {
        (Float16, Float32 | Float64) | (Float32, Float64) | (Date32, Date64) => true,
        (Utf8, LargeUtf8) | (LargeUtf8, Utf8) => true,
        (Binary | LargeBinary | FixedSizeBinary(_), Binary | LargeBinary) => true,
        (Timestamp(from, _), Timestamp(to, _)) | (Duration(from), Duration(to)) => {
            fineness(*from) <= fineness(*to)
        }
        (Time32(from), Time32(to) | Time64(to)) | (Time64(from), Time64(to)) => {
            fineness(*from) <= fineness(*to)
        }
        _ => false,
    }
}

/// Whether it has a sign, and its bits.
fn integer(data_type: &DataType) -> Option<(bool, u8)> {
    match data_type {
        DataType::Int8 => Some((true, 8)),
        DataType::Int16 => Some((true, 16)),
        DataType::Int32 => Some((true, 32)),
        DataType::Int64 => Some((true, 64)),
        DataType::UInt8 => Some((false, 8)),
        DataType::UInt16 => Some((false, 16)),
        DataType::UInt32 => Some((false, 32)),
        DataType::UInt64 => Some((false, 64)),
        _ => None,
    }
}

/// Digits of the longest integer.
fn digits(signed: bool, bits: u8) -> i16 {
    match bits {
        8 => 3,
        16 => 5,
        32 => 10,
        _ if signed => 19,
        _ => 20,
    }
}

/// Precision and scale.
fn decimal(data_type: &DataType) -> Option<(i16, i16)> {
    match data_type {
        DataType::Decimal32(p, s)
        | DataType::Decimal64(p, s)
        | DataType::Decimal128(p, s)
        | DataType::Decimal256(p, s) => Some(((*p).into(), (*s).into())),
        _ => None,
    }
}

fn fineness(unit: TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 1,
        TimeUnit::Microsecond => 2,
        TimeUnit::Nanosecond => 3,
    }
}
