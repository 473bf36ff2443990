//! What follows the transformer in a package, by what the package is for.

use drivetrain_contract::{Error, Output, Outputs, Result};
use drivetrain_package::{Module, Package, SpladePooling, Task};

use crate::{
    Checkpoint, LoadWeight, Ops, WeightScope, classifier::Classifier, encoder::Encoder, masked_lm::MaskedLm,
    model::Encoded, modules::Modules, registry::Architecture,
};

/// What follows the transformer.
#[derive(Clone, Debug)]
pub(crate) enum Head<W> {
    /// One vector per text, besides those of its tokens.
    Text(Modules<W>),
    /// Vectors of tokens; without any module, those of the transformer.
    Tokens(Modules<W>),
    /// Scores of a text or a pair of texts.
    Scores(Classifier<W>),
    /// One weight per word of the vocabulary.
    Vocabulary { masked_lm: MaskedLm<W>, pooling: SpladePooling, vocabulary: usize },
}

/// What heads are loaded with.
pub(crate) struct HeadSource<'p, 'a> {
    pub(crate) package: &'p Package,
    pub(crate) architecture: Architecture,
    pub(crate) checkpoint: &'a Checkpoint,
    pub(crate) hidden_size: usize,
}

impl<W> Head<W> {
    /// The head of a package.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Unsupported`] for a head or module this version cannot run,
    /// [`drivetrain_contract::ErrorKind::Model`] for modules that do not fit together or weights that are missing or of
    /// another shape.
    pub(crate) fn load<'a>(source: &HeadSource<'_, 'a>, load: &mut LoadWeight<'_, 'a, W>) -> Result<Self> {
        let package = source.package;
        match package.task() {
            Task::Embed => {
                let modules = Modules::load(source, load)?;
                Ok(if modules.is_empty() { Self::Tokens(modules) } else { Self::Text(modules.pooling_once(package)?) })
            }
            Task::MultiVector => Ok(Self::Tokens(Modules::load(source, load)?.without_pooling(package)?)),
            Task::Rerank => {
                refuse_modules(package, |_| false)?;
                let (config, mut scope) = source.open(load);
                Ok(Self::Scores(source.architecture.classifier(&config, &mut scope)?))
            }
            Task::Sparse => {
                refuse_modules(package, |module| matches!(module, Module::SpladePooling(_)))?;
                let pooling = package.modules().iter().find_map(|module| match module {
                    Module::SpladePooling(pooling) => Some(*pooling),
                    _ => None,
                });
                let pooling = pooling
                    .ok_or_else(|| Error::unsupported(format!("`{}` has no module `SpladePooling`", package.name())))?;
                let (config, mut scope) = source.open(load);
                let masked_lm = source.architecture.masked_lm(&config, &mut scope)?;
                Ok(Self::Vocabulary { masked_lm, pooling, vocabulary: config.positive("vocab_size")? })
            }
        }
    }

    /// The outputs it gives.
    pub(crate) fn outputs(&self) -> Outputs {
        match self {
            Self::Text(_) => Outputs::LAST_HIDDEN_STATE | Outputs::SENTENCE_EMBEDDING,
            Self::Tokens(_) => Outputs::LAST_HIDDEN_STATE,
            Self::Scores(_) => Outputs::LOGITS,
            Self::Vocabulary { .. } => Outputs::VOCAB_SCORES,
        }
    }

    /// Extent of the last axis of an output it gives.
    pub(crate) fn extent(&self, output: Output, hidden_size: usize) -> Option<usize> {
        match (self, output) {
            (Self::Text(_), Output::LastHiddenState) => Some(hidden_size),
            (Self::Text(modules), Output::SentenceEmbedding) => Some(modules.dim()),
            (Self::Tokens(modules), Output::LastHiddenState) => Some(modules.dim()),
            (Self::Scores(classifier), Output::Logits) => Some(classifier.labels),
            (Self::Vocabulary { vocabulary, .. }, Output::VocabScores) => Some(*vocabulary),
            _ => None,
        }
    }

    /// Token vectors `[B, S, hidden_size]` and the integer mask `[B, S]` to what it gives.
    ///
    /// # Errors
    /// Those of the operations.
    pub(crate) fn forward<O: Ops<Weight = W>>(
        &self,
        ops: &mut O,
        encoder: &Encoder<W>,
        (tokens, mask): (O::Tensor, &O::Tensor),
    ) -> Result<Encoded<O::Tensor>> {
        let mut encoded = Encoded::of(tokens);
        match self {
            Self::Text(modules) => {
                encoded.sentence_embedding = Some(modules.forward(ops, &encoded.last_hidden_state, mask)?);
            }
            Self::Tokens(modules) => {
                encoded.last_hidden_state = modules.forward(ops, &encoded.last_hidden_state, mask)?
            }
            Self::Scores(classifier) => {
                encoded.logits = Some(classifier.forward(ops, &encoded.last_hidden_state, mask)?);
            }
            Self::Vocabulary { masked_lm, pooling, .. } => {
                let inputs = (&encoder.embeddings.words, &encoded.last_hidden_state);
                encoded.vocab_scores = Some(masked_lm.forward(ops, inputs, mask, *pooling)?);
            }
        }
        Ok(encoded)
    }
}

impl<'a> HeadSource<'_, 'a> {
    fn open<'s, W>(&self, load: &'s mut LoadWeight<'_, 'a, W>) -> (crate::config::Config<'_>, WeightScope<'s, 'a, W>) {
        let config = crate::config::Config::of(self.package);
        (config, WeightScope::transformer(self.checkpoint.transformer(), self.architecture.probe(), load))
    }
}

/// Refuses a package with other modules than the transformer and those that `known` names.
fn refuse_modules(package: &Package, known: impl Fn(&Module) -> bool) -> Result<()> {
    let is_known = |module: &&Module| matches!(module, Module::Transformer { .. }) || known(module);
    match package.modules().iter().find(|module| !is_known(module)) {
        None => Ok(()),
        Some(module) => Err(Error::unsupported(format!(
            "`{}` is a model for the task `{}` with a module that this version does not know there: {module:?}",
            package.name(),
            package.task().name()
        ))),
    }
}
