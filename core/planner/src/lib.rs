//! What the user wants, what the machine has, and which engine suits both.
//!
//! A [`Profile`] is built from layers: the embedded default, files, environment variables, the command line. Later ones
//! win, setting by setting, and each value remembers where it was set. A file may build on others (`inherits`).
//!
//! Reading a profile has no effects beyond the files named and those they inherit: files are not searched for, and
//! variables are handed in.
//!
//! [`rules`] are published advice on which engine to take, as data. [`probe`] finds out what the machine is. [`mod@plan`] puts
//! both together, and [`tune`] finds out by trial what neither knows, with [`accuracy`] to say what it costs.
#![forbid(unsafe_code)]

pub mod accuracy;
pub mod cache_file;
pub mod lock;
pub mod plan;
pub mod probe;
mod profile;
pub mod rules;
pub mod tune;

pub use profile::{
    Accuracy, Amount, Artifacts, Choice, Goal, Layer, Limits, Origin, Pipeline, Planning, Profile, Side, Sourced,
    SpaceLimit, TextLength, Tune, Variables, Workload,
};
