//! An upload that can be run: compiled, its imports and exports checked, its manifest taken from `describe` run
//! with nothing to call.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use wasmtime::component::{ComponentExportIndex, InstancePre};

use super::bindings::{DescribeParams, DescribeResults, interface};
use super::context::{Context, Phase};
use super::engine::Inner;
use super::limits::{DESCRIBE_MEMORY_BYTES, MAX_MANIFEST_BYTES};
use super::sandbox::{Allowance, Sandbox};
use super::{Inspection, Manifest, WasmError, World, inspect, manifest};
use crate::operator::component::CallError;

/// A component: made by [`Engine::compile`](super::Engine::compile), bound to a schema by [`bind`](Self::bind).
pub struct Component {
    pub(super) engine: Arc<Inner>,
    pub(super) pre: InstancePre<Context>,
    pub(super) exports: Exports,
    /// Schema of the columns, where the manifest has them typed.
    pub(super) typed: Option<SchemaRef>,
    digest: String,
    manifest: Manifest,
    inspection: Inspection,
}

/// Where the functions are.
pub(super) struct Exports {
    pub(super) bind: ComponentExportIndex,
    pub(super) open: ComponentExportIndex,
    pub(super) close: ComponentExportIndex,
    pub(super) world: WorldExports,
}

/// Those of its world.
pub(super) enum WorldExports {
    Filter {
        select: ComponentExportIndex,
    },
    /// A map, a flat-map or a scalar: one function that emits.
    Map {
        process: ComponentExportIndex,
    },
    Aggregate {
        update: ComponentExportIndex,
        merge: ComponentExportIndex,
        take_state: ComponentExportIndex,
        finish: ComponentExportIndex,
    },
    Agent {
        process: ComponentExportIndex,
        watermark: ComponentExportIndex,
        flush: ComponentExportIndex,
    },
}

impl Component {
    /// Checks a compiled upload of `size` bytes.
    pub(super) fn inspect(
        engine: &Arc<Inner>,
        code: wasmtime::component::Component,
        digest_hex: String,
        size: usize,
    ) -> Result<Self, WasmError> {
        let inspection = inspect::check_types(&code, size)?;
        let pre = engine.linker.instantiate_pre(&code).map_err(|e| {
            WasmError::new(format!("its imports have other types than sabot:operator has: {e:#}"))
        })?;
        let (exports, describe) = exports(&code, inspection.world)?;
        let said = described(engine, &pre, &describe).map_err(|e| WasmError::new(e.with_logs()))?;
        let (manifest, typed) = manifest::check(said, inspection.world).map_err(WasmError::of)?;
        let digest = format!("sha256:{digest_hex}");
        Ok(Component { engine: Arc::clone(engine), pre, exports, typed, digest, manifest, inspection })
    }

    /// `sha256:` and the hex digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What it is by its types.
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Component")
            .field("label", &self.manifest.label())
            .field("digest", &self.digest)
            .finish()
    }
}

fn exports(
    code: &wasmtime::component::Component,
    world: World,
) -> Result<(Exports, ComponentExportIndex), WasmError> {
    let find = |of: &str, name: &str| {
        let instance = code.get_export_index(None, interface(of).as_str());
        let found = instance.and_then(|instance| code.get_export_index(Some(&instance), name));
        found.ok_or_else(|| {
            WasmError::new(format!("the function `{name}` of its export {} is missing", interface(of)))
        })
    };
    let of = world.interface();
    let world = match world {
        World::Filter => WorldExports::Filter { select: find(of, "select")? },
        World::Map | World::FlatMap => WorldExports::Map { process: find(of, "process")? },
        World::Agent => WorldExports::Agent {
            process: find(of, "process")?,
            watermark: find(of, "on-watermark")?,
            flush: find(of, "flush")?,
        },
        World::Scalar => WorldExports::Map { process: find(of, "evaluate")? },
        World::Aggregate => WorldExports::Aggregate {
            update: find(of, "update")?,
            merge: find(of, "merge")?,
            take_state: find(of, "take-state")?,
            finish: find(of, "finish")?,
        },
    };
    let control = "control";
    let exports = Exports {
        bind: find(control, "bind")?,
        open: find(control, "open")?,
        close: find(control, "close")?,
        world,
    };
    Ok((exports, find(control, "describe")?))
}

/// Runs `describe` in a guest of its own.
fn described(
    engine: &Inner,
    pre: &InstancePre<Context>,
    describe: &ComponentExportIndex,
) -> Result<super::bindings::Manifest, CallError> {
    let allowance = Allowance {
        memory_bytes: DESCRIBE_MEMORY_BYTES,
        answer_bytes: MAX_MANIFEST_BYTES,
        setup_limit: engine.setup_limit,
    };
    let mut guest = Sandbox::new(engine, pre, "(upload)".into(), allowance, &Arc::default())?;
    let describe = guest.function::<DescribeParams, DescribeResults>(describe)?;
    let (manifest,) = guest.call("describe", Phase::Describe, engine.setup_limit, &describe, ())?;
    Ok(manifest)
}
