//! The table `[pipeline]`: how texts become batches, and batches become vectors.

mod batch_tokens;
mod max_batch;
mod sessions;
mod tokenizer_threads;
mod window;

pub(crate) use batch_tokens::BatchTokens;
pub(crate) use max_batch::MaxBatch;
pub(crate) use sessions::Sessions;
pub(crate) use tokenizer_threads::TokenizerThreads;
pub(crate) use window::Window;

use crate::profile::{Amount, Sourced};

/// How texts become batches, and batches become vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// Padded tokens in one batch, at most.
    pub batch_tokens: Sourced<Amount>,
    /// Texts in one batch, at most.
    pub max_batch: Sourced<Amount>,
    /// Texts that are sorted by length together.
    pub window: Sourced<Amount>,
    /// Sessions that run at the same time.
    pub sessions: Sourced<Amount>,
    /// Threads that turn texts into tokens.
    pub tokenizer_threads: Sourced<Amount>,
}
