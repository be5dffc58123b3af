//! Who reads whom: every `from` leads to a port that is there, nothing reads itself, and what nobody reads is
//! told. Knows names and ports only.

use std::collections::{HashMap, HashSet};

use super::error::{Findings, SpecError, Warning, either, quoted};
use super::model::{PORT_ERRORS, PORT_MAIN, PortRef};
use super::nearest::nearest;
use super::read;
use super::step::is_later_port;
use super::table::{Field, Table};

/// Inputs of a union.
const MAX_INPUTS: usize = 100;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Source,
    Step,
    Sink,
}

impl Role {
    fn noun(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Step => "step",
            Self::Sink => "sink",
        }
    }
}

/// Output ports of something that has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ports {
    /// `main` alone: a source.
    Main,
    /// `main` and `errors`.
    MainAndErrors,
    /// Branches and `errors`.
    Route(Vec<String>),
    /// `main`, `errors` and whatever the component has.
    Open,
    /// None: a sink.
    None,
    /// Not known, because of another mistake.
    Unknown,
}

/// Something that has a name, as far as it could be read.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    role: Role,
    name: String,
    path: String,
    line: Option<usize>,
    pub(super) ports: Ports,
    from: Vec<Read>,
}

/// One entry of a `from`.
#[derive(Clone, Debug)]
struct Read {
    path: String,
    line: Option<usize>,
    port: PortRef,
}

impl Declared {
    pub(super) fn new(role: Role, name: &str, at: &Field<'_>) -> Self {
        let ports = match role {
            Role::Source => Ports::Main,
            Role::Step => Ports::MainAndErrors,
            Role::Sink => Ports::None,
        };
        Self { role, name: name.to_owned(), path: at.path.clone(), line: at.line, ports, from: Vec::new() }
    }

    fn port_names(&self) -> Vec<String> {
        let named = |ports: &[&str]| ports.iter().map(|port| format!("{}.{port}", self.name)).collect();
        match &self.ports {
            Ports::Main => vec![self.name.clone()],
            Ports::MainAndErrors | Ports::Open => {
                vec![self.name.clone(), format!("{}.{PORT_ERRORS}", self.name)]
            }
            Ports::Route(branches) => {
                let branches: Vec<&str> = branches.iter().map(String::as_str).chain([PORT_ERRORS]).collect();
                named(&branches)
            }
            Ports::None | Ports::Unknown => Vec::new(),
        }
    }

    fn has(&self, port: Option<&str>) -> bool {
        match (&self.ports, port) {
            (Ports::None, _) => false,
            (Ports::Unknown | Ports::Open, _) => true,
            (Ports::Main, port) => port.is_none(),
            (Ports::MainAndErrors, port) => port.is_none_or(|port| port == PORT_ERRORS),
            (Ports::Route(branches), port) => {
                port.is_some_and(|port| port == PORT_ERRORS || branches.iter().any(|branch| branch == port))
            }
        }
    }
}

/// The ports under `from`, also kept in `declared` with where they stand. `None` if there is a mistake, which is
/// told unless the key is missing.
pub(super) fn read_from(
    table: &mut Table<'_>,
    declared: &mut Declared,
    findings: &mut Findings,
) -> Option<Vec<PortRef>> {
    let field = table.get("from")?;
    let items = field.items().unwrap_or_else(|| vec![field.clone()]);
    if items.is_empty() || items.len() > MAX_INPUTS {
        let message = format!("a list of {} inputs", items.len());
        findings.add(field.error(message).expected(format!("1 to {MAX_INPUTS}")));
        return Some(Vec::new());
    }
    for item in &items {
        let expected = "a source or step, as `orders` or `score.errors`";
        let Some(port) =
            read::text(item, expected, findings).and_then(|text| port_ref(&text, item, findings))
        else {
            continue;
        };
        if declared.from.iter().any(|read| read.port == port) {
            let message = format!("`{port}` is read twice: each of its rows would come twice");
            findings.add(item.error(message));
        }
        declared.from.push(Read { path: item.path.clone(), line: item.line.or(field.line), port });
    }
    Some(declared.from.iter().map(|read| read.port.clone()).collect())
}

fn port_ref(text: &str, field: &Field<'_>, findings: &mut Findings) -> Option<PortRef> {
    let (node, port) = match text.split_once('.') {
        Some((node, port)) => (node, Some(port)),
        None => (text, None),
    };
    for name in [Some(node), port].into_iter().flatten() {
        if !read::check_name(name, field, findings) {
            return None;
        }
    }
    if port.is_some_and(|port| is_later_port(field, port, findings)) {
        return None;
    }
    let port = port.filter(|port| *port != PORT_MAIN).map(ToOwned::to_owned);
    Some(PortRef { node: node.to_owned(), port })
}

/// Checks what reads what; answers what nobody reads.
pub(super) fn check(declared: &[Declared], findings: &mut Findings) -> Vec<Warning> {
    let mut by_name: HashMap<&str, &Declared> = HashMap::new();
    for item in declared {
        if let Some(first) = by_name.get(item.name.as_str()) {
            // Twice in one mapping is a duplicate key, which is told as such.
            if first.role != item.role {
                let message = format!("{} is also the name of a {}", quoted(&item.name), first.role.noun());
                let error = SpecError::new(item.path.clone(), message);
                findings.add(error.expected("a name of its own").line(item.line));
            }
        } else {
            by_name.insert(&item.name, item);
        }
    }
    for item in declared {
        for read in &item.from {
            if let Some(error) = unresolved(read, &by_name, findings.is_full()) {
                findings.add(error);
            }
        }
    }
    cycles(declared, findings);
    unread(declared)
}

/// Why `read` leads nowhere, if it does.
fn unresolved(read: &Read, by_name: &HashMap<&str, &Declared>, brief: bool) -> Option<SpecError> {
    let wrong = |message: String| SpecError::new(read.path.clone(), message).line(read.line);
    let Some(target) = by_name.get(read.port.node.as_str()) else {
        let error = wrong(format!("there is no source or step {}", quoted(&read.port.node)));
        if brief {
            return Some(error);
        }
        let mut names: Vec<&str> = by_name
            .values()
            .filter(|declared| declared.role != Role::Sink)
            .map(|declared| declared.name.as_str())
            .collect();
        names.sort_unstable();
        return Some(error.nearest(nearest(&read.port.node, names)));
    };
    if target.has(read.port.port.as_deref()) {
        return None;
    }
    if target.role == Role::Sink {
        return Some(wrong(format!("{} is a sink: nothing comes out of it", quoted(&target.name))));
    }
    let ports = target.port_names();
    let error = match &read.port.port {
        None => wrong(format!("{} is a route: one of its ports must be named", quoted(&target.name))),
        Some(port) => {
            wrong(format!("the {} {} has no port {}", target.role.noun(), target.name, quoted(port)))
        }
    };
    let written = read.port.to_string();
    let near = nearest(&written, ports.iter().map(String::as_str)).map(ToOwned::to_owned);
    Some(error.expected(either(&ports)).nearest(near.filter(|_| read.port.port.is_some())))
}

/// Tells each loop of steps once: what can be ordered is taken away until only loops, and what they feed, are left.
fn cycles(declared: &[Declared], findings: &mut Findings) {
    let mut left: Vec<&Declared> = declared.iter().filter(|item| item.role == Role::Step).collect();
    loop {
        let names: HashSet<&str> = left.iter().map(|item| item.name.as_str()).collect();
        let waits = |item: &&Declared| item.from.iter().any(|read| names.contains(read.port.node.as_str()));
        let waiting: Vec<&Declared> = left.iter().copied().filter(waits).collect();
        if waiting.len() < left.len() {
            left = waiting;
            continue;
        }
        let Some(start) = left.first() else { return };
        let around = walk_back(start, &left);
        let names: Vec<&str> = around.iter().map(|item| item.name.as_str()).collect();
        if let Some(first) = around.first() {
            let message = format!("a loop: {} → {}", names.join(" → "), first.name);
            let error = SpecError::new(format!("{}.from", first.path), message);
            findings.add(error.expected("steps that read only what comes before them").line(first.line));
        }
        left.retain(|item| !names.contains(&item.name.as_str()));
    }
}

/// Follows inputs from `start` until a step comes again; answers the loop in the direction of the data.
fn walk_back<'a>(start: &'a Declared, left: &[&'a Declared]) -> Vec<&'a Declared> {
    let mut walked: Vec<&Declared> = vec![start];
    loop {
        let last = walked[walked.len() - 1];
        let input = last.from.iter().find_map(|read| left.iter().find(|item| item.name == read.port.node));
        let Some(input) = input else { return walked };
        if let Some(at) = walked.iter().position(|item| item.name == input.name) {
            let mut around = walked.split_off(at);
            around.reverse();
            return around;
        }
        walked.push(input);
    }
}

/// What nobody reads, whole or a branch of it.
fn unread(declared: &[Declared]) -> Vec<Warning> {
    let mut read: HashMap<&str, Vec<&str>> = HashMap::new();
    for port in declared.iter().flat_map(|item| &item.from) {
        read.entry(&port.port.node).or_default().push(port.port.port_name());
    }
    let warn = |item: &Declared| {
        let ports = read.get(item.name.as_str()).map(Vec::as_slice).unwrap_or_default();
        let message = match (item.role, ports) {
            (Role::Sink, _) => return None,
            (Role::Source, []) => "nobody reads this source: its rows are read and dropped",
            (Role::Step, []) => "nobody reads this step: its rows are dropped",
            (Role::Step, ports) if ports.iter().all(|port| *port == PORT_ERRORS) => {
                "nobody reads this step, only its errors: its rows are dropped"
            }
            _ => return None,
        };
        Some(Warning { path: item.path.clone(), message: message.to_owned(), line: item.line })
    };
    let branches = |item: &Declared| {
        let (Ports::Route(branches), Some(ports)) = (&item.ports, read.get(item.name.as_str())) else {
            return Vec::new();
        };
        // Of a route that is not read at all this has been said.
        let some = ports.iter().any(|port| *port != PORT_ERRORS);
        let unread = branches.iter().filter(|branch| some && !ports.contains(&branch.as_str()));
        let warning = |branch: &String| Warning {
            path: format!("{}.route.{branch}", item.path),
            message: "nobody reads this branch: its rows are dropped".to_owned(),
            line: item.line,
        };
        unread.map(warning).collect()
    };
    declared.iter().flat_map(|item| warn(item).into_iter().chain(branches(item))).collect()
}
