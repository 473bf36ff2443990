//! The artifacts of a model on every engine that runs them: size, exactness, speed.
//!
//! [`compare_artifacts`] measures each against the model exported to ONNX in 32-bit floats on the engine that runs
//! graphs. Speeds are ratios of medians of runs that take turns, since the machine is never quite the same twice.

mod compare;
mod pairs;
mod spearman;
mod speed;

pub use compare::{ArtifactReport, Measured, ReportOptions, ReportRow, compare_artifacts};
pub use pairs::Pair;
pub use speed::Speed;
