//! A whole package: the transformer and what follows it.

use drivetrain_contract::{Error, Inputs, Output, Outputs, Result};
use drivetrain_package::Package;

use crate::{
    Checkpoint, LoadWeight, Ops, TokenInputs, WeightScope,
    config::Config,
    encoder::Encoder,
    head::{Head, HeadSource},
    registry::Architecture,
};

/// A model of any task with handles of its weights.
#[derive(Clone, Debug)]
pub struct TextModel<W> {
    encoder: Encoder<W>,
    head: Head<W>,
}

/// What [`TextModel::forward`] computes: see [`TextModel::outputs`] for what a model has.
#[derive(Clone, Debug)]
pub struct Encoded<T> {
    /// The transformer's output, `[B, S, hidden_size]`; for a model that compares tokens, what its modules make of it.
    pub last_hidden_state: T,
    /// The output of the last module, `[B, dim]`.
    pub sentence_embedding: Option<T>,
    /// Scores before any activation, `[B, labels]`.
    pub logits: Option<T>,
    /// One weight per word, `[B, vocabulary]`.
    pub vocab_scores: Option<T>,
}

impl<T> Encoded<T> {
    pub(crate) fn of(last_hidden_state: T) -> Self {
        Self { last_hidden_state, sentence_embedding: None, logits: None, vocab_scores: None }
    }

    /// The tensor of one output.
    pub fn get(&self, output: Output) -> Option<&T> {
        match output {
            Output::LastHiddenState => Some(&self.last_hidden_state),
            Output::SentenceEmbedding => self.sentence_embedding.as_ref(),
            Output::Logits => self.logits.as_ref(),
            Output::VocabScores => self.vocab_scores.as_ref(),
        }
    }
}

impl<W> TextModel<W> {
    /// The model of `package`: `load` is called once for each weight of `checkpoint`, in the order they are used.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Unsupported`] for an architecture, head or module that this version cannot
    /// run, [`drivetrain_contract::ErrorKind::Model`] for a package whose files contradict each other.
    pub fn load<'a>(package: &Package, checkpoint: &'a Checkpoint, load: &mut LoadWeight<'_, 'a, W>) -> Result<Self> {
        if package.is_static() {
            let message = format!("`{}` is a table of static vectors: it has no transformer to run", package.name());
            return Err(Error::unsupported(message).with_hint("the `static` backend uses the package as it is"));
        }
        let config = Config::of(package);
        let architecture = Architecture::of(package, &config)?;
        let encoder = {
            let mut scope = WeightScope::transformer(checkpoint.transformer(), architecture.probe(), load);
            architecture.encoder(&config, &mut scope)?
        };
        let source = HeadSource { package, architecture, checkpoint, hidden_size: encoder.hidden_size };
        Ok(Self { head: Head::load(&source, load)?, encoder })
    }

    /// The token inputs it takes.
    pub fn inputs(&self) -> Inputs {
        self.encoder.inputs()
    }

    /// The outputs it gives.
    pub fn outputs(&self) -> Outputs {
        self.head.outputs()
    }

    /// Extent of the last axis of one of [`TextModel::outputs`].
    pub fn extent(&self, output: Output) -> Option<usize> {
        self.head.extent(output, self.encoder.hidden_size)
    }

    /// Computes every output for one padded batch.
    ///
    /// # Errors
    /// Those of the operations, and [`drivetrain_contract::ErrorKind::Invalid`] without an input it needs.
    pub fn forward<O: Ops<Weight = W>>(
        &self,
        ops: &mut O,
        inputs: &TokenInputs<O::Tensor>,
    ) -> Result<Encoded<O::Tensor>> {
        let tokens = self.encoder.forward(ops, inputs)?;
        self.head.forward(ops, &self.encoder, (tokens, &inputs.attention_mask))
    }
}
