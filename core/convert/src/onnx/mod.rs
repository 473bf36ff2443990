//! ONNX files written from a package's weights: graph, weights and pooling, in one pass and in constant memory.
//!
//! [`export`] runs the package's architecture with operations that emit nodes (`emit.rs`), then writes the protobuf
//! message itself (`proto.rs`, `schema.rs`, `model_file.rs`): every length is computed first, so that weights stream
//! from the safetensors file to the disk (`tensor.rs`).
//!
//! # Invariants
//!
//! - A target is only ever replaced by a whole file: everything is written under a temporary name beside it, flushed to
//!   the disk and renamed (`staged.rs`). After an error or a cancellation nothing is left behind.
//! - Equal packages give equal bytes.
//! - Memory does not grow with the model: about 140 MB, however large a tensor is.

mod emit;
mod export;
mod graph;
mod model_file;
mod proto;
mod schema;
mod staged;
mod tensor;
#[cfg(test)]
mod tests;

pub use export::{ExportOptions, ExportReport, Progress, export};
