//! What a REF means: `name` (the newest), `name@version`, `sha256:` and the start of a digest. Pure.

use super::{CatalogError, ComponentRecord, Version};
use crate::spec::{ComponentRef, nearest};

/// The component that `reference` means among `stored`.
///
/// The newest of a name is the one of the highest semantic version; pre-releases count only where there is no
/// release. Of several with the same version it is the one uploaded last.
pub fn resolve<'a>(
    reference: &str,
    stored: impl Iterator<Item = &'a ComponentRecord> + Clone,
) -> Result<&'a ComponentRecord, CatalogError> {
    let bad = |reason| CatalogError::BadReference { reference: reference.to_owned(), reason };
    match ComponentRef::parse(reference).map_err(bad)? {
        ComponentRef::Digest(_) => by_digest(reference, stored),
        ComponentRef::Path(_) => {
            Err(bad("a file must be uploaded first, and be named by what it then is".into()))
        }
        ComponentRef::Version { name, version } => {
            let named = stored.clone().filter(|c| c.name == name);
            let found = named.clone().filter(|c| c.version == version).max_by_key(|c| c.uploaded_ms);
            found.ok_or_else(|| match named.clone().next() {
                None => unknown_name(reference, &name, stored),
                Some(_) => unknown_version(reference, named),
            })
        }
        ComponentRef::Name(name) => {
            let newest = stored.clone().filter(|c| c.name == name).max_by_key(|c| {
                let version = Version::parse(&c.version);
                (version.as_ref().is_some_and(|v| !v.is_pre_release()), version, c.uploaded_ms)
            });
            newest.ok_or_else(|| unknown_name(reference, &name, stored))
        }
    }
}

fn by_digest<'a>(
    reference: &str,
    stored: impl Iterator<Item = &'a ComponentRecord>,
) -> Result<&'a ComponentRecord, CatalogError> {
    let found: Vec<_> = stored.filter(|c| c.digest.starts_with(reference)).collect();
    match found[..] {
        [one] => Ok(one),
        [] => Err(CatalogError::Unknown {
            kind: "component",
            name: reference.to_owned(),
            nearest: String::new(),
        }),
        _ => Err(CatalogError::Ambiguous {
            reference: reference.to_owned(),
            candidates: found.iter().take(5).map(|c| format!("{} = {}", c.digest, c.label())).collect(),
        }),
    }
}

/// `; did you mean `name`?`, or nothing.
pub(super) fn did_you_mean<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    nearest(wrong, names).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

fn unknown_version<'a>(reference: &str, named: impl Iterator<Item = &'a ComponentRecord>) -> CatalogError {
    let mut versions: Vec<_> = named.map(|c| (Version::parse(&c.version), c.version.as_str())).collect();
    versions.sort();
    versions.dedup();
    let newest: Vec<_> = versions.iter().rev().take(5).map(|(_, v)| *v).collect();
    let nearest = format!("; stored versions: {}", newest.join(", "));
    CatalogError::Unknown { kind: "component", name: reference.to_owned(), nearest }
}

fn unknown_name<'a>(
    reference: &str,
    name: &str,
    stored: impl Iterator<Item = &'a ComponentRecord>,
) -> CatalogError {
    let mut names = stored.map(|c| c.name.as_str()).peekable();
    let nearest = match names.peek() {
        None => "; none is stored yet, upload it first".to_owned(),
        Some(_) => did_you_mean(name, names),
    };
    CatalogError::Unknown { kind: "component", name: reference.to_owned(), nearest }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> Vec<ComponentRecord> {
        let one = |name: &str, version: &str, digest: &str, uploaded_ms| ComponentRecord {
            digest: format!("sha256:{digest:0<64}"),
            name: name.into(),
            version: version.into(),
            world: "filter".into(),
            size_bytes: 1,
            uploaded_ms,
            manifest: serde_json::Value::Null,
        };
        vec![
            one("scorer", "1.9.0", "aaaa1", 1),
            one("scorer", "1.10.0", "aaaa2", 2),
            one("scorer", "2.0.0-rc.1", "bbbb1", 3),
            one("scorer", "1.10.0", "cccc1", 4),
            one("beta", "0.1.0-a", "dddd1", 5),
            one("beta", "0.1.0-b", "dddd2", 5),
        ]
    }

    fn label(reference: &str) -> String {
        match resolve(reference, stored().iter()) {
            Ok(found) => format!("{} {}", found.label(), &found.digest[..12]),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_name_is_its_newest_release() {
        assert_eq!(label("scorer"), "scorer@1.10.0 sha256:cccc1");
        assert_eq!(label("beta"), "beta@0.1.0-b sha256:dddd2");
    }

    #[test]
    fn a_version_is_exact_and_the_last_upload_of_it() {
        assert_eq!(label("scorer@1.9.0"), "scorer@1.9.0 sha256:aaaa1");
        assert_eq!(label("scorer@1.10.0"), "scorer@1.10.0 sha256:cccc1");
        assert_eq!(label("scorer@2.0.0-rc.1"), "scorer@2.0.0-rc.1 sha256:bbbb1");
    }

    #[test]
    fn a_digest_needs_as_many_digits_as_make_it_unique() {
        assert_eq!(label("sha256:bbbb"), "scorer@2.0.0-rc.1 sha256:bbbb1");
        assert_eq!(label("sha256:aaaa2"), "scorer@1.10.0 sha256:aaaa2");
    }

    #[test]
    fn refusals_say_what_is_there() {
        let all = [
            "scorer@1.3.0",
            "scorre",
            "scorre@1.0.0",
            "x",
            "sha256:aaaa",
            "sha256:eeee",
            "sha256:ab",
            "sha256:XYZW",
            "scorer@",
            "@1.0.0",
            "",
        ];
        let texts: Vec<_> = all.into_iter().map(label).collect();
        insta::assert_snapshot!(texts.join("\n"), @r"
        there is no component `scorer@1.3.0`; stored versions: 2.0.0-rc.1, 1.10.0, 1.9.0
        there is no component `scorre`; did you mean `scorer`?
        there is no component `scorre@1.0.0`; did you mean `scorer`?
        there is no component `x`
        `sha256:aaaa` is the start of several digests (sha256:aaaa100000000000000000000000000000000000000000000000000000000000 = scorer@1.9.0, sha256:aaaa200000000000000000000000000000000000000000000000000000000000 = scorer@1.10.0): give more digits
        there is no component `sha256:eeee`
        there is no component `sha256:ab`
        `sha256:XYZW` does not name a stored component: a digest is `sha256:` and 1 to 64 lower-case hexadecimal digits
        `scorer@` does not name a stored component: after `@` comes a version, as 1.2.0
        `@1.0.0` does not name a stored component: `` is not a name; expected a lower-case letter, then lower-case letters, digits, `_` or `-`; a component is `name`, `name@version`, `sha256:…` or a path to a .wasm file
        `` does not name a stored component: `` is not a name; expected a lower-case letter, then lower-case letters, digits, `_` or `-`; a component is `name`, `name@version`, `sha256:…` or a path to a .wasm file
        ");
    }
}
