//! What integration tests stand on: a broker with topics of their own, the host as a process of its own, an
//! HTTP client, and the checker of the layout rules.
//!
//! The tests themselves are in `tests/it`; what they share and nobody else needs is here. Nothing in this
//! crate is part of the product.

pub mod broker;
pub mod guests;
pub mod host_process;
pub mod http;
pub mod layout;
pub mod record;
pub mod topic;
