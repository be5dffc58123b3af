//! `sabot new`: a guest's folder that builds and passes its own tests. It must not know how it is built.
//!
//! A component in Rust gets the SDK's sources in `.sabot`, because the SDK is on no registry; those in C and Python
//! get theirs when they are built.

use super::build::{BuildError, write_all};
use super::component::{COMPONENT_TOML, ComponentError, Language, check_name};
use super::sdk;
use std::path::{Path, PathBuf};

/// Why there is no new folder.
#[derive(Debug, thiserror::Error)]
pub enum ScaffoldError {
    /// The name or the language will not do.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// The language has no template for the world.
    #[error("{language} has no template for the world {world}; there are: {known}")]
    World {
        /// What was asked for.
        world: String,
        /// In which language.
        language: &'static str,
        /// The worlds that the language has, separated by commas.
        known: String,
    },
    /// There is something in the way.
    #[error("{0} exists already; take another name, or remove it")]
    Exists(PathBuf),
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] BuildError),
}

/// A source file and fixtures for a world.
struct Template {
    world: &'static str,
    source: (&'static str, &'static str),
    fixture: &'static str,
}

macro_rules! rust_template {
    ($world:literal) => {
        Template {
            world: $world,
            source: ("src/lib.rs", include_str!(concat!("templates/rust/", $world, ".rs.txt"))),
            fixture: include_str!(concat!("templates/fixtures/", $world, ".yaml")),
        }
    };
}

const RUST: [Template; 6] = [
    rust_template!("filter"),
    rust_template!("map"),
    rust_template!("flat-map"),
    rust_template!("scalar"),
    rust_template!("aggregate"),
    rust_template!("agent"),
];

const C: [Template; 2] = [
    Template {
        world: "filter",
        source: ("component.c", include_str!("../../../guests/c/large-orders/large_orders.c")),
        fixture: include_str!("../../../guests/c/large-orders/tests/orders.yaml"),
    },
    Template {
        world: "map",
        source: ("component.c", include_str!("../../../guests/c/fee/fee.c")),
        fixture: include_str!("../../../guests/c/fee/tests/orders.yaml"),
    },
];

const PYTHON: [Template; 2] = [
    Template {
        world: "filter",
        source: ("app.py", include_str!("../../../guests/python/large-orders/app.py")),
        fixture: include_str!("../../../guests/python/large-orders/tests/orders.yaml"),
    },
    Template {
        world: "map",
        source: ("app.py", include_str!("../../../guests/python/fee/app.py")),
        fixture: include_str!("../../../guests/python/fee/tests/orders.yaml"),
    },
];

/// The names that the examples have where a new component has its own.
const EXAMPLES: [&str; 4] = ["large-orders-c", "fee-c", "large-orders-py", "fee-py"];

/// Makes the folder `parent/NAME` with a component of that language and world. Answers the folder.
///
/// # Errors
/// See [`ScaffoldError`].
pub fn new(parent: &Path, name: &str, language: &str, world: &str) -> Result<PathBuf, ScaffoldError> {
    check_name(name)?;
    let language = Language::parse(language)?;
    let templates: &[Template] = match language {
        Language::Rust => &RUST,
        Language::C => &C,
        Language::Python => &PYTHON,
    };
    let Some(template) = templates.iter().find(|template| template.world == world) else {
        let known = templates.iter().map(|template| template.world).collect::<Vec<_>>().join(", ");
        return Err(ScaffoldError::World { world: world.into(), language: language.name(), known });
    };
    let folder = parent.join(name);
    if folder.exists() {
        return Err(ScaffoldError::Exists(folder));
    }
    let about = format!("name = \"{name}\"\nlang = \"{}\"\nworld = \"{world}\"\n", language.name());
    let (source, text) = template.source;
    let text = EXAMPLES.iter().fold(text.to_owned(), |text, example| text.replace(example, name));
    write_all(
        &folder,
        &[
            (COMPONENT_TOML, &about),
            (source, &text),
            ("tests/orders.yaml", template.fixture),
            (".gitignore", "/build\n/target\n__pycache__\n"),
        ],
    )?;
    if language == Language::Rust {
        let manifest = include_str!("templates/rust/Cargo.toml.txt").replace("NAME", name);
        write_all(&folder, &[("Cargo.toml", &manifest)])?;
        write_all(&folder.join(".sabot"), &sdk::RUST)?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::component::Component;
    use crate::guest::fixture::Fixture;

    #[test]
    fn every_template_makes_a_guest_with_fixtures() {
        let place = tempfile::tempdir().unwrap();
        for (language, templates) in [("rust", &RUST[..]), ("c", &C), ("python", &PYTHON)] {
            for template in templates {
                let name = format!("my-{language}-{}", template.world);
                let folder = new(place.path(), &name, language, template.world).unwrap();
                let component = Component::read(&folder).unwrap();
                assert_eq!(
                    (component.name.as_str(), component.world.as_str()),
                    (name.as_str(), template.world)
                );
                assert!(!Fixture::read_all(&folder).unwrap().is_empty());
                let source = std::fs::read_to_string(folder.join(template.source.0)).unwrap();
                assert!(EXAMPLES.iter().all(|example| !source.contains(example)));
                assert_eq!(folder.join(".sabot/wit/types.wit").is_file(), language == "rust");
            }
        }
    }

    #[test]
    fn what_cannot_be_made_is_said() {
        let place = tempfile::tempdir().unwrap();
        let error = |name: &str, language: &str, world: &str| {
            new(place.path(), name, language, world).unwrap_err().to_string()
        };
        insta::assert_snapshot!(
            error("x", "go", "filter"),
            @"components in go cannot be made with this release; it makes rust, c and python"
        );
        insta::assert_snapshot!(
            error("x", "c", "agent"), @"c has no template for the world agent; there are: filter, map"
        );
        insta::assert_snapshot!(
            error("x", "rust", "sink"),
            @"rust has no template for the world sink; there are: filter, map, flat-map, scalar, aggregate, agent"
        );
        std::fs::create_dir(place.path().join("there")).unwrap();
        assert!(error("there", "c", "map").ends_with("exists already; take another name, or remove it"));
    }
}
