//! Functions whose result may be far larger than what they are given. Each says how large it will be at most before
//! it is called, so that it is refused and not made.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _};
use arrow::compute::{cast, kernels::length::length};
use arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion_common::{Result, ScalarValue};
use datafusion_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use super::budget;

/// How a function's result grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Growth {
    /// All arguments one after another: `concat`.
    Sum,
    /// The first as often as the second says: `repeat`.
    Times,
    /// The first with as many characters as the second says: `lpad`.
    Padded,
    /// The first with what is put in the place of a part: `replace`.
    Replaced,
    /// The same by a pattern, whose groups may be put in: `regexp_replace`.
    Matched,
}

impl Growth {
    fn of(name: &str) -> Option<Growth> {
        Some(match name {
            "concat" | "concat_ws" => Growth::Sum,
            "repeat" => Growth::Times,
            "lpad" | "rpad" => Growth::Padded,
            "replace" => Growth::Replaced,
            "regexp_replace" => Growth::Matched,
            _ => return None,
        })
    }

    /// Bytes that the result has at most, for `rows` rows.
    fn bytes(self, args: &[ColumnarValue], rows: usize) -> Result<usize> {
        let scalar = args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if scalar { 1 } else { rows };
        let sizes = |at: usize| args.get(at).map_or(Ok(Sizes::default()), Sizes::of);
        let [first, second, third] = [sizes(0)?, sizes(1)?, sizes(2)?];
        Ok(match self {
            Growth::Sum => {
                let mut sum = 0_usize;
                for arg in args {
                    let sizes = Sizes::of(arg)?;
                    sum = (0..rows).fold(sum, |sum, row| sum.saturating_add(sizes.at(row)));
                }
                // A separator stands between any two.
                let separators = (0..rows).fold(0_usize, |sum, row| sum.saturating_add(first.at(row)));
                sum.saturating_add(separators.saturating_mul(args.len()))
            }
            Growth::Times => total(rows, |row| first.at(row).saturating_mul(second.at(row))),
            Growth::Padded => {
                let character = |row| if args.len() > 2 { third.at(row).min(4) } else { 1 };
                total(rows, |row| first.at(row).saturating_add(second.at(row).saturating_mul(character(row))))
            }
            Growth::Replaced => total(rows, |row| {
                let places = first.at(row) / second.at(row).max(1) + 1;
                first.at(row).saturating_add(places.saturating_mul(third.at(row)))
            }),
            Growth::Matched => {
                let everywhere = args.get(3).is_some_and(|flags| !is_without_g(flags));
                total(rows, |row| {
                    let (text, put_in) = (first.at(row), third.at(row));
                    let places = if everywhere { text + 1 } else { 1 };
                    // A group takes two characters to name; all its matches together are no longer than the text.
                    let groups = text.saturating_mul(put_in / 2);
                    text.saturating_add(places.saturating_mul(put_in)).saturating_add(groups)
                })
            }
        })
    }
}

fn total(rows: usize, of: impl Fn(usize) -> usize) -> usize {
    (0..rows).fold(0, |sum, row| sum.saturating_add(of(row)))
}

fn is_without_g(flags: &ColumnarValue) -> bool {
    match flags {
        ColumnarValue::Scalar(
            ScalarValue::Utf8(Some(flags))
            | ScalarValue::LargeUtf8(Some(flags))
            | ScalarValue::Utf8View(Some(flags)),
        ) => !flags.contains('g'),
        _ => false,
    }
}

/// Bytes of texts, or numbers as they are; nothing for null and below zero.
#[derive(Default)]
struct Sizes {
    each: Vec<usize>,
}

impl Sizes {
    fn of(value: &ColumnarValue) -> Result<Sizes> {
        let array: ArrayRef = match value {
            ColumnarValue::Array(array) => Arc::clone(array),
            ColumnarValue::Scalar(scalar) => scalar.to_array()?,
        };
        let lengths = match array.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => length(&array)?,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => length(&array)?,
            _ => array,
        };
        let numbers = cast(&lengths, &DataType::Int64)?;
        let numbers = numbers.as_primitive::<Int64Type>();
        let each = numbers.iter().map(|n| n.map_or(0, |n| usize::try_from(n).unwrap_or(0))).collect();
        Ok(Sizes { each })
    }

    /// A scalar is the same in every row.
    fn at(&self, row: usize) -> usize {
        self.each.get(row).or(self.each.first()).copied().unwrap_or(0)
    }
}

/// A function that is asked how large its result will be. Of what its original does beside being called
/// (simplifications, bounds) only that is passed on which types need.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    original: Arc<ScalarUDF>,
    growth: Growth,
}

/// `function`, with its result bounded where it grows.
pub(super) fn bounded(function: Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    match Growth::of(function.name()) {
        Some(growth) => Arc::new(ScalarUDF::from(Bounded { original: function, growth })),
        None => function,
    }
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.original.name()
    }

    fn aliases(&self) -> &[String] {
        self.original.aliases()
    }

    fn signature(&self) -> &Signature {
        self.original.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.original.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.original.return_field_from_args(args)
    }

    fn is_strict(&self) -> bool {
        self.original.is_strict()
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.original.coerce_types(types)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.original.documentation()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (before, bytes) = (budget::made(), self.growth.bytes(&args.args, args.number_rows)?);
        budget::take(bytes)?;
        // It is counted again by what it is.
        budget::back_to(before);
        self.original.invoke_with_args(args)
    }
}
