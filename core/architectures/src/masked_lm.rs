//! Heads that score every word of the vocabulary for each token, and SPLADE's pooling of them.

use drivetrain_contract::Result;
use drivetrain_package::{SpladeActivation, SpladePooling, SpladeStrategy};

use crate::{
    Layout, Ops, WeightScope,
    config::Config,
    layers::{Embedding, Linear, Steps},
};

/// A masked language model's head.
#[derive(Clone, Debug)]
pub(crate) struct MaskedLm<W> {
    /// From token vectors to vectors that are compared with words.
    pub(crate) transform: Steps<W>,
    pub(crate) decoder: Decoder<W>,
}

/// What compares a vector with every word.
#[derive(Clone, Debug)]
pub(crate) enum Decoder<W> {
    /// The rows of the transformer's table of words, and a bias.
    Tied { bias: Option<W> },
    /// A matrix of its own.
    Own(Linear<W>),
}

impl<W> Decoder<W> {
    /// The decoder called `name`, whose bias has one of the names `biases`: tied to the table of words unless the
    /// configuration says otherwise.
    pub(crate) fn load(
        config: &Config<'_>,
        scope: &mut WeightScope<'_, '_, W>,
        (name, biases): (&str, &[&str]),
        hidden: usize,
    ) -> Result<Self> {
        let vocabulary = config.positive("vocab_size")?;
        if !config.flag("tie_word_embeddings", true)? {
            return Ok(Self::Own(Linear::load(scope, name, [vocabulary, hidden])?));
        }
        let bias = match biases {
            [] => None,
            names => Some(scope.load(names, &[vocabulary], Layout::Plain)?),
        };
        Ok(Self::Tied { bias })
    }
}

impl<W> MaskedLm<W> {
    /// Token vectors `[B, S, hidden]` and the integer mask `[B, S]` to the pooled scores `[B, vocabulary]`.
    ///
    /// The formulas are those of `SpladePooling` in sentence-transformers 6.2 (Formal et al., arXiv:2109.10086). The
    /// maximum is taken first where there is one: logarithms keep order, and are then computed once for each word
    /// instead of once for each word and token.
    pub(crate) fn forward<O: Ops<Weight = W>>(
        &self,
        ops: &mut O,
        (words, tokens): (&Embedding<W>, &O::Tensor),
        mask: &O::Tensor,
        pooling: SpladePooling,
    ) -> Result<O::Tensor> {
        let transformed = self.transform.forward(ops, tokens)?;
        ops.scope("decoder");
        let logits = match &self.decoder {
            Decoder::Tied { bias } => ops.tied_linear(&transformed, words.table(), bias.as_ref())?,
            Decoder::Own(linear) => linear.forward(ops, &transformed)?,
        };
        ops.scope("splade_pooling");
        let mask = ops.to_float(mask)?;
        let mask = ops.unsqueeze_last(&mask)?;
        let logits = ops.mul(&logits, &mask)?;
        match pooling.strategy {
            SpladeStrategy::Max => {
                let largest = ops.max_tokens(&logits)?;
                activate(ops, &largest, pooling.activation)
            }
            SpladeStrategy::Sum => {
                let activated = activate(ops, &logits, pooling.activation)?;
                ops.sum_tokens(&activated)
            }
        }
    }
}

fn activate<O: Ops>(ops: &mut O, x: &O::Tensor, activation: SpladeActivation) -> Result<O::Tensor> {
    let positive = ops.activation(x, crate::Activation::Relu)?;
    let once = ops.log1p(&positive)?;
    match activation {
        SpladeActivation::Relu => Ok(once),
        SpladeActivation::Log1pRelu => ops.log1p(&once),
    }
}
