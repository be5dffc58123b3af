//! Exchanges, probation and poison rows with scripted components.

mod exchanges;
mod load;
mod poison;
