//! Components from source: what `sabot new`, `sabot build` and `sabot test` do before anything runs.
//!
//! Scaffolding, compiling, encoding a core module as a component, and fixtures with their comparison. It must not
//! know how components run: no wasmtime here, and no module of the data plane.

pub mod encode;
