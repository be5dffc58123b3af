//! A union beside a column: which of the column's fields each branch goes into, and which branch of a reader's union
//! takes a writer's type. Looked up once a union. Knows nothing of plans.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field};

use super::compatible::promotes;
use super::types::{Id, Kind, Type, Types};

/// The fields of an object for the branches of a union, none for null.
pub(super) type Members<'c> = Vec<Option<(usize, &'c Field)>>;

/// A reader's union of several types.
pub(super) struct Union<'a, 'c> {
    types: &'a Types,
    pub(super) branches: &'a [Id],
    pub(super) members: Option<Members<'c>>,
}

impl<'a, 'c> Union<'a, 'c> {
    /// `None` where the type is no union of several.
    pub(super) fn of(types: &'a Types, id: Id, column: &'c Field) -> Option<Union<'a, 'c>> {
        match (types.kind(id), types.optional(id)) {
            (Kind::Union(branches), None) => {
                Some(Union { types, branches, members: members(types, branches, column) })
            }
            _ => None,
        }
    }

    /// The branch for a writer's type: the one of the same type and name, or else the first that it can be promoted
    /// to.
    pub(super) fn pick(&self, of: &Type) -> Option<usize> {
        let find = |fits: &dyn Fn(&Type) -> bool| {
            self.branches.iter().position(|&branch| fits(self.types.get(branch)))
        };
        let same = |other: &Type| std::mem::discriminant(&of.kind) == std::mem::discriminant(&other.kind);
        let takes = |other: &Type| match (other.named(), of.named()) {
            (Some(other), Some(name)) => other.takes(name),
            (other, name) => other.is_none() && name.is_none(),
        };
        find(&|other| same(other) && other.name() == of.name())
            .or_else(|| find(&|other| same(other) && takes(other)))
            .or_else(|| find(&|other| other.named().is_none() && promotes(&of.kind, &other.kind)))
    }
}

/// The fields of an object for the branches of a union, where it has one for each and every field may be null: all but
/// one are.
pub(super) fn members<'c>(types: &Types, branches: &[Id], column: &'c Field) -> Option<Members<'c>> {
    let DataType::Struct(fields) = column.data_type() else { return None };
    if !fields.iter().all(|field| field.is_nullable()) {
        return None;
    }
    let by_name: HashMap<&str, usize> =
        fields.iter().enumerate().map(|(index, field)| (field.name().as_str(), index)).collect();
    let names = types.branch_names(branches);
    let member = |(&branch, name): (&Id, &str)| match types.kind(branch) {
        Kind::Null => Some(None),
        _ => by_name.get(name).map(|&index| Some((index, fields[index].as_ref()))),
    };
    branches.iter().zip(names).map(member).collect()
}
