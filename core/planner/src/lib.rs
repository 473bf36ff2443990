//! What the user wants, as layered TOML profiles.
//!
//! A [`Profile`] is built from layers (the embedded default, a file, the command line); each value remembers which
//! layer it came from. Reading has no effects beyond the one file named: no environment, no search.
#![forbid(unsafe_code)]

mod profile;

pub use profile::{Choice, Layer, Origin, Profile, Sourced, Threads};
