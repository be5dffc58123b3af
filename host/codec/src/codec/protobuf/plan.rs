//! How a message is read into columns: which field of the wire goes into which column, as what, and what a column
//! holds whose field is not there. Knows nothing of schemas and records.

use std::sync::Arc;

use super::json_text::JsonText;
use super::kind::Number;
use super::time::Time;
use super::wire::WireType;

/// A message and the columns of an object (or of the record itself).
pub(super) struct Message {
    /// How each column is filled, in their order.
    pub(super) slots: Vec<Slot>,
    /// Those of its oneofs that have columns.
    pub(super) oneofs: Vec<Oneof>,
    pub(super) targets: Targets,
    pub(super) cost: Cost,
}

/// What takes memory without being in the record, in bytes.
#[derive(Clone, Copy, Default)]
pub(super) struct Cost {
    /// A value of which nothing, or nothing but its beginning, is there.
    pub(super) empty: usize,
    /// The defaults among that.
    pub(super) defaults: usize,
}

/// A oneof while a message is read: which member is there.
#[derive(Clone, Copy, Default)]
pub(super) struct Oneof {
    /// The value it was read in, as counted by the columns.
    pub(super) begun: u64,
    /// The member's column, if it has one.
    pub(super) column: Option<u32>,
}

/// How a column is filled.
pub(super) struct Slot {
    pub(super) shape: Shape,
    pub(super) absent: Absent,
    pub(super) cost: Cost,
    /// Of how many arrays the column is made.
    pub(super) arrays: usize,
}

impl Message {
    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        let slots: usize = self.slots.iter().map(Slot::bytes).sum();
        slots + self.targets.all.len() * size_of::<Target>()
    }
}

impl Slot {
    fn bytes(&self) -> usize {
        let inner = match &self.shape {
            Shape::One(kind) | Shape::Many(kind) => kind.bytes(),
            Shape::Map(entry) => entry.iter().map(Slot::bytes).sum(),
        };
        size_of::<Slot>() + self.absent.size() + inner
    }
}

/// How often a field may be there.
pub(super) enum Shape {
    One(Kind),
    Many(Kind),
    /// A key and its value.
    Map(Box<[Slot; 2]>),
}

/// What one value is.
pub(super) enum Kind {
    Number(Number),
    Enum(Arc<Names>),
    Text,
    Bytes,
    Message(Box<Message>),
    /// A message written between tags: the field's number.
    Group(Box<Message>, u32),
    Time(Time),
    /// A message of one field that is the value, and whether that field was there.
    Wrapper(Box<Slot>, bool),
    Json(JsonText),
}

impl Kind {
    pub(super) fn wire(&self) -> WireType {
        match self {
            Kind::Number(number) => number.wire(),
            Kind::Enum(_) => WireType::Varint,
            Kind::Group(..) => WireType::Group,
            _ => WireType::Length,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Kind::Message(message) | Kind::Group(message, _) => message.bytes(),
            Kind::Wrapper(slot, _) => slot.bytes(),
            _ => 0,
        }
    }

    /// What a value stands for that begins and has nothing in it.
    #[inline]
    pub(super) fn cost(&self) -> Cost {
        match self {
            Kind::Message(message) | Kind::Group(message, _) => message.cost,
            Kind::Wrapper(slot, _) => Cost { empty: slot.cost.defaults, ..slot.cost },
            // Each of its bytes stands for about as many as in any list.
            _ => Cost::default(),
        }
    }
}

/// What a column holds whose field is not there.
pub(super) enum Absent {
    Null,
    /// It cannot: the record is refused. What was expected.
    Missing(String),
    /// The message without fields, or the empty list.
    Empty,
    /// This value, as the wire has it.
    Default(Box<(Kind, Vec<u8>)>),
}

impl Absent {
    /// Bytes of the default.
    pub(super) fn size(&self) -> usize {
        match self {
            Absent::Default(default) => match &**default {
                (Kind::Enum(names), _) => names.longest(),
                (_, bytes) => bytes.len(),
            },
            Absent::Null | Absent::Missing(_) | Absent::Empty => 0,
        }
    }
}

/// Names of an enum by number.
pub(super) struct Names(Vec<(i32, Box<str>)>);

impl Names {
    pub(super) fn new(mut names: Vec<(i32, Box<str>)>) -> Names {
        // Stable: of several names for one number the first counts.
        names.sort_by_key(|(number, _)| *number);
        names.dedup_by_key(|(number, _)| *number);
        Names(names)
    }

    fn longest(&self) -> usize {
        self.0.iter().map(|(_, name)| name.len()).max().unwrap_or(0)
    }

    /// The name of a number that has one.
    #[inline]
    pub(super) fn get(&self, number: i32) -> Option<&str> {
        // Most enums count from zero.
        let guess = self.0.get(number as usize).filter(|(known, _)| *known == number);
        let found = guess.or_else(|| {
            let place = self.0.binary_search_by_key(&number, |(known, _)| *known);
            place.ok().map(|place| &self.0[place])
        });
        found.map(|(_, name)| &**name)
    }
}

/// Where a field of the wire goes.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) number: u32,
    /// Its column; a member of a oneof without one still takes the place of its siblings.
    pub(super) column: Option<u32>,
    /// Its oneof, among those of the message that have columns.
    pub(super) oneof: Option<u32>,
}

/// Targets by number.
pub(super) struct Targets {
    /// In the order of their numbers.
    all: Vec<Target>,
    /// For low numbers: the place among all, or [`NOWHERE`].
    low: Vec<u16>,
}

const NOWHERE: u16 = u16::MAX;
const LOW: u32 = 1024;

impl Targets {
    pub(super) fn new(mut all: Vec<Target>) -> Targets {
        all.sort_by_key(|target| target.number);
        let last = all.iter().map(|target| target.number).filter(|number| *number < LOW).max();
        let mut low = vec![NOWHERE; last.map_or(0, |last| last as usize + 1)];
        // Numbers are all different, so the low ones have the first places.
        for (place, target) in all.iter().enumerate().filter(|(_, target)| target.number < LOW) {
            low[target.number as usize] = place as u16;
        }
        Targets { all, low }
    }
}

impl Message {
    /// Where a field goes; none where nobody takes it.
    #[inline]
    pub(super) fn target(&self, number: u32) -> Option<Target> {
        let targets = &self.targets;
        match targets.low.get(number as usize) {
            Some(&NOWHERE) => None,
            Some(&place) => targets.all.get(usize::from(place)).copied(),
            None => {
                let place = targets.all.binary_search_by_key(&number, |target| target.number);
                place.ok().map(|place| targets.all[place])
            }
        }
    }
}
