//! What an upload is, read from its bytes and its types before anything of it runs: refusals name everything that
//! is wrong and what to do about it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, ComponentNamedList, Lift, Lower};

use super::bindings::{
    ActParams, BindParams, BindResults, CloseParams, CloseResults, DescribeParams, DescribeResults,
    OpenParams, OpenResults, PACKAGE, ProcessParams, ProcessResults, SelectParams, SelectResults,
    TimersParams, UnitParams, UnitResults, UpdateParams, VERSION, WatermarkParams, interface,
};
use super::outline::Outline;
use super::{WasmError, World};

/// What can be said of a component without running it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// What kind of operator it is.
    pub world: World,
    /// What it imports, by full name.
    pub imports: Vec<String>,
    /// What it exports, by full name.
    pub exports: Vec<String>,
    /// Of the file, bytes.
    pub size: usize,
}

/// Interfaces that a component may import.
const IMPORTS: [&str; 7] = ["types", "output", "telemetry", "clock", "entropy", "state", "timers"];

/// Refuses what is no component at all, saying what it is.
fn check_binary(bytes: &[u8]) -> Result<(), WasmError> {
    let refuse = |what: &str| Err(WasmError::new(what));
    match bytes {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => refuse(
            "it is a core WebAssembly module, not a component: build it with `sabot build`, or encode the module as a \
             component with the world of sabot:operator it implements",
        ),
        [0, b'a', b's', b'm', ..] => {
            refuse("it is WebAssembly of a version that this host does not know; build it with `sabot build`")
        }
        [] => refuse("it is empty"),
        text if text.trim_ascii_start().starts_with(b"(") => {
            refuse("it looks like the text format of WebAssembly; upload the binary that `sabot build` makes")
        }
        _ => refuse("it is not WebAssembly (it does not start with \\0asm); upload what `sabot build` makes"),
    }
}

/// Checks what can be checked before anything is compiled: what it is, how much of it there is, and the names of what
/// it imports and exports.
pub(super) fn check_bytes(bytes: &[u8]) -> Result<(), WasmError> {
    check_binary(bytes)?;
    let outline = Outline::of(bytes)?;
    let mut reasons = outline.excess();
    reasons.extend(check_imports(&outline.imports));
    check_exports(&outline.exports, &mut reasons);
    if reasons.is_empty() { Ok(()) } else { Err(WasmError::of(reasons)) }
}

/// Checks what a component imports and exports. `size` is that of the file.
pub(super) fn check_types(component: &Component, size: usize) -> Result<Inspection, WasmError> {
    let engine = component.engine();
    let types = component.component_type();
    let imports: Vec<String> = types.imports(engine).map(|(name, _)| name.to_owned()).collect();
    let exports: Vec<String> = types.exports(engine).map(|(name, _)| name.to_owned()).collect();
    let mut reasons = check_imports(&imports);
    let world = check_exports(&exports, &mut reasons);
    if let Some(world) = world {
        check_functions(component, world, &mut reasons);
    }
    match world {
        Some(world) if reasons.is_empty() => Ok(Inspection { world, imports, exports, size }),
        _ => Err(WasmError::of(reasons)),
    }
}

/// `namespace:package/interface@version` in parts.
fn split_name(name: &str) -> (&str, &str, Option<&str>) {
    let (path, version) = name.split_once('@').map_or((name, None), |(path, version)| (path, Some(version)));
    let (package, interface) = path.split_once('/').unwrap_or((path, ""));
    (package, interface, version)
}

fn other_version(verb: &str, name: &str) -> String {
    format!("it {verb} {name}; this host speaks {PACKAGE}@{VERSION}: build it with the SDK of that version")
}

fn check_imports(imports: &[String]) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut foreign: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for name in imports {
        let (package, interface, version) = split_name(name);
        if package != PACKAGE {
            foreign.entry(package).or_default().push(name);
        } else if version != Some(VERSION) {
            reasons.push(other_version("imports", name));
        } else if !IMPORTS.contains(&interface) {
            reasons.push(format!("it imports {name}, which {PACKAGE}@{VERSION} does not have"));
        }
    }
    for (package, names) in foreign {
        let want = wanted(package).map_or_else(String::new, |want| format!("wants {want}: "));
        reasons.push(format!(
            "it {want}imports {}; components get nothing ambient, only the interfaces of {PACKAGE}",
            names.join(", ")
        ));
    }
    reasons
}

/// What someone who imports this package is after.
fn wanted(package: &str) -> Option<&'static str> {
    Some(match package {
        "wasi:filesystem" => "a file system",
        "wasi:sockets" => "the network",
        "wasi:http" => "HTTP",
        "wasi:clocks" => "a clock (ask for the capability `clock` instead)",
        "wasi:random" => "random bytes (ask for the capability `entropy` instead)",
        "wasi:cli" => {
            "environment, arguments or standard output (log through sabot:operator/telemetry instead)"
        }
        "wasi:io" => "streams",
        _ => return None,
    })
}

fn check_exports(exports: &[String], reasons: &mut Vec<String>) -> Option<World> {
    let ours = |name: &&String| split_name(name).0 == PACKAGE;
    let (right, other): (Vec<&String>, Vec<&String>) =
        exports.iter().filter(ours).partition(|name| split_name(name).2 == Some(VERSION));
    if !other.is_empty() {
        reasons.extend(other.iter().map(|name| other_version("exports", name)));
        return None;
    }
    let has = |interface: &str| right.iter().any(|name| split_name(name).1 == interface);
    let worlds: Vec<World> = World::ALL.into_iter().filter(|world| has(world.interface())).collect();
    if !has("control") {
        reasons.push(format!("it does not export {}, which every operator has", interface("control")));
    }
    match worlds[..] {
        [world] => Some(world),
        [] => {
            let known: Vec<String> = World::ALL.map(|w| format!("{w} ({})", w.interface())).into();
            reasons.push(format!(
                "it exports no operator: it must export the interface of one of {}",
                known.join(", ")
            ));
            None
        }
        _ => {
            let found: Vec<&str> = worlds.iter().map(|world| world.name()).collect();
            reasons.push(format!(
                "it exports {} operators at once ({}); one each",
                found.len(),
                found.join(", ")
            ));
            None
        }
    }
}

/// Functions of an exported interface, checked against their types one by one.
struct Exported<'a> {
    component: &'a Component,
    interface: &'static str,
    reasons: &'a mut Vec<String>,
}

impl Exported<'_> {
    fn check<Params, Results>(&mut self, name: &str) -> &mut Self
    where
        Params: ComponentNamedList + Lower,
        Results: ComponentNamedList + Lift,
    {
        let full = interface(self.interface);
        let wrong = match self.function(&full, name) {
            None => Some("is missing".to_owned()),
            Some(function) => {
                let types = self.component.component_type();
                let typed = function.typecheck::<Params, Results>(&types.instance_type());
                typed.err().map(|e| format!("has another type than in {PACKAGE}@{VERSION}: {e:#}"))
            }
        };
        if let Some(wrong) = wrong {
            self.reasons.push(format!("the function `{name}` of its export {full} {wrong}"));
        }
        self
    }

    fn function(&self, interface: &str, name: &str) -> Option<ComponentFunc> {
        let instance = self.component.get_export_index(None, interface)?;
        match self.component.get_export(Some(&instance), name)?.0 {
            ComponentItem::ComponentFunc(function) => Some(function),
            _ => None,
        }
    }
}

fn check_functions(component: &Component, world: World, reasons: &mut Vec<String>) {
    Exported { component, interface: "control", reasons }
        .check::<DescribeParams, DescribeResults>("describe")
        .check::<BindParams, BindResults>("bind")
        .check::<OpenParams, OpenResults>("open")
        .check::<CloseParams, CloseResults>("close");
    let mut exported = Exported { component, interface: world.interface(), reasons };
    match world {
        World::Filter => exported.check::<SelectParams, SelectResults>("select"),
        World::Map | World::FlatMap => exported.check::<ProcessParams, ProcessResults>("process"),
        World::Scalar => exported.check::<ProcessParams, ProcessResults>("evaluate"),
        World::Aggregate => exported
            .check::<UpdateParams, ProcessResults>("update")
            .check::<UpdateParams, UnitResults>("merge")
            .check::<UnitParams, UnitResults>("take-state")
            .check::<UnitParams, UnitResults>("finish"),
        World::Agent => exported
            .check::<ActParams, ProcessResults>("process")
            .check::<TimersParams, UnitResults>("on-timers")
            .check::<WatermarkParams, UnitResults>("on-watermark")
            .check::<UnitParams, UnitResults>("flush"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(imports: &[&str], exports: &[&str]) -> String {
        let own = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect::<Vec<_>>();
        let mut reasons = check_imports(&own(imports));
        let world = check_exports(&own(exports), &mut reasons);
        format!("{world:?}\n{}", reasons.join("\n"))
    }

    #[test]
    fn what_is_no_component_is_named() {
        let refusal = |bytes: &[u8]| check_binary(bytes).unwrap_err().to_string();
        assert!(refusal(b"\0asm\x01\0\0\0").contains("core WebAssembly module"));
        assert!(refusal(b"\0asm\x02\0\0\0").contains("version"));
        assert!(refusal(b"  (component)").contains("text format"));
        assert!(refusal(b"").contains("empty"));
        assert!(refusal(b"<!DOCTYPE html>").contains("not WebAssembly"));
        assert!(check_binary(b"\0asm\x0d\0\x01\0rest").is_ok());
    }

    #[test]
    fn foreign_imports_are_named_and_grouped() {
        insta::assert_snapshot!(reasons(
            &[
                "wasi:filesystem/types@0.2.6", "wasi:filesystem/preopens@0.2.6", "wasi:clocks/wall-clock@0.2.6",
                "acme:db/query", "sabot:operator/output@0.1.0", "sabot:operator/sockets@0.1.0",
                "sabot:operator/telemetry@0.2.0"
            ],
            &["sabot:operator/control@0.1.0", "sabot:operator/selector@0.1.0", "init"],
        ), @r"
        Some(Filter)
        it imports sabot:operator/sockets@0.1.0, which sabot:operator@0.1.0 does not have
        it imports sabot:operator/telemetry@0.2.0; this host speaks sabot:operator@0.1.0: build it with the SDK of that version
        it imports acme:db/query; components get nothing ambient, only the interfaces of sabot:operator
        it wants a clock (ask for the capability `clock` instead): imports wasi:clocks/wall-clock@0.2.6; components get nothing ambient, only the interfaces of sabot:operator
        it wants a file system: imports wasi:filesystem/types@0.2.6, wasi:filesystem/preopens@0.2.6; components get nothing ambient, only the interfaces of sabot:operator
        ");
    }

    #[test]
    fn worlds_are_told_by_what_is_exported() {
        let control = "sabot:operator/control@0.1.0";
        insta::assert_snapshot!([
            reasons(&[], &[control]),
            reasons(&[], &["run", "sabot:operator/mapper@0.1.0"]),
            reasons(&[], &[control, "sabot:operator/mapper@0.1.0", "sabot:operator/actor@0.1.0"]),
            reasons(&[], &["sabot:operator/control@1.0.0", "sabot:operator/mapper@1.0.0"]),
        ].join("\n---\n"), @r"
        None
        it exports no operator: it must export the interface of one of filter (selector), map (mapper), flat-map (flat-mapper), scalar (evaluator), aggregate (accumulator), agent (actor)
        ---
        Some(Map)
        it does not export sabot:operator/control@0.1.0, which every operator has
        ---
        None
        it exports 2 operators at once (map, agent); one each
        ---
        None
        it exports sabot:operator/control@1.0.0; this host speaks sabot:operator@0.1.0: build it with the SDK of that version
        it exports sabot:operator/mapper@1.0.0; this host speaks sabot:operator@0.1.0: build it with the SDK of that version
        ");
    }
}
