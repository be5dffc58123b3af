//! Calls components: exchanges them between two batches, takes a bad one back, and finds the row on which one
//! fails. Knows nothing of any WebAssembly runtime, of the catalog or of threads.

mod clock;
mod component_operator;
mod control;
mod counters;
mod exchange;
#[cfg(test)]
mod fake;
mod guest;
mod ledger;
mod ports;
mod probation;
mod recall;
mod search;
mod seat;

pub use clock::Clock;
pub use component_operator::ComponentOperator;
pub use control::{BY_HAND, ComponentStatus, StepControl};
pub use counters::VersionTotals;
pub use exchange::{Event, Exchange, ExchangeError, ExchangeState, Exchanged, VersionRef};
pub use guest::{CallError, Guest, Terms, Version};
pub use ports::differences;
pub use recall::Recall;

#[cfg(test)]
mod tests;
