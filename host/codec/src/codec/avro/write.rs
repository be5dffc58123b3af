//! Values to bytes, appended to a buffer. On an error part of a value may be there, for the caller to take back.
//! Knows nothing of schemas and batches.

use std::ops::Range;

use super::array::{Blobs, Kind, Part, Values};
use super::decimal::Digits;
use super::meaning::Ratio;
use super::target::Decimal;
use super::uuid;
use crate::codec::problem::{Outcome, Problem, code, quote};

/// A long, or an int.
#[inline(always)]
pub(super) fn write_long(value: i64, out: &mut Vec<u8>) {
    // Signed numbers alternate with their size, so that small ones are short whatever their sign.
    let number = ((value << 1) ^ (value >> 63)) as u64;
    if number < 0x80 {
        out.push(number as u8);
    } else {
        write_number(number, out);
    }
}

/// Seven bits a byte, the lowest first; all but the last have the eighth bit set.
#[inline(never)]
fn write_number(mut number: u64, out: &mut Vec<u8>) {
    let (mut bytes, mut len) = ([0; 10], 0);
    while number >= 0x80 {
        bytes[len] = number as u8 | 0x80;
        number >>= 7;
        len += 1;
    }
    bytes[len] = number as u8;
    out.extend_from_slice(&bytes[..=len]);
}

/// Bytes, or text: the length comes first.
#[inline(always)]
pub(super) fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_long(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
}

impl Values<'_> {
    /// Appends the value of `row`.
    #[inline]
    pub(super) fn write(&self, row: usize, out: &mut Vec<u8>) -> Outcome<()> {
        if self.is_null(row) {
            return self.write_null(out);
        }
        if let Some(branch) = self.branch {
            write_long(branch, out);
        }
        match &self.kind {
            Kind::Whole { values, int: false, ratio: Ratio::ONE } => write_long(values[row], out),
            Kind::Bytes(values) => write_bytes(values.get(row), out),
            Kind::Double(values) => out.extend_from_slice(&values[row].to_le_bytes()),
            Kind::Record(parts) => return write_record(parts, row, out),
            _ => return self.write_rare(row, out),
        }
        Ok(())
    }

    fn write_null(&self, out: &mut Vec<u8>) -> Outcome<()> {
        match (self.null, &self.kind) {
            (Some(null), _) => write_long(null, out),
            // A type that is nothing but null takes no bytes.
            (None, Kind::Null) => {}
            (None, _) => {
                return Err(Problem::new(
                    code::TYPE_MISMATCH,
                    "null, and the field of the schema cannot be null",
                ));
            }
        }
        Ok(())
    }

    #[inline(never)]
    fn write_rare(&self, row: usize, out: &mut Vec<u8>) -> Outcome<()> {
        match &self.kind {
            Kind::Null => {}
            Kind::Boolean(values) => out.push(u8::from(values.value(row))),
            Kind::Whole { values, int, ratio } => {
                return write_whole(ratio.of(values[row]), values[row], *int, out);
            }
            Kind::Unsigned { values, int } => {
                return write_whole(Some(i128::from(values[row])), values[row], *int, out);
            }
            Kind::Float(values) => out.extend_from_slice(&values[row].to_le_bytes()),
            Kind::Fixed(values, size) => return write_fixed(values.get(row), *size, out),
            Kind::Uuid { values, text } => return write_uuid(values.get(row), *text, out),
            Kind::Enum(values, symbols) => return write_symbol(values.get(row), symbols, out),
            Kind::Decimal(values, how) => return write_decimal(values[row], *how, out),
            Kind::Decimal256(values, how) => return write_decimal(values[row], *how, out),
            Kind::Duration(parts) => {
                for part in parts {
                    let number = u32::try_from(part[row]);
                    out.extend_from_slice(
                        &number.map_err(|_| out_of_range("a duration", part[row]))?.to_le_bytes(),
                    );
                }
            }
            Kind::List(offsets, items) => return items.write_all(offsets.items(row), out),
            Kind::Map(offsets, keys, values) => {
                return values.write_map(keys, offsets[row] as usize..offsets[row + 1] as usize, out);
            }
            Kind::Union(branches) => return self.write_union(branches, row, out),
            Kind::Bytes(_) | Kind::Double(_) | Kind::Record(_) => unreachable!("written by the caller"),
        }
        Ok(())
    }

    /// Appends items as one block.
    fn write_all(&self, items: Range<usize>, out: &mut Vec<u8>) -> Outcome<()> {
        if !items.is_empty() {
            write_long(items.len() as i64, out);
        }
        for (index, item) in items.enumerate() {
            self.write(item, out).map_err(|problem| problem.in_item(index))?;
        }
        out.push(0);
        Ok(())
    }

    /// Appends entries as one block.
    fn write_map(&self, keys: &Blobs, entries: Range<usize>, out: &mut Vec<u8>) -> Outcome<()> {
        if !entries.is_empty() {
            write_long(entries.len() as i64, out);
        }
        for entry in entries {
            write_bytes(keys.get(entry), out);
            self.write(entry, out).map_err(|problem| problem.in_field(&quote(keys.get(entry))))?;
        }
        out.push(0);
        Ok(())
    }

    /// Appends the one branch that is not null.
    fn write_union(&self, branches: &[(String, Values)], row: usize, out: &mut Vec<u8>) -> Outcome<()> {
        let mut set = branches.iter().filter(|(_, values)| !values.is_null(row));
        match (set.next(), set.next()) {
            (Some((name, values)), None) => values.write(row, out).map_err(|problem| problem.in_field(name)),
            (None, _) => self.write_null(out),
            (Some((one, _)), Some((other, _))) => {
                let what = format!("expected one branch of the union, found both {one} and {other}");
                Err(Problem::new(code::TYPE_MISMATCH, what))
            }
        }
    }
}

#[inline]
fn write_record(parts: &[Part], row: usize, out: &mut Vec<u8>) -> Outcome<()> {
    for part in parts {
        match part {
            Part::Column(name, values) => {
                if let Err(problem) = values.write(row, out) {
                    return Err(problem.in_field(name));
                }
            }
            Part::Default(bytes) => out.extend_from_slice(bytes),
        }
    }
    Ok(())
}

fn write_whole(
    number: Option<i128>,
    found: impl std::fmt::Display,
    int: bool,
    out: &mut Vec<u8>,
) -> Outcome<()> {
    let Some(number) = number else {
        let what = format!("{found} has digits below the unit of the schema");
        return Err(Problem::new(code::OUT_OF_RANGE, what));
    };
    let fits = if int { i32::try_from(number).ok().map(i64::from) } else { i64::try_from(number).ok() };
    match fits {
        Some(number) => write_long(number, out),
        None => return Err(out_of_range(if int { "an int" } else { "a long" }, number)),
    }
    Ok(())
}

fn write_fixed(bytes: &[u8], size: usize, out: &mut Vec<u8>) -> Outcome<()> {
    if bytes.len() != size {
        let what = format!("expected {size} bytes, found {}", bytes.len());
        return Err(Problem::new(code::TYPE_MISMATCH, what));
    }
    out.extend_from_slice(bytes);
    Ok(())
}

fn write_uuid(found: &[u8], text: bool, out: &mut Vec<u8>) -> Outcome<()> {
    match uuid::parse(found) {
        Some(_) if text => write_bytes(found, out),
        Some(bytes) => out.extend_from_slice(&bytes),
        None => {
            let what = format!("expected a UUID, found \"{}\"", quote(found));
            return Err(Problem::new(code::TYPE_MISMATCH, what));
        }
    }
    Ok(())
}

fn write_symbol(text: &[u8], symbols: &[(Box<str>, i64)], out: &mut Vec<u8>) -> Outcome<()> {
    match symbols.binary_search_by(|(symbol, _)| symbol.as_bytes().cmp(text)) {
        Ok(position) => write_long(symbols[position].1, out),
        Err(_) => {
            let known = symbols.iter().take(10).map(|(symbol, _)| &**symbol).collect::<Vec<_>>().join(", ");
            let what = format!("expected a symbol of the enum ({known}), found \"{}\"", quote(text));
            return Err(Problem::new(code::TYPE_MISMATCH, what));
        }
    }
    Ok(())
}

fn write_decimal<T: Digits>(digits: T, how: Decimal, out: &mut Vec<u8>) -> Outcome<()> {
    let narrow = digits.scaled(how.exponent).filter(|scaled| scaled.fits(how.precision));
    if let Some(scaled) = narrow {
        return write_digits(scaled, how.size, out);
    }
    // The type may have more digits than the column.
    let wide = digits.wide().scaled(how.exponent).filter(|scaled| scaled.fits(how.precision));
    if let Some(scaled) = wide {
        return write_digits(scaled, how.size, out);
    }
    let what = format!(
        "{digits:?} times 10^{} is not whole, or has more than {} digits",
        how.exponent, how.precision
    );
    Err(Problem::new(code::OUT_OF_RANGE, what))
}

fn write_digits<T: Digits>(scaled: T, size: Option<usize>, out: &mut Vec<u8>) -> Outcome<()> {
    let begin = out.len();
    match size {
        // As long a number as there is takes its length in one byte.
        None => {
            out.push(0);
            scaled.to_bytes(out);
            out[begin] = ((out.len() - begin - 1) << 1) as u8;
        }
        Some(size) => {
            scaled.to_bytes(out);
            let Some(more) = size.checked_sub(out.len() - begin) else {
                return Err(out_of_range(&format!("a decimal in {size} bytes"), format!("{scaled:?}")));
            };
            let sign = if out[begin] & 0x80 != 0 { 0xff } else { 0 };
            out.splice(begin..begin, std::iter::repeat_n(sign, more));
        }
    }
    Ok(())
}

#[cold]
fn out_of_range(expected: &str, found: impl std::fmt::Display) -> Box<Problem> {
    Problem::new(code::OUT_OF_RANGE, format!("expected {expected}, which cannot hold {found}"))
}
