//! The types of `sabot:operator@0.1.0` as Rust values: one such module a major version of the package. Knows
//! nothing of what is done with them.

use std::sync::Arc;

use wasmtime::component::{ComponentType, Lift, Lower, TypedFunc};

/// The package this module binds.
pub(super) const PACKAGE: &str = "sabot:operator";
/// Its version.
pub(super) const VERSION: &str = "0.1.0";

/// The name under which an interface of the package is imported and exported.
pub(super) fn interface(name: &str) -> String {
    format!("{PACKAGE}/{name}@{VERSION}")
}

/// `types.port`.
#[derive(Clone, Debug, ComponentType, Lift, Lower)]
#[component(record)]
pub(super) struct Port {
    #[component(name = "name")]
    pub(super) name: String,
    #[component(name = "schema")]
    pub(super) schema: Vec<u8>,
}

/// `types.columns`.
#[derive(Clone, Debug, ComponentType, Lift, Lower)]
#[component(variant)]
pub(super) enum Columns {
    #[component(name = "all")]
    All,
    #[component(name = "named")]
    Named(Vec<String>),
    #[component(name = "typed")]
    Typed(Vec<u8>),
}

/// `types.state-decl`.
#[derive(Clone, Debug, ComponentType, Lift, Lower)]
#[component(record)]
pub(super) struct StateDecl {
    #[component(name = "name")]
    pub(super) name: String,
    #[component(name = "key")]
    pub(super) key: Vec<u8>,
    #[component(name = "value")]
    pub(super) value: Vec<u8>,
    #[component(name = "version")]
    pub(super) version: u32,
    #[component(name = "ttl-ms")]
    pub(super) ttl_ms: Option<u64>,
}

/// `types.manifest`.
#[derive(Clone, Debug, ComponentType, Lift, Lower)]
#[component(record)]
pub(super) struct Manifest {
    #[component(name = "name")]
    pub(super) name: String,
    #[component(name = "version")]
    pub(super) version: String,
    #[component(name = "columns")]
    pub(super) columns: Columns,
    #[component(name = "extends")]
    pub(super) extends: bool,
    #[component(name = "deterministic")]
    pub(super) deterministic: bool,
    #[component(name = "states")]
    pub(super) states: Vec<StateDecl>,
    #[component(name = "upgrades-from")]
    pub(super) upgrades_from: Vec<u32>,
    #[component(name = "config-schema")]
    pub(super) config_schema: String,
    #[component(name = "capabilities")]
    pub(super) capabilities: Vec<String>,
}

/// `types.row-error`.
#[derive(Clone, Debug, ComponentType, Lift, Lower)]
#[component(record)]
pub(super) struct RowError {
    #[component(name = "row")]
    pub(super) row: u32,
    #[component(name = "code")]
    pub(super) code: String,
    #[component(name = "message")]
    pub(super) message: String,
    #[component(name = "retryable")]
    pub(super) retryable: bool,
}

/// `types.op-error`.
#[derive(Clone, Debug, ComponentType, Lift, Lower)]
#[component(variant)]
pub(super) enum OpError {
    #[component(name = "config")]
    Config(String),
    #[component(name = "schema")]
    Schema(String),
    #[component(name = "transient")]
    Transient(String),
    #[component(name = "fatal")]
    Fatal(String),
}

/// `selector.selection`.
#[derive(Clone, Debug, ComponentType, Lift, Lower)]
#[component(record)]
pub(super) struct Selection {
    #[component(name = "keep")]
    pub(super) keep: Vec<u8>,
    #[component(name = "errors")]
    pub(super) errors: Vec<RowError>,
}

/// `telemetry.level`: how urgent a line of a guest's log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
pub enum Level {
    /// For whoever works on the component.
    #[component(name = "debug")]
    Debug,
    /// Worth knowing.
    #[component(name = "info")]
    Info,
    /// Should be looked at.
    #[component(name = "warn")]
    Warn,
    /// Something failed.
    #[component(name = "error")]
    Error,
}

/// A message as an argument. Shared, so that the buffer is the host's again after the call.
pub(super) type Ipc = Arc<Vec<u8>>;

type Answer<T> = (Result<T, OpError>,);

pub(super) type DescribeParams = ();
pub(super) type DescribeResults = (Manifest,);
pub(super) type BindParams = (Vec<Port>, String);
pub(super) type BindResults = Answer<Vec<Port>>;
pub(super) type OpenParams = ();
pub(super) type OpenResults = Answer<()>;
pub(super) type CloseParams = ();
pub(super) type CloseResults = ();
pub(super) type SelectParams = (Ipc,);
pub(super) type SelectResults = Answer<Selection>;
pub(super) type ProcessParams = (Ipc,);
pub(super) type ProcessResults = Answer<Vec<RowError>>;
pub(super) type ActParams = (u32, Ipc);
pub(super) type TimersParams = (Ipc,);
pub(super) type WatermarkParams = (i64,);
pub(super) type UnitParams = ();
pub(super) type UnitResults = Answer<()>;
pub(super) type UpdateParams = (Ipc, Vec<u32>, u32);

pub(super) type Select = TypedFunc<SelectParams, SelectResults>;
pub(super) type Process = TypedFunc<ProcessParams, ProcessResults>;
pub(super) type Act = TypedFunc<ActParams, ProcessResults>;
pub(super) type Watermark = TypedFunc<WatermarkParams, UnitResults>;
pub(super) type Unit = TypedFunc<UnitParams, UnitResults>;
pub(super) type Update = TypedFunc<UpdateParams, ProcessResults>;
pub(super) type Merge = TypedFunc<UpdateParams, UnitResults>;
