//! The integration tests: one program, one module a subject, so that everything is linked once.
//!
//! What the tests share is the library `sabot_tests`.

mod components;
mod harness;
mod hostile;
mod layout;
mod main_path;
mod support;
mod swap;
