//! Components from source: what `sabot new`, `sabot build` and `sabot test` do before anything runs.
//!
//! ```text
//! new    scaffold ── sdk (embedded sources) ──► NAME/
//! build  component.toml ── toolchain ── build ── encode ──► build/NAME.wasm
//! test   fixture: rows in ── a closure that runs the component ──► differences
//! ```
//!
//! It must not know how components run: no wasmtime here, and no module of the data plane.

pub mod build;
pub mod component;
pub mod encode;
pub mod fixture;
pub mod scaffold;
mod sdk;
pub mod toolchain;
