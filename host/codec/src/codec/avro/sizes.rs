//! How many bytes values of each type take, and which fields of a record are skipped at once. Without recursion:
//! types refer to types as often as there are any. Knows nothing of bytes and columns.

use super::types::{Id, Kind, Type};

/// Bytes that a value takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    /// At least so many.
    pub(super) least: usize,
    /// And never more.
    pub(super) exact: bool,
}

/// A way through a record that nobody reads: so many bytes, and then a value that tells itself where it ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) bytes: usize,
    pub(super) then: Option<Id>,
}

/// What is known before anything is known. A record in itself, without a union or an array in between, has no end:
/// any bound is a true one.
const UNKNOWN: Size = Size { least: 0, exact: false };

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    /// What is in it comes first.
    Open,
    Known,
}

/// The sizes of all types.
pub(super) fn sizes(all: &[Type]) -> Vec<Size> {
    let (mut sizes, mut states) = (vec![UNKNOWN; all.len()], vec![State::New; all.len()]);
    let mut open = Vec::new();
    for first in 0..all.len() {
        open.push(first);
        while let Some(&id) = open.last() {
            if states[id] == State::New {
                states[id] = State::Open;
                open.extend(parts(&all[id].kind).filter(|part| states[*part] == State::New));
                continue;
            }
            if states[id] == State::Open {
                sizes[id] = size(&all[id].kind, &sizes);
                states[id] = State::Known;
            }
            open.pop();
        }
    }
    sizes
}

/// The types that the size of a type depends on.
fn parts(kind: &Kind) -> impl Iterator<Item = Id> {
    let (branches, fields) = match kind {
        Kind::Union(branches) => (&branches[..], &[][..]),
        Kind::Record(record) => (&[][..], &record.fields[..]),
        _ => (&[][..], &[][..]),
    };
    branches.iter().copied().chain(fields.iter().map(|field| field.of))
}

/// The size of a type, by the sizes of those in it.
fn size(kind: &Kind, sizes: &[Size]) -> Size {
    let exactly = |least| Size { least, exact: true };
    let at_least = |least| Size { least, exact: false };
    match kind {
        Kind::Null => exactly(0),
        Kind::Boolean => exactly(1),
        Kind::Float => exactly(4),
        Kind::Double => exactly(8),
        Kind::Fixed(_, bytes) => exactly(*bytes),
        Kind::Int | Kind::Long | Kind::Bytes | Kind::String | Kind::Enum(_) => at_least(1),
        Kind::Array(_) | Kind::Map(_) => at_least(1),
        Kind::Union(branches) => {
            let least = branches.iter().map(|&branch| sizes[branch].least).min();
            at_least(least.unwrap_or(0).saturating_add(1))
        }
        Kind::Record(record) => record.fields.iter().fold(exactly(0), |sum, field| {
            let one = sizes[field.of];
            Size { least: sum.least.saturating_add(one.least), exact: sum.exact && one.exact }
        }),
    }
}

/// How a type is skipped that is a record and of no exact size: fields of one are taken together, as those of no bytes
/// would cost a step each for nothing.
pub(super) fn stretches(of: &Type, size: Size, sizes: &[Size]) -> Box<[Stretch]> {
    let (Kind::Record(record), false) = (&of.kind, size.exact) else { return Box::default() };
    let (mut stretches, mut bytes) = (Vec::new(), 0_usize);
    for field in &record.fields {
        match sizes[field.of] {
            Size { least, exact: true } => bytes = bytes.saturating_add(least),
            _ => stretches.push(Stretch { bytes: std::mem::take(&mut bytes), then: Some(field.of) }),
        }
    }
    if bytes > 0 {
        stretches.push(Stretch { bytes, then: None });
    }
    stretches.into()
}
