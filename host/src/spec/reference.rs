//! How a component is named: `name`, `name@version`, `sha256:…` or a file. Knows nothing of the catalog.

use std::fmt;

use super::read::name_problem;

/// A reference to a component.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ComponentRef {
    /// The newest of this name.
    Name(String),
    /// This version of this name.
    Version {
        /// The name.
        name: String,
        /// The version as the component says it.
        version: String,
    },
    /// The one whose SHA-256 starts with these lower-case hexadecimal digits (1 to 64).
    Digest(String),
    /// A file that ends in `.wasm`.
    Path(String),
}

impl ComponentRef {
    /// Reads a reference. The error says what is wrong and what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.ends_with(".wasm") {
            return Ok(Self::Path(text.to_owned()));
        }
        if let Some(digest) = text.strip_prefix("sha256:") {
            let hex = digest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            return match hex && (1..=64).contains(&digest.len()) {
                true => Ok(Self::Digest(digest.to_owned())),
                false => Err("a digest is `sha256:` and 1 to 64 lower-case hexadecimal digits".to_owned()),
            };
        }
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        if let Some(problem) = name_problem(name) {
            return Err(format!(
                "{problem}; a component is `name`, `name@version`, `sha256:…` or a path to a .wasm file"
            ));
        }
        let Some(version) = version else { return Ok(Self::Name(name.to_owned())) };
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+' | b'_');
        match !version.is_empty() && version.len() <= 64 && version.bytes().all(plain) {
            true => Ok(Self::Version { name: name.to_owned(), version: version.to_owned() }),
            false => Err("after `@` comes a version, as 1.2.0".to_owned()),
        }
    }
}

impl fmt::Display for ComponentRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) | Self::Path(name) => f.write_str(name),
            Self::Version { name, version } => write!(f, "{name}@{version}"),
            Self::Digest(digest) => write!(f, "sha256:{digest}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_shown() {
        for text in ["scorer", "scorer@1.2.0-rc.1+b5", "sha256:0a1b2c", "./build/scorer.wasm"] {
            assert_eq!(ComponentRef::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_reference_is_told() {
        insta::assert_snapshot!(ComponentRef::parse("Scorer").unwrap_err(), @"`Scorer` is not a name; expected a lower-case letter, then lower-case letters, digits, `_` or `-`; a component is `name`, `name@version`, `sha256:…` or a path to a .wasm file");
        insta::assert_snapshot!(ComponentRef::parse("scorer@").unwrap_err(), @"after `@` comes a version, as 1.2.0");
        insta::assert_snapshot!(ComponentRef::parse("sha256:XY").unwrap_err(), @"a digest is `sha256:` and 1 to 64 lower-case hexadecimal digits");
    }
}
