//! Exchanges, probation, poison rows and stops with scripted components.

mod exchanges;
mod halts;
mod load;
mod poison;
