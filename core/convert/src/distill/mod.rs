//! Static distillation: a table of token vectors that stands in for a transformer.
//!
//! The recipe is that of model2vec (<https://github.com/MinishLab/model2vec>, `distill` of version 0.10), and what
//! comes out is a package in its format:
//!
//! 1. Every token of the vocabulary is run through the transformer alone, between the special tokens the tokenizer puts
//!    around a text; its vector is the mean of the last hidden state over all of these tokens. Special tokens other
//!    than padding and unknown, tokens added beside the model's vocabulary, and `[unused…]` slots are left out.
//! 2. Principal component analysis: vectors are centred and projected onto the leading eigenvectors of their
//!    covariance.
//! 3. Each vector is scaled by a smooth inverse frequency weight `a / (a + p)` (Arora, Liang & Ma, "A simple but
//!    tough-to-beat baseline for sentence embeddings", 2017), `p` being estimated from the token's rank by Zipf's law.
//!
//! A text's vector is the mean of its tokens' vectors, normalised.
//!
//! # Invariants
//!
//! - Engines are seen only through the [`Session`](drivetrain_contract::Session) that is handed in.
//! - The same session output gives the same files, byte for byte.
//! - The target folder appears whole or not at all.

mod components;
mod distilled;
mod matrix;
mod options;
mod run;
mod staging;
mod table;
mod token_vectors;
mod vocabulary;
mod zipf;

#[cfg(test)]
mod tests;

pub use distilled::Distilled;
pub use options::{DistillOptions, TableType};
pub use run::distill;
pub use staging::check_free;

// What a fitted table is made with as well.
pub(crate) use components::{Centre, reduce};
pub(crate) use distilled::{FittedOn, Provenance};
pub(crate) use matrix::Matrix;
pub(crate) use run::{check_package, dims};
pub(crate) use table::Table;
pub(crate) use token_vectors::token_vectors;
pub(crate) use vocabulary::Vocabulary;
pub(crate) use zipf::weigh;
