//! Sabot.
