//! Operators that are SQL: filter, select and route, planned once by DataFusion and evaluated batch by batch as
//! physical expressions. All of DataFusion is used here and nowhere else. Knows nothing of tables, queries,
//! threads or channels.
//!
//! ```text
//! text ─ parse ─► names known? ─ plan ─► coerce types ─► fold constants ─► physical expression
//!                                                                               │ a batch at a time
//!                                        a row that fails is refused ◄── halves ◄── fails
//! ```
//! What differs from SQL at large: names of columns are as written, upper and lower case apart; an integer that
//! overflows is an error of its row; `now()` is the time of the batch; values that grow without measure are refused.

mod bind;
mod budget;
mod dialect;
mod error;
mod expression;
mod filter;
mod functions;
mod growth;
mod names;
mod parts;
mod route;
mod select;
#[cfg(test)]
mod tests;

pub use bind::{operator, ports};
pub use error::{Position, Problem, SqlError};
pub use filter::Filter;
pub use route::Route;
pub use select::Select;
