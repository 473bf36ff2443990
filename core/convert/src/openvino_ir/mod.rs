//! OpenVINO IR written from a package's weights: `openvino_model.xml` and `openvino_model.bin`.
//!
//! [`export`] runs the package's architecture with operations that add layers (`emit.rs` and what it uses), then writes
//! the weights to the one file as they are read and the graph to the other (`document.rs`, `pair.rs`). What does not
//! depend on the format it shares with [`crate::onnx`]: how weights are read, the grid of 8-bit integers, and the forms
//! a graph can have.
//!
//! Format: version 11, <https://docs.openvino.ai/2026/documentation/openvino-ir-format.html>; operations are those of
//! operator sets 1 to 13, <https://docs.openvino.ai/2026/documentation/openvino-ir-format/operation-sets.html>.
//!
//! # Invariants
//!
//! - The files appear whole, and a graph never beside the weights of another: see `pair.rs`.
//! - Equal packages and options give equal bytes.
//! - Memory does not grow with the model: weights go from file to file in pieces.

mod arithmetic;
mod document;
mod emit;
mod export;
mod graph;
mod int8;
mod operation;
mod pair;
mod positions;
#[cfg(test)]
mod tests;
mod weights;

pub use export::{IrOptions, export};

pub use crate::onnx::{ExportReport, Form, Progress};
