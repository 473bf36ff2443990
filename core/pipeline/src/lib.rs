//! Texts to vectors: tokenise, batch, run, pool, post-process.
//!
//! [`Embedder`] joins a package (what the model is) and a session (what computes it). What the session's graph does not
//! compute itself is computed here, in the order of the package's modules, so that the vectors are those of
//! sentence-transformers 6.
//!
//! # Invariants
//!
//! - This crate knows no backend: it sees the traits of the contract only.
//! - Results come in the order of the input, and a text's vector does not depend on what surrounds it.
//! - A vector with a NaN or an infinity is an error that names the text, never a result.
//! - Token vectors are held for one batch at a time, in memory that is reused.
//! - A batch that the engine has no memory for is cut until it is managed; only a text that does not fit alone is an
//!   error.
//! - The memory a text takes is bounded by the model's token limit where there is one, however long the text is.
#![forbid(unsafe_code)]

mod cost;
mod embedder;
mod embeddings;
mod encode;
mod finish;
mod frame;
mod lane;
mod learned;
mod memory;
mod options;
mod pack;
mod pool;
mod post;
mod prepare;
mod rest;
mod route;
mod run;
mod stream;
mod token_buffers;
mod tokenize;
mod window;

pub use embedder::{Draft, Embedder};
pub use embeddings::Embeddings;
pub use options::{EmbedOptions, Prompt};
pub use rest::{Failure, Rest};
pub use stream::{Embedded, Position};
