//! The control plane's one door: [`Host`] does what the admin API, the command line and an embedding program
//! ask for. All its calls block; callers on an async runtime run them on a blocking thread. Must not import
//! `admin` or `cli`.

pub mod api;
mod apply;
mod bookkeeper;
mod crash_loop;
mod dead_letters;
mod host;
mod job;
mod refusal;
mod schemas;
mod status;
mod swap;

pub use apply::{How, mistaken};
pub use dead_letters::LetterQuery;
pub use host::Host;
pub use job::mistakes_of_steps;
pub use refusal::{Reason, Refusal, RefusalKind};
pub use schemas::Asking;
pub use status::STARTS_AGAIN;

pub use crate::runtime::SOURCES_ENDED;
