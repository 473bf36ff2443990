//! Model architectures, each written once against a small trait of tensor operations.
//!
//! [`Ops`] is the trait. An engine that computes implements it by computing; a writer of graphs implements it by
//! emitting nodes; either runs every architecture of this crate. [`TextModel`] is the whole of a package: the
//! transformer named by `model_type` and what follows it, which depends on the package's task: pooling and other
//! sentence-transformers modules, a projection of each token, a classifier, or a masked language model's head.
//!
//! Loading and computing are two steps: [`TextModel::load`] names every weight once, checked against the shape the
//! configuration demands, and asks the caller for a handle; [`TextModel::forward`] uses the handles, as often as
//! wanted.
//!
//! # Invariants
//!
//! - Nothing here depends on an engine or a file format of graphs.
//! - Every weight is checked against the shape that the configuration demands before anything is computed or written.
//!
//! # Adding an architecture
//!
//! Write `<model_type>.rs`, which puts an encoder together from the pieces there are, as `distilbert.rs` does, and add
//! it in `registry.rs`: `docs/architectures.md` has the steps.
#![forbid(unsafe_code)]

mod activation;
mod albert;
mod attention;
mod bert;
mod checkpoint;
mod classifier;
mod config;
mod deberta_v2;
mod decoder_layers;
mod disentangled;
mod distilbert;
mod electra;
mod embeddings;
mod encoder;
mod eurobert;
#[cfg(test)]
mod evaluator;
mod gte;
mod head;
mod jina_bert_v2;
mod layer;
mod layers;
mod masked_lm;
mod mlp;
mod model;
mod modernbert;
mod modules;
mod mpnet;
mod nomic_bert;
mod ops;
mod pooling;
mod qwen3;
mod registry;
mod roberta;
mod rotary;
#[cfg(test)]
mod tests;

pub use activation::Activation;
pub use checkpoint::{Checkpoint, Layout, LoadWeight, StoredWeight};
pub use model::{Encoded, TextModel};
pub use ops::{AttentionInputs, Ops, Reach, RelativeScores, TokenInputs};
pub use registry::{KNOWN_MODEL_TYPES, check_architecture};
pub use rotary::Rotary;

use checkpoint::WeightScope;
