//! Texts tokenised, sorted and batched, and batches spread over sessions: what every loop over an engine written by
//! hand has around the engine.

mod batch;
mod lanes;

pub use batch::{Batch, batches, tokenizer};
pub use lanes::{in_order, run_all};

/// The model's tokenizer, as [`tokenizer`] makes it.
pub use tokenizers::Tokenizer;
