//! What values a schema lets through, as far as columns can tell: kinds of values, keys of objects, items. A
//! shape may let through more than its schema, never less. Pure; knows nothing of where schemas come from.

/// Kinds of values, as a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kinds(u8);

impl Kinds {
    pub(super) const NONE: Kinds = Kinds(0);
    pub(super) const NULL: Kinds = Kinds(1);
    pub(super) const BOOLEAN: Kinds = Kinds(2);
    /// Whole numbers.
    pub(super) const INTEGER: Kinds = Kinds(4);
    /// All numbers.
    pub(super) const NUMBER: Kinds = Kinds(4 | 8);
    pub(super) const STRING: Kinds = Kinds(16);
    pub(super) const OBJECT: Kinds = Kinds(32);
    pub(super) const ARRAY: Kinds = Kinds(64);
    pub(super) const ALL: Kinds = Kinds(127);

    /// Kinds by the name of a type.
    pub(super) fn named(name: &str) -> Kinds {
        match name {
            "null" => Kinds::NULL,
            "boolean" => Kinds::BOOLEAN,
            "integer" => Kinds::INTEGER,
            "number" => Kinds::NUMBER,
            "string" => Kinds::STRING,
            "object" => Kinds::OBJECT,
            "array" => Kinds::ARRAY,
            _ => Kinds::NONE,
        }
    }

    pub(super) fn has(self, other: Kinds) -> bool {
        self.0 & other.0 == other.0
    }

    pub(super) fn both(self, other: Kinds) -> Kinds {
        Kinds(self.0 & other.0)
    }

    pub(super) fn either(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    pub(super) fn without_null(self) -> Kinds {
        Kinds(self.0 & !Kinds::NULL.0)
    }
}

/// What a string or number is meant to be, beyond its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    DateTime,
    Date,
    Time,
    Base64,
    Int8,
    Int16,
    Int32,
    Float32,
}

impl Meaning {
    /// Of which kind the values are.
    fn kind(self) -> Kinds {
        match self {
            Meaning::DateTime | Meaning::Date | Meaning::Time | Meaning::Base64 => Kinds::STRING,
            Meaning::Int8 | Meaning::Int16 | Meaning::Int32 => Kinds::INTEGER,
            Meaning::Float32 => Kinds::NUMBER,
        }
    }
}

/// Values of the keys that a shape does not name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Others {
    /// Nothing is said of them.
    #[default]
    Any,
    /// There are none.
    None,
    /// They are all alike.
    Of(Box<Shape>),
}

/// The items of an array.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Items {
    /// Nothing is said of them.
    #[default]
    Any,
    /// Each has a shape of its own.
    Tuple,
    /// They are all alike.
    Of(Box<Shape>),
}

/// What values can be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shape {
    pub(super) kinds: Kinds,
    pub(super) meaning: Option<Meaning>,
    /// Integers are not negative.
    pub(super) unsigned: bool,
    /// Integers may be larger than 64 bits with a sign hold, and the schema says so.
    pub(super) large: bool,
    /// Named keys of objects, in the order of the schema.
    pub(super) properties: Vec<(String, Shape)>,
    /// Keys that every object has.
    pub(super) required: Vec<String>,
    pub(super) others: Others,
    pub(super) items: Items,
}

impl Shape {
    /// Values of these kinds.
    pub(super) fn of(kinds: Kinds) -> Shape {
        Shape {
            kinds,
            meaning: None,
            unsigned: false,
            large: false,
            properties: Vec::new(),
            required: Vec::new(),
            others: Others::Any,
            items: Items::Any,
        }
    }

    /// Any value.
    pub(super) fn any() -> Shape {
        Shape::of(Kinds::ALL)
    }

    /// The shape of a named key.
    pub(super) fn property(&self, name: &str) -> Option<&Shape> {
        self.properties.iter().find(|(known, _)| known == name).map(|(_, shape)| shape)
    }

    pub(super) fn requires(&self, name: &str) -> bool {
        self.required.iter().any(|known| known == name)
    }

    /// Values that are of this shape and of the other.
    pub(super) fn both(mut self, other: Shape) -> Shape {
        self.kinds = self.kinds.both(other.kinds);
        self.meaning = self.meaning.or(other.meaning);
        self.unsigned |= other.unsigned;
        self.large |= other.large;
        // A schema that names all keys cannot know those of the other.
        self.others = match (self.others, other.others) {
            (Others::None, _) if !other.properties.is_empty() => Others::Any,
            (_, Others::None) if !self.properties.is_empty() => Others::Any,
            (Others::None, _) | (_, Others::None) => Others::None,
            (Others::Any, others) | (others, Others::Any) => others,
            (Others::Of(one), Others::Of(two)) => Others::Of(Box::new(one.both(*two))),
        };
        for (name, shape) in other.properties {
            match self.properties.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = std::mem::replace(known, Shape::any()).both(shape),
                None => self.properties.push((name, shape)),
            }
        }
        let more = other.required.into_iter().filter(|name| !self.required.contains(name));
        self.required.extend(more.collect::<Vec<_>>());
        self.items = match (self.items, other.items) {
            (Items::Any, items) | (items, Items::Any) => items,
            (Items::Of(one), Items::Of(two)) => Items::Of(Box::new(one.both(*two))),
            _ => Items::Tuple,
        };
        self
    }

    /// Values that are of this shape or of the other. What only one of them says holds where only it has values of
    /// that kind.
    pub(super) fn either(mut self, other: Shape) -> Shape {
        self.meaning = self.either_meaning(&other);
        let (objects, others) = (self.kinds.has(Kinds::OBJECT), other.kinds.has(Kinds::OBJECT));
        match (objects, others) {
            (true, true) => self.either_object(other.properties, other.required, other.others),
            (false, true) => {
                (self.properties, self.required, self.others) =
                    (other.properties, other.required, other.others);
            }
            _ => {}
        }
        self.items = match (self.kinds.has(Kinds::ARRAY), other.kinds.has(Kinds::ARRAY)) {
            (true, true) => match (self.items, other.items) {
                (Items::Of(one), Items::Of(two)) => Items::Of(Box::new(one.either(*two))),
                (Items::Any, Items::Any) => Items::Any,
                _ => Items::Tuple,
            },
            (false, true) => other.items,
            _ => self.items,
        };
        let (one, two) = (self.kinds.has(Kinds::INTEGER), other.kinds.has(Kinds::INTEGER));
        self.unsigned = (self.unsigned || !one) && (other.unsigned || !two);
        self.large = self.large && one || other.large && two;
        self.kinds = self.kinds.either(other.kinds);
        self
    }

    fn either_meaning(&self, other: &Shape) -> Option<Meaning> {
        let has = |shape: &Shape, meaning: Meaning| shape.kinds.has(meaning.kind());
        match (self.meaning, other.meaning) {
            (Some(one), Some(two)) => (one == two).then_some(one),
            (Some(one), None) => (!has(other, one)).then_some(one),
            (None, Some(two)) => (!has(self, two)).then_some(two),
            (None, None) => None,
        }
    }

    fn either_object(&mut self, properties: Vec<(String, Shape)>, required: Vec<String>, others: Others) {
        for (name, shape) in properties {
            match self.properties.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = std::mem::replace(known, Shape::any()).either(shape),
                None => self.properties.push((name, shape)),
            }
        }
        self.required.retain(|name| required.contains(name));
        self.others = match (std::mem::take(&mut self.others), others) {
            (Others::None, Others::None) => Others::None,
            (Others::Of(one), Others::Of(two)) => Others::Of(Box::new(one.either(*two))),
            _ => Others::Any,
        };
    }
}
