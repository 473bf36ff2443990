//! Model architectures, each written once against a small trait of tensor operations.
//!
//! [`Ops`] is the trait. An engine that computes implements it by computing; a writer of graphs implements it by
//! emitting nodes; either runs every architecture of this crate. [`EmbeddingModel`] is the whole of a package: the
//! transformer named by `model_type` ([`Architecture`]) and the sentence-transformers modules after it ([`Head`]).
//!
//! Loading and computing are two steps: [`EmbeddingModel::load`] names every weight once, checked against the shape
//! the configuration demands, and asks the caller for a handle; [`EmbeddingModel::forward`] uses the handles, as often
//! as wanted.
//!
//! # Invariants
//!
//! - Nothing here depends on an engine or a file format of graphs.
//! - Every weight is checked against the shape that the configuration demands before anything is computed or written.
//!
//! # Adding an architecture
//!
//! Write `<model_type>.rs` with a configuration parsed from [`drivetrain_package::Package::config`], `load` and
//! `forward`, as `bert.rs` has them, and add a variant in `registry.rs`.
#![forbid(unsafe_code)]

mod activation;
mod bert;
mod checkpoint;
mod config;
#[cfg(test)]
mod evaluator;
mod head;
mod layers;
mod model;
mod ops;
mod pooling;
mod registry;
#[cfg(test)]
mod tests;

pub use activation::Activation;
pub use bert::{Bert, BertConfig};
pub use checkpoint::{Checkpoint, Layout, LoadWeight, StoredWeight, WeightScope};
pub use head::Head;
pub use layers::{Embedding, LayerNorm, Linear};
pub use model::{EmbeddingModel, Encoded};
pub use ops::{AttentionInputs, Ops, TokenInputs};
pub use registry::{Architecture, KNOWN_MODEL_TYPES};
