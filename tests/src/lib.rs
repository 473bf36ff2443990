//! Where the suite finds fixtures and products, and how it compares vectors.
#![forbid(unsafe_code)]

mod fixture;
pub mod hub;
mod program;
mod rig;
mod statistics;
pub mod wire;

pub use fixture::{Array, Fixture, texts};
pub use program::{Outcome, Program, Running};
pub use rig::{Rig, fixtures_dir, skip};
pub use statistics::{max_abs_error, spearman};
