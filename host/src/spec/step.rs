//! Checks one step: what it reads and the one thing that it does. Knows nothing of the other parts, and nothing
//! of SQL or components: their texts are handed on.

use std::time::Duration;

use super::error::{Findings, either, quoted};
use super::links::{Declared, Ports, read_from};
use super::model::{Native, PORT_ERRORS, PORT_MAIN, Probation, Step, StepKind, Wasm, WasmLimits};
use super::policy::on_error;
use super::reference::ComponentRef;
use super::table::{Field, Table, not_yet};
use super::{read, types};

const KINDS: [&str; 5] = ["filter", "select", "route", "wasm", "native"];
/// What steps do in a later release.
const LATER_KINDS: [&str; 6] = ["join", "window", "channel", "aggregate", "trigger", "evict"];
/// Keys that only a step with `wasm` has.
const OF_WASM: [&str; 4] = ["config", "grant", "limits", "probation"];
/// The key that only a step with `native` has.
const OF_NATIVE: &str = "schema";
/// Route branches and rows of a window that come late: not for the user's own ports.
const RESERVED_PORTS: [&str; 3] = [PORT_MAIN, PORT_ERRORS, "late"];
const EXPRESSION: &str = "an SQL expression, as \"amount > 100\"";
const MIB: u64 = 1 << 20;

pub(super) fn read(
    name: &str,
    table: &mut Table<'_>,
    declared: &mut Declared,
    findings: &mut Findings,
) -> Option<Step> {
    if [PORT_MAIN, PORT_ERRORS].contains(&name) {
        findings.add(table.field().error(format!("{} is the name of a port, not of a step", quoted(name))));
    }
    table.later(&LATER_KINDS, findings);
    table.later(&["mode", "parallelism"], findings);
    let mut from = read_from(table, declared, findings);
    if from.is_none() && table.present(&LATER_KINDS).is_empty() {
        let field = table.field().error("this step reads nothing");
        findings.add(field.expected("from: a source or step, `name.port` or a list of them"));
    }
    let kind = kind(table, declared, findings);
    let on_error = on_error(table, findings);
    Some(Step { name: name.to_owned(), from: from.take()?, kind: kind?, on_error: on_error? })
}

fn kind(table: &mut Table<'_>, declared: &mut Declared, findings: &mut Findings) -> Option<StepKind> {
    let present = table.present(&KINDS);
    let [filter, select, route, wasm, native] = KINDS.map(|key| table.get(key));
    let of_wasm = OF_WASM.map(|key| table.get(key));
    if wasm.is_none() {
        for field in of_wasm.iter().flatten() {
            findings.add(field.error("this belongs to a step with `wasm`"));
        }
    }
    let schema = table.get(OF_NATIVE);
    if let (Some(field), None) = (&schema, &native) {
        findings.add(field.error("this belongs to a step with `native`"));
    }
    if !table.present(&LATER_KINDS).is_empty() {
        declared.ports = Ports::Unknown;
        return None;
    }
    if present.len() > 1 {
        let message = format!("a step does one thing, not {}", present.join(" and "));
        findings.add(
            table.field().error(message).expected(format!("{}, each in a step of its own", either(&KINDS))),
        );
        declared.ports = Ports::Unknown;
        return None;
    }
    match (filter, select, route, wasm, native) {
        (Some(field), ..) => {
            read::expression(&field, EXPRESSION, findings).map(|expression| StepKind::Filter { expression })
        }
        (_, Some(field), ..) => select_items(&field, findings).map(|items| StepKind::Select { items }),
        (_, _, Some(field), ..) => {
            let branches = branches(&field, findings);
            declared.ports = match &branches {
                Some(branches) => Ports::Route(branches.iter().map(|(port, _)| port.clone()).collect()),
                None => Ports::Unknown,
            };
            branches.map(|branches| StepKind::Route { branches })
        }
        (_, _, _, Some(field), _) => {
            declared.ports = Ports::Open;
            component(&field, of_wasm, findings).map(StepKind::Wasm)
        }
        (.., Some(field)) => function(&field, schema.as_ref(), findings).map(StepKind::Native),
        _ => Some(StepKind::Union),
    }
}

fn select_items(field: &Field<'_>, findings: &mut Findings) -> Option<Vec<String>> {
    let expected = "SQL expressions, as [\"*\", \"amount * 0.015 as fee\"]";
    let Some(items) = field.items() else {
        return read::expression(field, expected, findings).map(|item| vec![item]);
    };
    if items.is_empty() {
        findings.add(field.error("the list is empty").expected(expected));
        return None;
    }
    let items: Vec<Option<String>> =
        items.iter().map(|item| read::expression(item, EXPRESSION, findings)).collect();
    items.into_iter().collect()
}

/// Ports and expressions of a route; `otherwise` is the last.
fn branches(field: &Field<'_>, findings: &mut Findings) -> Option<Vec<(String, Option<String>)>> {
    let expected = "ports with SQL expressions, as { big: \"total > 1000\", small: otherwise }";
    let entries = match field.entries() {
        Some([]) => {
            findings.add(field.error("there are no branches").expected(expected));
            return None;
        }
        Some(entries) => entries,
        None => {
            findings.add(field.wrong(expected));
            return None;
        }
    };
    let mut branches = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let at = field.child(entry);
        read::check_name(&entry.key, &at, findings);
        if RESERVED_PORTS.contains(&entry.key.as_str()) {
            findings.add(at.error(format!(
                "{} is not a name for a branch: steps have that port themselves",
                quoted(&entry.key)
            )));
        }
        let expression = read::expression(&at, EXPRESSION, findings);
        let otherwise = expression.as_deref().is_some_and(|text| text.trim() == "otherwise");
        if otherwise && index + 1 < entries.len() {
            findings.add(at.error("`otherwise` takes what is left over, so it is the last branch"));
        }
        if otherwise && entries.len() == 1 {
            findings
                .add(at.error("a route with `otherwise` alone sends all rows one way").expected(expected));
        }
        branches.push(expression.map(|text| (entry.key.clone(), (!otherwise).then_some(text))));
    }
    branches.into_iter().collect()
}

fn function(field: &Field<'_>, schema: Option<&Field<'_>>, findings: &mut Findings) -> Option<Native> {
    let expected = "the name under which the embedding program registered a function";
    let function = read::text(field, expected, findings);
    let function = function.filter(|name| read::check_name(name, field, findings));
    let schema = match schema {
        None => Some(None),
        Some(field) => types::schema(field, findings).map(Some),
    };
    Some(Native { function: function?, schema: schema? })
}

fn component(field: &Field<'_>, of_wasm: [Option<Field<'_>>; 4], findings: &mut Findings) -> Option<Wasm> {
    let [config, grant, limits, probation] = of_wasm;
    let expected = "a component: `name`, `name@version`, `sha256:…` or a path to a .wasm file";
    let component = match field.node.scalar() {
        None => {
            let mut at = Table::open(field, expected, findings)?;
            at.later(&["mode", "ref", "expect"], findings);
            findings.add(field.wrong(expected));
            None
        }
        Some(_) => read::text(field, expected, findings),
    };
    let component = component.filter(|text| match ComponentRef::parse(text) {
        Ok(_) => true,
        Err(problem) => {
            findings.add(field.error(problem));
            false
        }
    });
    let config = match &config {
        None => serde_json::Value::Object(serde_json::Map::new()),
        Some(field) => field.node.to_json(&field.path, findings),
    };
    let grant = match &grant {
        None => Some(Vec::new()),
        Some(field) => capabilities(field, findings),
    };
    let limits = limits_of(limits.as_ref(), findings);
    let probation = probation_of(probation.as_ref(), findings);
    Some(Wasm { component: component?, config, grant: grant?, limits: limits?, probation: probation? })
}

fn capabilities(field: &Field<'_>, findings: &mut Findings) -> Option<Vec<String>> {
    let items = field.items().unwrap_or_else(|| vec![field.clone()]);
    let words = ["clock", "entropy"].map(|word| (word, word.to_owned()));
    let mut granted: Vec<String> = Vec::new();
    for item in &items {
        let word = read::choice(item, &words, &["state", "timers", "http", "files"], findings)?;
        if !granted.contains(&word) {
            granted.push(word);
        }
    }
    Some(granted)
}

fn limits_of(field: Option<&Field<'_>>, findings: &mut Findings) -> Option<WasmLimits> {
    let (mut memory, mut timeout, mut emit) = (Some(64 * MIB), Some(Duration::from_secs(1)), Some(64 * MIB));
    if let Some(field) = field {
        let mut table = Table::open(field, "{ memory: 64MiB, batch_timeout: 1s, emit: 64MiB }", findings)?;
        if let Some(field) = table.get("memory") {
            memory = read::size(&field, MIB..=4096 * MIB, findings);
        }
        if let Some(field) = table.get("batch_timeout") {
            timeout = read::duration(&field, Duration::from_millis(1)..=Duration::from_secs(600), findings);
        }
        if let Some(field) = table.get("emit") {
            emit = read::size(&field, 1024..=1024 * MIB, findings);
        }
        table.close(findings);
    }
    Some(WasmLimits {
        memory_bytes: usize::try_from(memory?).ok()?,
        batch_timeout: timeout?,
        emit_bytes: usize::try_from(emit?).ok()?,
    })
}

fn probation_of(field: Option<&Field<'_>>, findings: &mut Findings) -> Option<Probation> {
    let (mut batches, mut time) = (Some(10), Some(Duration::from_secs(5)));
    if let Some(field) = field {
        let mut table = Table::open(field, "{ batches: 10, time: 5s }", findings)?;
        if let Some(field) = table.get("batches") {
            batches = read::whole(&field, 0..=1_000_000u32, findings);
        }
        if let Some(field) = table.get("time") {
            time = read::duration(&field, Duration::ZERO..=Duration::from_secs(86_400), findings);
        }
        table.close(findings);
    }
    Some(Probation { batches: batches?, time: time? })
}

/// A port that comes with windows.
pub(super) fn is_later_port(field: &Field<'_>, port: &str, findings: &mut Findings) -> bool {
    let late = port == "late";
    if late {
        findings.add(not_yet(field, "late"));
    }
    late
}
