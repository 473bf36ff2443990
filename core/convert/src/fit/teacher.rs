//! What a table is fitted to, as it is handed in.

use std::fmt;

use drivetrain_contract::{Call, Error, Output, Result, Session};

use crate::distill::{Matrix, Vocabulary, token_vectors};

/// All texts, from the first on.
pub type TextsOnce<'a> = Box<dyn Iterator<Item = Result<String>> + 'a>;

/// The transformer that is imitated.
pub trait Teacher {
    /// What its vectors depend on beside the model's files: engine, device, precision, prompt. Vectors that were kept
    /// are used only for a teacher that says the same.
    fn identity(&self) -> String;

    /// Numbers in the vector of a text.
    fn dim(&self) -> usize;

    /// Gives `tokens.run(session)`, with a session of the transformer.
    ///
    /// # Errors
    /// Those of [`SingleTokens::run`].
    fn single_tokens(&mut self, tokens: SingleTokens<'_>) -> Result<TokenVectors>;

    /// The vectors of `texts`, `[texts, dim]`, row-major, which should not depend on what was asked for before.
    ///
    /// # Errors
    /// What the transformer fails with.
    fn embed(&mut self, texts: &[String], call: &dyn Call) -> Result<Vec<f32>>;
}

/// The tokens of a vocabulary, to be run one by one.
pub struct SingleTokens<'a> {
    pub(super) vocabulary: &'a Vocabulary,
    /// Tokens in one run.
    pub(super) batch_size: usize,
    /// Numbers in the vector of a text.
    pub(super) dim: usize,
    pub(super) call: &'a dyn Call,
}

/// A vector for each token of a vocabulary.
#[derive(Debug)]
pub struct TokenVectors(pub(super) Matrix);

impl SingleTokens<'_> {
    /// Runs them: `sentence_embedding` of each where the session gives it, else the mean of `last_hidden_state`.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Unsupported`] for a session with other inputs or with vectors of another
    /// length than those of texts, [`drivetrain_contract::ErrorKind::Model`] when it gives NaN, and what it fails with.
    pub fn run(&self, session: &mut dyn Session) -> Result<TokenVectors> {
        let pooled = session.describe().outputs.contains(Output::SentenceEmbedding.set());
        let output = if pooled { Output::SentenceEmbedding } else { Output::LastHiddenState };
        let vectors = token_vectors(session, self.vocabulary, (output, self.batch_size), self.call)?;
        if vectors.columns() != self.dim {
            let (found, dim) = (vectors.columns(), self.dim);
            let message = format!("`{}` of a token has {found} dimensions, the vector of a text {dim}", output.name());
            return Err(Error::unsupported(message)
                .with_hint("a graph with every module inside has as many: `drivetrain convert MODEL --to onnx`"));
        }
        Ok(TokenVectors(vectors))
    }
}

impl fmt::Debug for SingleTokens<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleTokens").field("tokens", &self.vocabulary.tokens().len()).finish_non_exhaustive()
    }
}
