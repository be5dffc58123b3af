//! `component.toml`: what a guest's folder says of itself. It must not know how anything is built.
//!
//! ```toml
//! name = "large-orders"   # the file is build/large-orders.wasm
//! lang = "rust"           # rust, c or python
//! world = "filter"        # a world of the WIT package
//! ```
//!
//! Three strings are no reason for a TOML library: lines of `key = "value"`, comments, nothing else.

use std::path::Path;

/// The file's name.
pub const COMPONENT_TOML: &str = "component.toml";

/// A language that components can be built from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// cargo, for `wasm32-unknown-unknown`.
    Rust,
    /// clang or Zig's C compiler.
    C,
    /// componentize-py.
    Python,
}

impl Language {
    /// Every language, in the order in which they are listed.
    pub const ALL: [Language; 3] = [Language::Rust, Language::C, Language::Python];

    /// As it is written in `component.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Language::Rust => "rust",
            Language::C => "c",
            Language::Python => "python",
        }
    }

    /// The language of that name.
    ///
    /// # Errors
    /// There is none, or it comes in a later release.
    pub fn parse(name: &str) -> Result<Self, ComponentError> {
        let known = Language::ALL.into_iter().find(|language| language.name() == name);
        known.ok_or_else(|| match name {
            "go" | "typescript" | "zig" => ComponentError::LanguageLater(name.into()),
            _ => ComponentError::Language(name.into()),
        })
    }
}

/// What `component.toml` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// The component's name; also that of the file it is built to.
    pub name: String,
    /// The language it is written in.
    pub language: Language,
    /// The world it implements.
    pub world: String,
}

/// What is wrong with a guest's folder.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ComponentError {
    /// The file is not there or cannot be read.
    #[error("{path} cannot be read ({reason}); a guest's folder has one, see `sabot new`")]
    Unreadable {
        /// Which file.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// A line is not `key = "value"`.
    #[error("component.toml, line {0}: expected key = \"value\"")]
    Line(usize),
    /// A key is not known.
    #[error("component.toml, line {line}: there is no key {key:?}; there are: name, lang, world")]
    Key {
        /// Counted from 1.
        line: usize,
        /// What stands there.
        key: String,
    },
    /// A key is missing.
    #[error("component.toml has no line `{0} = \"…\"`")]
    Missing(&'static str),
    /// The name cannot be a file's name.
    #[error("{0:?} is no name for a component: it has letters, digits and dashes, and starts with a letter")]
    Name(String),
    /// The language will come.
    #[error("components in {0} cannot be made with this release; it makes rust, c and python")]
    LanguageLater(String),
    /// The language is unknown.
    #[error("there is no language {0:?}; there are: rust, c, python")]
    Language(String),
}

/// That a name can be that of a component, a file and a crate.
///
/// # Errors
/// It cannot.
pub fn check_name(name: &str) -> Result<(), ComponentError> {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let rest = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if starts && rest { Ok(()) } else { Err(ComponentError::Name(name.into())) }
}

impl Component {
    /// Reads the file in a folder.
    ///
    /// # Errors
    /// See [`ComponentError`].
    pub fn read(folder: &Path) -> Result<Self, ComponentError> {
        let path = folder.join(COMPONENT_TOML);
        let text = std::fs::read_to_string(&path).map_err(|e| ComponentError::Unreadable {
            path: path.display().to_string(),
            reason: e.to_string(),
        })?;
        Component::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, ComponentError> {
        let (mut name, mut language, mut world) = (None, None, None);
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, value) = key_and_value(line).ok_or(ComponentError::Line(at + 1))?;
            match key {
                "name" => name = Some(value.to_owned()),
                "lang" => language = Some(Language::parse(value)?),
                "world" => world = Some(value.to_owned()),
                _ => return Err(ComponentError::Key { line: at + 1, key: key.into() }),
            }
        }
        let name = name.ok_or(ComponentError::Missing("name"))?;
        check_name(&name)?;
        Ok(Component {
            name,
            language: language.ok_or(ComponentError::Missing("lang"))?,
            world: world.ok_or(ComponentError::Missing("world"))?,
        })
    }
}

fn key_and_value(line: &str) -> Option<(&str, &str)> {
    let (key, rest) = line.split_once('=')?;
    let (value, rest) = rest.trim().strip_prefix('"')?.split_once('"')?;
    let rest = rest.trim();
    (rest.is_empty() || rest.starts_with('#')).then_some((key.trim(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read() {
        let text = "# a guest\nname = \"large-orders\"\nlang = \"rust\" # typed\n\nworld=\"filter\"\n";
        let expected =
            Component { name: "large-orders".into(), language: Language::Rust, world: "filter".into() };
        assert_eq!(Component::parse(text), Ok(expected));
    }

    #[test]
    fn every_mistake_is_named() {
        let error = |text: &str| Component::parse(text).map_err(|e| e.to_string()).unwrap_err();
        insta::assert_snapshot!(error("name = x"), @r#"component.toml, line 1: expected key = "value""#);
        insta::assert_snapshot!(
            error("\nnme = \"x\""), @r#"component.toml, line 2: there is no key "nme"; there are: name, lang, world"#
        );
        insta::assert_snapshot!(
            error("name = \"x\"\nlang = \"rust\""), @r#"component.toml has no line `world = "…"`"#
        );
        insta::assert_snapshot!(
            error("lang = \"go\""),
            @"components in go cannot be made with this release; it makes rust, c and python"
        );
        insta::assert_snapshot!(
            error("lang = \"cobol\""), @r#"there is no language "cobol"; there are: rust, c, python"#
        );
        insta::assert_snapshot!(
            error("name = \"../x\"\nlang = \"c\"\nworld = \"filter\""),
            @r#""../x" is no name for a component: it has letters, digits and dashes, and starts with a letter"#
        );
    }
}
