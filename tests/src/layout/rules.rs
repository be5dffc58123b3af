//! What holds for every Rust file: it says what it is for, it is short, and nothing in it is unfinished.
//!
//! Knows nothing of modules and their imports.

use super::Violation;
use super::source::Source;

const MOST_LINES: usize = 800;
const UNFINISHED: [&str; 2] = ["todo", "unimplemented"];
const MACROS: &str = "guests/rust/macros/";
const NOTES: [&str; 3] = ["TODO", "FIXME", "XXX"];

pub(super) fn check(name: &str, text: &str, source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut report = |line: usize, rule: String, remedy: &str| {
        found.push(Violation { file: name.to_owned(), line, rule, remedy: remedy.to_owned() });
    };
    if !text.starts_with("//!") {
        report(
            1,
            "the file does not open with `//!`".into(),
            "Begin with a module doc: what the file is for, and what it must not know.",
        );
    }
    let lines = text.lines().count();
    if lines > MOST_LINES {
        report(
            MOST_LINES + 1,
            format!("the file has {lines} lines, more than {MOST_LINES}"),
            "Split it along its concerns; most files have fewer than 300 lines.",
        );
    }
    let tokens = &source.tokens;
    for (at, token) in tokens.iter().enumerate() {
        let next = |steps: usize| tokens.get(at + steps).map_or("", |token| &*token.text);
        if UNFINISHED.contains(&&*token.text) && next(1) == "!" {
            report(
                token.line,
                format!("`{}!` in the code", token.text),
                "Finish it, or leave the feature out.",
            );
        }
        // What a macro writes into its user's crate is silent on purpose: the user may not use all of it.
        let silences =
            !name.starts_with(MACROS) && ["allow", "expect"].contains(&&*token.text) && next(1) == "(";
        if silences && next(2) == "dead_code" {
            report(token.line, format!("`{}(dead_code)`", token.text), "Remove what nobody uses.");
        }
    }
    for (line, comment) in &source.comments {
        let mut words = comment.split(|character: char| !character.is_alphanumeric());
        if let Some(note) = words.find(|word| NOTES.contains(word)) {
            report(*line, format!("a comment says {note}"), "Do it now, or write down why it is not needed.");
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::check_file;

    fn rules(text: &str) -> Vec<String> {
        let found = check_file("xtask/src/x.rs", text);
        found.iter().map(|violation| format!("{}: {}", violation.line, violation.rule)).collect()
    }

    #[test]
    fn a_good_file_passes() {
        let text = "//! For x.\nfn f() { let todo = \"todo!()\"; } // no `todo!` here\n";
        assert_eq!(rules(text), [""; 0]);
    }

    #[test]
    fn a_file_says_what_it_is_for() {
        assert_eq!(rules("// For x.\n//! y"), ["1: the file does not open with `//!`"]);
        assert_eq!(rules(""), ["1: the file does not open with `//!`"]);
    }

    #[test]
    fn a_file_is_short() {
        let longest = format!("//! x\n{}", "\n".repeat(799));
        assert_eq!(rules(&longest), [""; 0]);
        assert_eq!(rules(&format!("{longest}\n")), ["801: the file has 801 lines, more than 800"]);
    }

    #[test]
    fn nothing_is_unfinished() {
        assert_eq!(rules("//! x\nfn f() { todo!() }"), ["2: `todo!` in the code"]);
        assert_eq!(rules("//! x\nfn f() { unimplemented ! () }"), ["2: `unimplemented!` in the code"]);
        assert_eq!(rules("//! x\n\n#[allow(dead_code)]"), ["3: `allow(dead_code)`"]);
        let note = ["//! x\n/* y\n TO", "DO: z */"].concat();
        assert_eq!(rules(&note), ["3: a comment says TODO"]);
    }
}
