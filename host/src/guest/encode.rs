//! A core module and the name of a world make a component. Pure: bytes in, bytes out. It must not know how the
//! module was compiled, nor run anything.

use std::fmt::Debug;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{PackageId, Resolve, SourceMap, WorldId};

/// The WIT package as the host speaks it, file by file.
pub const WIT: [(&str, &str); 3] = [
    ("types.wit", include_str!("../../../wit/types.wit")),
    ("host.wit", include_str!("../../../wit/host.wit")),
    ("worlds.wit", include_str!("../../../wit/worlds.wit")),
];

/// Why a module does not become a component.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The world is none of the package's.
    #[error("there is no world {world:?}; there are: {known}")]
    World {
        /// What was asked for.
        world: String,
        /// The worlds there are, separated by commas.
        known: String,
    },
    /// The package itself cannot be read.
    #[error("the WIT package cannot be read: {0}")]
    Wit(String),
    /// The module's imports and exports are not those of the world.
    #[error("the module does not fit the world {world:?}: {reason}")]
    Module {
        /// The world.
        world: String,
        /// What wit-component says.
        reason: String,
    },
}

/// The interface package, parsed.
///
/// # Errors
/// [`EncodeError::Wit`]: the WIT that was compiled in does not parse, which tests rule out.
pub fn resolve() -> Result<(Resolve, PackageId), EncodeError> {
    let mut sources = SourceMap::default();
    for (name, text) in WIT {
        sources.push_str(name, text);
    }
    let group = sources.parse().map_err(|(_, e)| EncodeError::Wit(format!("{e:?}")))?;
    let mut resolve = Resolve::default();
    let package = resolve.push_group(group).map_err(|e| EncodeError::Wit(format!("{e:?}")))?;
    Ok((resolve, package))
}

/// That there is a world of that name.
///
/// # Errors
/// There is none; the text names those that there are.
pub fn world_id(world: &str) -> Result<(Resolve, WorldId), EncodeError> {
    let (resolve, package) = resolve()?;
    let worlds = &resolve.packages[package].worlds;
    match worlds.get(world) {
        Some(&id) => Ok((resolve, id)),
        None => {
            let known = worlds.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            Err(EncodeError::World { world: world.into(), known })
        }
    }
}

/// Makes a component of a core module. A module that imports nothing of WASI gives a component that imports nothing
/// but the interfaces of its world which it calls.
///
/// # Errors
/// The world is unknown, or the module's imports and exports are not those of the world.
pub fn encode(module: &[u8], world: &str) -> Result<Vec<u8>, EncodeError> {
    let (resolve, id) = world_id(world)?;
    let fail = |error: &dyn Debug| EncodeError::Module { world: world.into(), reason: format!("{error:?}") };
    let mut module = module.to_vec();
    embed_component_metadata(&mut module, &resolve, id, StringEncoding::UTF8).map_err(|e| fail(&e))?;
    let encoder = ComponentEncoder::default().validate(true).module(&module).map_err(|e| fail(&e))?;
    let mut encoder = encoder;
    encoder.encode().map_err(|e| fail(&e))
}
