//! What a caller may choose about embedding.

use std::num::NonZeroUsize;

use drivetrain_contract::Result;
use drivetrain_package::Prompts;

/// How texts are to be embedded.
#[derive(Clone, Debug)]
pub struct EmbedOptions {
    /// What is put before each text.
    pub prompt: Prompt,
    /// Keep only the first so many numbers of each vector, without normalising again; `None` keeps what the package
    /// keeps, which is mostly all.
    pub truncate_dim: Option<usize>,
    /// Most tokens in one batch, padding included. One text with more goes alone. `None` is 512 for a session of one
    /// thread and 1024 for each thread of others: beyond that a batch's activations no longer stay in the processor's
    /// caches and throughput falls, below it threads that share a run have too little to share.
    pub batch_tokens: Option<usize>,
    /// Most texts in one batch.
    pub max_batch: usize,
    /// Texts that are looked at together: sorted by length, freed of duplicates and cut into batches.
    pub window: usize,
    /// Threads of all sessions together.
    pub threads: NonZeroUsize,
    /// Threads to tokenise with; `None` is as many as `threads` before the sessions begin, and a quarter beside them.
    pub tokenizer_threads: Option<NonZeroUsize>,
}

impl Default for EmbedOptions {
    fn default() -> Self {
        Self {
            prompt: Prompt::Default,
            truncate_dim: None,
            batch_tokens: None,
            max_batch: 1024,
            window: 4096,
            threads: NonZeroUsize::MIN,
            tokenizer_threads: None,
        }
    }
}

/// What is put before each text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Prompt {
    /// The package's default prompt, if it has one.
    #[default]
    Default,
    /// Nothing, even if the package has a default prompt.
    None,
    /// The package's prompt of this name.
    Named(String),
    /// This text.
    Text(String),
}

impl Prompt {
    /// The text this stands for in a package with these prompts; empty is no prompt.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] for a name the package does not have; it lists those it has.
    pub(crate) fn text<'a>(&'a self, prompts: &'a Prompts) -> Result<&'a str> {
        match self {
            Prompt::Default => prompts.default_name.as_deref().map_or(Ok(""), |name| prompts.get(name)),
            Prompt::None => Ok(""),
            Prompt::Named(name) => prompts.get(name),
            Prompt::Text(text) => Ok(text),
        }
    }
}
