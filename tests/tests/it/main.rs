//! The integration tests: one program, one module a subject, so that everything is linked once.
//!
//! What the tests share is the library `sabot_tests`.

// A test says by its panic what it found.
#![allow(clippy::unwrap_used)]

mod codecs;
mod components;
mod dead_letters;
mod examples;
mod files;
mod foreground;
mod grants;
mod harness;
mod hostile;
mod interop;
mod languages;
mod layout;
mod looping;
mod main_path;
mod mistakes;
mod neighbours;
mod poison;
mod ports;
mod registry;
mod sink_failures;
mod starts;
mod stream;
mod support;
mod swap;
