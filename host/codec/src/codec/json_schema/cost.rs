//! What it can cost to check a value by a schema, measured on the schema alone: how many steps lead from it to the last
//! schema that the same value is checked by, for each is a call in a call. Knows nothing of values and columns.

use std::collections::HashMap;

use jsonschema::Draft;
use referencing::Resolver;
use serde_json::{Map, Value};

use super::document::Document;

/// Schemas within one, those that it refers to among them.
const SCHEMAS_MAX: usize = 100_000;
/// Steps from schema to schema on one value. Who writes schemas by hand needs ten.
const STEPS_MAX: usize = 100;
/// Regular expressions: each takes up to [`PATTERN_BYTES`](super::validate::PATTERN_BYTES).
const PATTERNS_MAX: usize = 256;

/// Keywords with a schema that the same value is checked by.
const SAME: [&str; 4] = ["not", "if", "then", "else"];
/// Keywords with a list of such.
const SAME_LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
/// Keywords with such schemas by name.
const SAME_NAMED: [&str; 2] = ["dependentSchemas", "dependencies"];
/// Keywords with a schema, or a list of schemas, of what is in a value.
const INNER: [&str; 9] = [
    "additionalProperties",
    "items",
    "prefixItems",
    "additionalItems",
    "contains",
    "propertyNames",
    "unevaluatedProperties",
    "unevaluatedItems",
    "contentSchema",
];
/// Keywords with such schemas by name.
const INNER_NAMED: [&str; 2] = ["properties", "patternProperties"];

/// The most steps from schema to schema on one value, or why that is too much.
pub(super) fn steps(document: &Document) -> Result<usize, String> {
    let (registry, base) = document.registry()?;
    let mut map = Schemas::default();
    map.add(&document.root, registry.resolver(base), document.draft)?;
    // The list grows while it is gone through.
    let mut next = 0;
    while next < map.found.len() {
        map.follow(next)?;
        next += 1;
    }
    map.dynamic_references()?;
    let steps = longest(&map.found.iter().map(|schema| schema.same.as_slice()).collect::<Vec<_>>());
    if steps > STEPS_MAX {
        return Err(format!(
            "the schema cannot be used: {steps} of its parts lead to each other on one value, by $ref, allOf, not, …; at \
             most {STEPS_MAX} may"
        ));
    }
    Ok(steps)
}

#[derive(Default)]
struct Schemas<'r> {
    found: Vec<Schema<'r>>,
    /// By where they are in memory.
    numbers: HashMap<*const Value, usize>,
    patterns: usize,
    /// Who refers to anchors of this name, wherever they are.
    dynamic: Vec<(usize, &'r str)>,
}

struct Schema<'r> {
    value: &'r Value,
    resolver: Resolver<'r>,
    draft: Draft,
    /// Which schemas the same value is checked by next.
    same: Vec<usize>,
}

impl<'r> Schemas<'r> {
    fn add(&mut self, value: &'r Value, resolver: Resolver<'r>, draft: Draft) -> Result<usize, String> {
        let number = *self.numbers.entry(std::ptr::from_ref(value)).or_insert(self.found.len());
        if number == SCHEMAS_MAX {
            return Err(format!("the schema cannot be used: it has more than {SCHEMAS_MAX} parts"));
        }
        if number == self.found.len() {
            self.found.push(Schema { value, resolver, draft, same: Vec::new() });
        }
        Ok(number)
    }

    /// Finds what a schema leads to. What cannot be found is the validator's to say.
    fn follow(&mut self, number: usize) -> Result<(), String> {
        let Schema { value, ref resolver, draft, .. } = self.found[number];
        let Value::Object(keywords) = value else { return Ok(()) };
        let Ok(resolver) = resolver.in_subresource(draft.create_resource_ref(value)) else { return Ok(()) };
        let mut same = Vec::new();
        for keyword in ["$ref", "$dynamicRef", "$recursiveRef"] {
            let Some(reference) = keywords.get(keyword).and_then(Value::as_str) else { continue };
            if let Ok(found) = resolver.lookup(reference) {
                let (target, resolver, draft) = found.into_inner();
                same.push(self.add(target, resolver, draft)?);
            }
            if keyword == "$dynamicRef" {
                let anchor = reference.split_once('#').map_or("", |(_, anchor)| anchor);
                self.dynamic.push((number, anchor));
            }
        }
        let only_ref = draft <= Draft::Draft7 && keywords.contains_key("$ref");
        if !only_ref {
            for part in parts(keywords, &SAME, &SAME_LISTS, &SAME_NAMED) {
                same.push(self.add(part, resolver.clone(), draft)?);
            }
            for part in parts(keywords, &INNER, &INNER, &INNER_NAMED) {
                self.add(part, resolver.clone(), draft)?;
            }
            self.count_patterns(keywords)?;
        }
        self.found[number].same = same;
        Ok(())
    }

    fn count_patterns(&mut self, keywords: &Map<String, Value>) -> Result<(), String> {
        let named = keywords.get("patternProperties").and_then(Value::as_object).map_or(0, Map::len);
        self.patterns += usize::from(keywords.contains_key("pattern")) + named;
        if self.patterns > PATTERNS_MAX {
            return Err(format!("the schema cannot be used: it has more than {PATTERNS_MAX} patterns"));
        }
        Ok(())
    }

    /// Any schema with the anchor may be meant: which one depends on the way to it.
    fn dynamic_references(&mut self) -> Result<(), String> {
        let mut named: HashMap<&str, Vec<usize>> = HashMap::new();
        for (number, schema) in self.found.iter().enumerate() {
            if let Some(anchor) = schema.value.get("$dynamicAnchor").and_then(Value::as_str) {
                named.entry(anchor).or_default().push(number);
            }
        }
        let mut left = SCHEMAS_MAX;
        for (from, anchor) in &self.dynamic {
            let meant = named.get(anchor).map_or(&[][..], Vec::as_slice);
            left = left
                .checked_sub(meant.len())
                .ok_or("the schema cannot be used: it has too many dynamic anchors")?;
            self.found[*from].same.extend(meant);
        }
        Ok(())
    }
}

/// The schemas under keywords: one, a list, or by name.
fn parts<'r>(
    keywords: &'r Map<String, Value>,
    single: &[&str],
    lists: &[&str],
    named: &[&str],
) -> impl Iterator<Item = &'r Value> {
    let of = |words: &[&str]| words.iter().filter_map(|word| keywords.get(*word)).collect::<Vec<&Value>>();
    let single = of(single).into_iter().filter(|value| value.is_object());
    let lists = of(lists).into_iter().filter_map(Value::as_array).flatten();
    let named = of(named).into_iter().filter_map(Value::as_object).flat_map(Map::values);
    single.chain(lists).chain(named).filter(|value| value.is_object())
}

/// The number of schemas on the longest way. What is on a circle may be met once each: the validator does not enter the
/// same schema with the same value again.
fn longest(leads_to: &[&[usize]]) -> usize {
    let mut comes_from = vec![Vec::new(); leads_to.len()];
    for (from, targets) in leads_to.iter().enumerate() {
        targets.iter().for_each(|target| comes_from[*target].push(from));
    }
    let backwards: Vec<&[usize]> = comes_from.iter().map(Vec::as_slice).collect();
    let mut left = vec![true; leads_to.len()];
    // What no circle leads to, then what leads to none; the rest is circles and what is between them.
    let before = peel(leads_to, &backwards, &mut left);
    let after = peel(&backwards, leads_to, &mut left);
    before + after + left.iter().filter(|left| **left).count()
}

/// Takes away, again and again, what nothing leads to that is left; answers the length of the longest way among those.
fn peel(leads_to: &[&[usize]], comes_from: &[&[usize]], left: &mut [bool]) -> usize {
    let mut waits_for: Vec<usize> =
        comes_from.iter().map(|sources| sources.iter().filter(|source| left[**source]).count()).collect();
    let mut length = vec![1; leads_to.len()];
    let mut free: Vec<usize> = (0..leads_to.len()).filter(|at| left[*at] && waits_for[*at] == 0).collect();
    let mut longest = 0;
    while let Some(at) = free.pop() {
        left[at] = false;
        longest = longest.max(length[at]);
        for target in leads_to[at].iter().filter(|target| left[**target]) {
            length[*target] = length[*target].max(length[at] + 1);
            waits_for[*target] -= 1;
            if waits_for[*target] == 0 {
                free.push(*target);
            }
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_way_counts_circles_whole() {
        let length = |graph: &[&[usize]]| longest(graph);
        assert_eq!(length(&[&[]]), 1);
        assert_eq!(length(&[&[1, 2], &[2], &[3], &[]]), 4);
        assert_eq!(length(&[&[1, 1], &[]]), 2);
        // In: 0 → 1; a circle of 2 and 3; out: 4 → 5.
        assert_eq!(length(&[&[1], &[2], &[3], &[2, 4], &[5], &[]]), 6);
        assert_eq!(length(&[&[0]]), 1);
        assert_eq!(length(&[&[], &[], &[1]]), 2);
    }
}
