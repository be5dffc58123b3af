//! Who may use whom in the host: its modules import one way, and each large library has one home.
//!
//! Both tables are the rule; ARCHITECTURE.md draws them. Test modules obey them too: a test that needs more is
//! an integration test.

use super::Violation;
use super::source::{Source, Token};

/// Each module of the host with the modules that it may use. Those stand above it.
const MODULES: &[(&str, &[&str])] = &[
    ("batch", &[]),
    ("codec", &["batch"]),
    ("guest", &[]),
    ("spec", &["codec"]),
    ("config", &["codec", "spec"]),
    ("supervise", &["spec"]),
    ("time", &["batch"]),
    ("checkpoint", &["batch"]),
    ("plan", &["spec"]),
    ("connector", &["batch", "spec", "codec"]),
    ("operator", &["batch", "spec", "time", "plan"]),
    ("wasm", &["batch", "spec", "operator"]),
    ("catalog", &["codec", "config", "spec"]),
    (
        "runtime",
        &["batch", "spec", "supervise", "time", "checkpoint", "plan", "codec", "connector", "operator"],
    ),
    (
        "control",
        &[
            "batch",
            "codec",
            "config",
            "spec",
            "supervise",
            "plan",
            "connector",
            "operator",
            "wasm",
            "catalog",
            "runtime",
        ],
    ),
    ("stream", &["config", "spec", "connector", "operator", "control"]),
    ("admin", &["config", "control"]),
    (
        "cli",
        &[
            "batch",
            "config",
            "guest",
            "spec",
            "plan",
            "codec",
            "connector",
            "wasm",
            "control",
            "stream",
            "admin",
        ],
    ),
];

/// Each library that has a home: a name (`*` at the end for a family) and the places below host/src that may use
/// it. `utoipa` has two, because the shapes of the API are `control`'s and say themselves how they look.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("rdkafka", &["connector/kafka"]),
    ("rdkafka_sys", &["connector/kafka"]),
    ("wasmparser", &["wasm"]),
    ("wasmtime", &["wasm"]),
    ("axum", &["admin"]),
    ("utoipa", &["admin", "control"]),
    ("utoipa_axum", &["admin"]),
    ("simd_json", &["codec"]),
    ("datafusion_*", &["operator/sql"]),
];

/// `inside` is the file's path below host/src.
pub(super) fn check(name: &str, inside: &str, source: &Source) -> Vec<Violation> {
    let path = inside.strip_suffix(".rs").unwrap_or(inside);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    let mut found = libraries(name, path, source);
    // The roots of the library and of the program only put the modules together.
    if path == "lib" || path == "main" {
        return found;
    }
    let module = path.split('/').next().unwrap_or(path);
    let Some((_, allowed)) = MODULES.iter().find(|(known, _)| *known == module) else {
        found.push(Violation {
            file: name.to_owned(),
            line: 1,
            rule: format!("the module `{module}` is not in the table of modules"),
            remedy: "Put the file into the module that it belongs to, or add the module to the table in \
                     tests/src/layout/imports.rs and to ARCHITECTURE.md."
                .into(),
        });
        return found;
    };
    for (used, line) in uses(&source.tokens, path.split('/').count()) {
        let known = MODULES.iter().any(|(known, _)| *known == used);
        if known && used != module && !allowed.contains(&&*used) {
            let may = if allowed.is_empty() { "nothing of the host".into() } else { allowed.join(", ") };
            found.push(Violation {
                file: name.to_owned(),
                line,
                rule: format!("`{module}` uses `{used}`; it may use {may}"),
                remedy:
                    "Pass what is needed in as a value or a small trait, or move the code to the module that \
                         may know both."
                        .into(),
            });
        }
    }
    found
}

fn libraries(name: &str, path: &str, source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    let tokens = &source.tokens;
    for (at, token) in tokens.iter().enumerate() {
        let Some((_, homes)) = LIBRARIES.iter().find(|(library, _)| is_named(library, &token.text)) else {
            continue;
        };
        let next = tokens.get(at + 1).map_or("", |token| &*token.text);
        let before = at.checked_sub(1).map_or("", |at| &*tokens[at].text);
        let used = next == "::" || ["use", "crate"].contains(&before);
        let below = |home: &&str| {
            path.strip_prefix(home).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let at_home = homes.iter().any(below);
        let homes = homes.join(" and ");
        if used && !at_home {
            found.push(Violation {
                file: name.to_owned(),
                line: token.line,
                rule: format!("`{}` is used outside {homes} of host/src", token.text),
                remedy: format!(
                    "Only {homes} may know this library: let it offer what is needed in types of our own."
                ),
            });
        }
    }
    found
}

fn is_named(library: &str, word: &str) -> bool {
    match library.strip_suffix('*') {
        Some(family) => word.starts_with(family),
        None => word == library,
    }
}

/// The names directly below the crate's root that a file `depth` modules deep uses, each with its line: through
/// `crate::` and through as many `super::` as lead to the root.
fn uses(tokens: &[Token], depth: usize) -> Vec<(String, usize)> {
    let text = |at: usize| tokens.get(at).map_or("", |token| &*token.text);
    let mut found = Vec::new();
    // Brace depths at which inline modules opened.
    let (mut inline, mut braces) = (Vec::new(), 0_usize);
    let mut at = 0;
    while at < tokens.len() {
        match text(at) {
            "{" => {
                if at >= 2 && text(at - 2) == "mod" {
                    inline.push(braces);
                }
                braces += 1;
            }
            "}" => {
                braces = braces.saturating_sub(1);
                if inline.last() == Some(&braces) {
                    inline.pop();
                }
            }
            "crate" if text(at + 1) == "::" => found.extend(heads(tokens, at + 2)),
            "super" if text(at + 1) == "::" => {
                let mut supers = 1;
                while text(at + 2) == "super" && text(at + 3) == "::" {
                    supers += 1;
                    at += 2;
                }
                if supers == depth + inline.len() {
                    found.extend(heads(tokens, at + 2));
                }
                at += 1;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The first names of the path or of the group of paths that begins here.
fn heads(tokens: &[Token], from: usize) -> Vec<(String, usize)> {
    let head = |token: &Token| (token.text.clone(), token.line);
    match tokens.get(from) {
        Some(token) if token.text == "{" => {}
        other => return other.map(head).into_iter().collect(),
    }
    let mut found = Vec::new();
    let (mut depth, mut expects) = (0, true);
    for token in &tokens[from..] {
        match &*token.text {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => expects = true,
            _ if depth == 1 && expects => {
                found.push(head(token));
                expects = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::check_file;
    use super::*;

    fn rules(file: &str, code: &str) -> Vec<String> {
        let found = check_file(file, &format!("//! x\n{code}"));
        found.iter().map(|violation| format!("{}: {}", violation.line, violation.rule)).collect()
    }

    #[test]
    fn the_table_goes_one_way() {
        for (at, (module, allowed)) in MODULES.iter().enumerate() {
            for used in *allowed {
                let above = MODULES[..at].iter().any(|(known, _)| known == used);
                assert!(above, "`{module}` may use `{used}`, which does not stand above it");
            }
        }
    }

    #[test]
    fn allowed_uses_pass() {
        assert_eq!(rules("host/src/codec/json.rs", "use crate::batch::Raw; use crate::codec::X;"), [""; 0]);
        assert_eq!(rules("host/src/lib.rs", "pub mod runtime; pub use crate::control::Host;"), [""; 0]);
        assert_eq!(
            rules("host/src/spec/model.rs", "/// See [`crate::runtime`].\npub(crate) struct A;"),
            [""; 0]
        );
        assert_eq!(rules("guests/rust/src/x.rs", "use crate::runtime::X;"), [""; 0]);
    }

    #[test]
    fn every_way_to_import_is_seen() {
        let expected = ["2: `spec` uses `runtime`; it may use codec"];
        for code in [
            "use crate::runtime::Task;",
            "use crate::{runtime};",
            "use crate::{spec::{A, B}, runtime::{Task, Life}};",
            "fn f() { crate::runtime::go() }",
            "use super::super::runtime::Task;",
            "use super::super::{runtime::Task};",
            "mod tests { use super::super::super::runtime; }",
            "macro_rules! m { () => { $crate::runtime::go() } }",
        ] {
            assert_eq!(rules("host/src/spec/model.rs", code), expected, "{code}");
        }
        assert_eq!(rules("host/src/spec/mod.rs", "use super::runtime;"), expected);
        assert_eq!(rules("host/src/spec/model.rs", "mod tests { use super::super::runtime; }"), [""; 0]);
    }

    #[test]
    fn a_new_module_enters_the_table() {
        let found = rules("host/src/utils.rs", "");
        assert_eq!(found, ["1: the module `utils` is not in the table of modules"]);
    }

    #[test]
    fn libraries_stay_at_home() {
        for (file, code) in [
            ("host/src/connector/kafka/source.rs", "use rdkafka::consumer::Consumer;"),
            ("host/src/connector/kafka.rs", "use rdkafka::consumer::Consumer;"),
            ("host/src/wasm/engine.rs", "use wasmtime::Engine;"),
            ("host/src/codec/json.rs", "let x = simd_json::to_tape(b);"),
            ("host/src/plan/mod.rs", "let wasmtime = 1;"),
            ("benches/src/bin/pipeline.rs", "use rdkafka::consumer::Consumer;"),
        ] {
            assert_eq!(rules(file, code), [""; 0], "{file}");
        }
        for (file, code, expected) in [
            (
                "host/src/connector/kafkaesque.rs",
                "use rdkafka::X;",
                "2: `rdkafka` is used outside connector/kafka of host/src",
            ),
            ("host/src/lib.rs", "use wasmtime as w;", "2: `wasmtime` is used outside wasm of host/src"),
            ("host/src/control/mod.rs", "fn f(x: axum::Y) {}", "2: `axum` is used outside admin of host/src"),
            (
                "host/src/operator/native.rs",
                "use datafusion_expr::Expr;",
                "2: `datafusion_expr` is used outside operator/sql of host/src",
            ),
        ] {
            assert_eq!(rules(file, code), [expected], "{file}");
        }
    }

    #[test]
    fn a_message_names_place_rule_and_remedy() {
        let found = check_file("host/src/batch/mod.rs", "//! x\nuse crate::spec::Name;\n");
        let text = found[0].to_string();
        assert!(
            text.starts_with("host/src/batch/mod.rs:2: `batch` uses `spec`; it may use nothing"),
            "{text}"
        );
        assert!(text.contains("\n    Pass what is needed in"), "{text}");
    }
}
