//! Graphs in files, checked before an engine opens them.
//!
//! Engines read ONNX and OpenVINO IR themselves, and believe much of what is written there: which other file holds the
//! weights, where in it, how large a tensor is, how often a function is to be inlined. [`check`] reads as much of the
//! files as tells whether that can be believed; weights are skipped, so it takes milliseconds. [`Description`] is what
//! the package says of the model's sizes, for checks that need the graph opened, or its inputs.
//!
//! # Invariants
//!
//! - Nothing is allocated by a number from a file, and nothing is read twice: time and memory have bounds that do not
//!   depend on the length of the file, but for the names in it.
//! - Whether a graph means anything, and whether its operations exist, is for the engine to say.
#![forbid(unsafe_code)]

mod artifact;
mod beside;
mod description;
mod ir;
mod onnx;
mod xml;

pub use artifact::check;
pub use description::Description;
