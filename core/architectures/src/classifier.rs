//! Heads that score a text or a pair of texts: `transformers`' sequence classification.

use drivetrain_contract::Result;
use drivetrain_package::PoolingMode;

use crate::{Ops, config::Config, layers::Steps, pooling::pool};

/// Turns token vectors into one score for each label.
#[derive(Clone, Debug)]
pub(crate) struct Classifier<W> {
    pub(crate) vector: TextVector,
    pub(crate) steps: Steps<W>,
    pub(crate) labels: usize,
}

/// Which vector stands for the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextVector {
    /// That of the first token.
    First,
    /// That of the last token.
    Last,
    /// The mean.
    Mean,
}

impl<W> Classifier<W> {
    /// Number of labels: as many as have a name, else `num_labels`, else transformers' default.
    pub(crate) fn labels(config: &Config<'_>) -> Result<usize> {
        let named = config.members("id2label")?.filter(|&labels| labels > 0);
        Ok(named.or(config.positive_opt("num_labels")?).unwrap_or(2))
    }

    /// Token vectors `[B, S, hidden]` and the integer mask `[B, S]` to `[B, labels]`.
    pub(crate) fn forward<O: Ops<Weight = W>>(
        &self,
        ops: &mut O,
        tokens: &O::Tensor,
        mask: &O::Tensor,
    ) -> Result<O::Tensor> {
        ops.scope("pooling");
        let mode = match self.vector {
            TextVector::First => PoolingMode::Cls,
            TextVector::Last => PoolingMode::LastToken,
            TextVector::Mean => PoolingMode::Mean,
        };
        let vector = pool(ops, tokens, mask, &[mode])?;
        self.steps.forward(ops, &vector)
    }
}
