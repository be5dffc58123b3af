//! Whether a reader's schema reads everything that a writer's schema writes, and every reason why not. Knows
//! nothing of columns: those may take more than a reader's schema does.

use std::collections::{HashMap, HashSet};

use super::parse::parse;
use super::reasons::clip;
use super::types::{Id, Kind, Type, Types};
use crate::codec::column::MAX_SCHEMA_DEPTH;
use crate::codec::registered::RegisteredSchema;

/// Reasons given, at most.
const REASONS_MAX: usize = 50;
/// Names in a reason, at most.
const NAMES_MAX: usize = 20;
/// Pairs of types that are compared, at most: unions of many branches make any number.
const PAIRS_MAX: usize = 500_000;

/// Whether data written with `writer` can be read with `reader`, whatever it is; every reason why not otherwise,
/// each with its path inside the reader's schema. Logical types are not compared.
pub fn compatible(reader: &RegisteredSchema, writer: &RegisteredSchema) -> Result<(), Vec<String>> {
    let types = |of, who| parse(of).map_err(|why| vec![format!("the {who}'s schema: {why}")]);
    let (reader, writer) = (types(reader, "reader")?, types(writer, "writer")?);
    let mut check = Check { reader: &reader, writer: &writer, verdicts: HashMap::new() };
    let root = (reader.root(), writer.root());
    check.settle(root).map_err(|why| vec![why])?;
    if check.verdicts[&root] {
        return Ok(());
    }
    let mut reasons = Vec::new();
    check.explain(root, &mut Vec::new(), &mut HashSet::new(), &mut reasons);
    Err(reasons)
}

/// Whether a value of kind `writer` is one of kind `reader`, or becomes one by the promotions of Avro. What is
/// inside of arrays, maps, unions and records is not looked at, nor are names.
pub(super) fn promotes(writer: &Kind, reader: &Kind) -> bool {
    use Kind::*;
    match (writer, reader) {
        (Null, Null) | (Boolean, Boolean) | (Double, Double) => true,
        (Int, Int | Long | Float | Double) | (Long, Long | Float | Double) | (Float, Float | Double) => true,
        (Bytes | String, Bytes | String) => true,
        (Fixed(_, writer), Fixed(_, reader)) => writer == reader,
        (Enum(_), Enum(_)) | (Array(_), Array(_)) | (Map(_), Map(_)) | (Record(_), Record(_)) => true,
        _ => false,
    }
}

/// A reader's type and the writer's that it has to read.
type Pair = (Id, Id);

struct Check<'a> {
    reader: &'a Types,
    writer: &'a Types,
    verdicts: HashMap<Pair, bool>,
}

impl<'a> Check<'a> {
    /// Takes every pair for good until it is found not to be, which may spoil others: recursive types are good
    /// as long as nothing speaks against them.
    fn settle(&mut self, root: Pair) -> Result<(), String> {
        let mut open = vec![root];
        while let Some(pair) = open.pop() {
            if self.verdicts.len() + open.len() > PAIRS_MAX {
                return Err(format!(
                    "the schemas have more than {PAIRS_MAX} pairs of types to compare: use fewer branches in unions"
                ));
            }
            if self.verdicts.insert(pair, true).is_none() {
                open.extend(self.inner(pair).into_iter().map(|(_, pair)| pair));
            }
        }
        let pairs: Vec<Pair> = self.verdicts.keys().copied().collect();
        let mut changed = true;
        while changed {
            changed = false;
            for pair in &pairs {
                if self.verdicts[pair] && !self.holds(*pair) {
                    self.verdicts.insert(*pair, false);
                    changed = true;
                }
            }
        }
        Ok(())
    }

    fn types(&self, (reader, writer): Pair) -> (&'a Type, &'a Type) {
        (self.reader.get(reader), self.writer.get(writer))
    }

    /// The pairs that a pair depends on, and where in the reader they are.
    fn inner(&self, pair: Pair) -> Vec<(String, Pair)> {
        let here = String::new();
        let (reader, writer) = self.types(pair);
        match (&reader.kind, &writer.kind) {
            (_, Kind::Union(branches)) => branches.iter().map(|&b| (here.clone(), (pair.0, b))).collect(),
            (Kind::Union(branches), _) => branches.iter().map(|&b| (here.clone(), (b, pair.1))).collect(),
            (Kind::Array(reader), Kind::Array(writer)) => vec![("[]".to_owned(), (*reader, *writer))],
            (Kind::Map(reader), Kind::Map(writer)) => vec![("{}".to_owned(), (*reader, *writer))],
            (Kind::Record(reader), Kind::Record(writer)) => reader
                .fields
                .iter()
                .filter_map(|field| {
                    let source = &writer.fields[field.source(writer)?];
                    Some((field.name.clone(), (field.of, source.of)))
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    fn holds(&self, pair: Pair) -> bool {
        let (reader, writer) = self.types(pair);
        let mut inner = self.inner(pair).into_iter().map(|(_, pair)| self.verdicts[&pair]);
        let one_of = matches!(reader.kind, Kind::Union(_)) && !matches!(writer.kind, Kind::Union(_));
        if one_of { inner.any(|good| good) } else { inner.all(|good| good) && self.problem(pair).is_none() }
    }

    /// What is wrong with a pair itself.
    fn problem(&self, pair: Pair) -> Option<String> {
        let (reader, writer) = self.types(pair);
        match (&reader.kind, &writer.kind) {
            (_, Kind::Union(_)) => return None,
            (Kind::Union(_), _) => return Some(format!("no branch takes {}", writer.label())),
            _ => {}
        }
        if !promotes(&writer.kind, &reader.kind) {
            return Some(format!("{} cannot be read as {}", writer.label(), reader.label()));
        }
        if let (Some(reader), Some(writer)) = (reader.named(), writer.named())
            && !reader.takes(writer)
        {
            return Some(format!(
                "{} is not the name {} nor an alias of it",
                clip(&writer.full),
                clip(&reader.full)
            ));
        }
        match (&reader.kind, &writer.kind) {
            (Kind::Enum(reader), Kind::Enum(writer)) if reader.default.is_none() => {
                let known: HashSet<&str> = reader.symbols.iter().map(String::as_str).collect();
                let symbols = writer.symbols.iter().map(String::as_str);
                let unknown: Vec<&str> = symbols.filter(|symbol| !known.contains(symbol)).collect();
                (!unknown.is_empty())
                    .then(|| format!("the reader lacks the symbols {}, and a default", names(&unknown)))
            }
            (Kind::Record(reader), Kind::Record(writer)) => {
                let lacking =
                    |field: &&super::types::Field| field.default.is_none() && field.source(writer).is_none();
                let lacking: Vec<_> = reader.fields.iter().filter(lacking).map(|f| f.name.as_str()).collect();
                (!lacking.is_empty()).then(|| {
                    format!("the writer lacks the fields {}, which have no default", names(&lacking))
                })
            }
            _ => None,
        }
    }

    /// The reasons why a pair is not good. Depth is that of the schemas: no pair is explained twice.
    fn explain(
        &self,
        pair: Pair,
        path: &mut Vec<String>,
        explained: &mut HashSet<Pair>,
        reasons: &mut Vec<String>,
    ) {
        let enough = reasons.len() >= REASONS_MAX || path.len() >= MAX_SCHEMA_DEPTH;
        if self.verdicts[&pair] || enough || !explained.insert(pair) {
            return;
        }
        if let Some(problem) = self.problem(pair) {
            let path = path.join(".").replace(".[]", "[]").replace(".{}", "{}");
            reasons.push(if path.is_empty() { problem } else { format!("{path}: {problem}") });
        }
        let (reader, writer) = self.types(pair);
        if matches!(reader.kind, Kind::Union(_)) && !matches!(writer.kind, Kind::Union(_)) {
            return;
        }
        for (step, inner) in self.inner(pair) {
            let deeper = !step.is_empty();
            path.extend(deeper.then_some(step));
            self.explain(inner, path, explained, reasons);
            path.truncate(path.len() - usize::from(deeper));
        }
    }
}

/// Names in a text, and how many more there are.
fn names(all: &[&str]) -> String {
    let shown: Vec<_> = all.iter().take(NAMES_MAX).map(|name| clip(name)).collect();
    let list = shown.join(", ");
    match all.len().saturating_sub(NAMES_MAX) {
        0 => list,
        more => format!("{list} and {more} more"),
    }
}
