//! A transformer of any architecture: embeddings, layers, and what attention knows of positions.

use drivetrain_contract::{Inputs, Result};

use crate::{
    Ops, Reach, TokenInputs,
    attention::Context,
    disentangled::RelativeTable,
    embeddings::{Embeddings, TokenTypes},
    layer::Layer,
    layers::{Embedding, Norm},
    rotary::Frequencies,
};

/// A transformer with handles of its weights. Architectures differ in how they make one.
#[derive(Clone, Debug)]
pub(crate) struct Encoder<W> {
    pub(crate) embeddings: Embeddings<W>,
    /// What all layers know of the distance between tokens.
    pub(crate) distances: Distances<W>,
    /// The different ways in which layers see the text.
    pub(crate) views: Vec<View>,
    pub(crate) layers: Vec<Layer<W>>,
    /// Layers in the order they run, as indices: each once, but where layers share their weights.
    pub(crate) order: Vec<usize>,
    pub(crate) final_norm: Option<Norm<W>>,
    /// Extent of token vectors.
    pub(crate) hidden_size: usize,
}

/// How a layer sees the text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct View {
    pub(crate) reach: Reach,
    /// By how much queries and keys are turned.
    pub(crate) rotary: Option<Frequencies>,
}

impl View {
    /// Everything, without rotary positions.
    pub(crate) fn all() -> Self {
        Self { reach: Reach::All, rotary: None }
    }
}

/// What is added to scores by the distance between two tokens.
#[derive(Clone, Debug)]
pub(crate) enum Distances<W> {
    /// Nothing.
    None,
    /// A slope for each head times the distance (Press et al., arXiv:2108.12409).
    Linear(Vec<f32>),
    /// A learned number for each head and bucket of distances.
    Buckets {
        /// `[buckets, heads]`
        table: Embedding<W>,
        /// Bucket for each distance of a key from a query, for [`Ops::lookup`].
        buckets: Vec<i64>,
    },
    /// What depends on contents too.
    Disentangled(RelativeTable<W>),
}

impl<W> Encoder<W> {
    /// The token inputs it takes.
    pub(crate) fn inputs(&self) -> Inputs {
        let plain = Inputs::INPUT_IDS | Inputs::ATTENTION_MASK;
        match self.embeddings.token_types {
            TokenTypes::Given(_) => plain | Inputs::TOKEN_TYPE_IDS,
            _ => plain,
        }
    }

    /// Token ids `[B, S]` to the last hidden state `[B, S, hidden_size]`.
    ///
    /// # Errors
    /// Those of the operations, and [`drivetrain_contract::ErrorKind::Invalid`] without an input it needs.
    pub(crate) fn forward<O: Ops<Weight = W>>(
        &self,
        ops: &mut O,
        inputs: &TokenInputs<O::Tensor>,
    ) -> Result<O::Tensor> {
        let embedded = self.embeddings.forward(ops, inputs)?;
        let contexts =
            self.views.iter().map(|view| self.context(ops, inputs, view)).collect::<Result<Vec<Context<_>>>>()?;
        let hidden = self.order.iter().try_fold(embedded, |hidden, &idx| {
            let layer = &self.layers[idx];
            layer.forward(ops, &hidden, &contexts[layer.view])
        })?;
        match &self.final_norm {
            Some(norm) => norm.forward(ops, &hidden),
            None => Ok(hidden),
        }
    }

    fn context<O: Ops<Weight = W>>(
        &self,
        ops: &mut O,
        inputs: &TokenInputs<O::Tensor>,
        view: &View,
    ) -> Result<Context<O::Tensor>> {
        let mask = &inputs.attention_mask;
        ops.scope("attention_mask");
        let mut bias = ops.attention_mask(mask, view.reach)?;
        if let Some(by_distance) = self.bias(ops, mask)? {
            bias = ops.add(&by_distance, &bias)?;
        }
        let rotary = view.rotary.as_ref().map(|frequencies| frequencies.rotary(ops, mask)).transpose()?;
        let relative = match &self.distances {
            Distances::Disentangled(table) => Some(table.forward(ops, mask)?),
            _ => None,
        };
        Ok(Context { bias, rotary, relative })
    }

    /// What the distance between two tokens adds to their score, `[heads, S, S]`.
    fn bias<O: Ops<Weight = W>>(&self, ops: &mut O, like: &O::Tensor) -> Result<Option<O::Tensor>> {
        ops.scope("relative_positions");
        match &self.distances {
            Distances::None | Distances::Disentangled(_) => Ok(None),
            Distances::Linear(slopes) => {
                let distances = ops.relative_positions(like)?;
                let distances = ops.to_float(&distances)?;
                let distances = ops.abs(&distances)?;
                let slopes = ops.constant(slopes, &[slopes.len(), 1, 1])?;
                ops.mul(&distances, &slopes).map(Some)
            }
            Distances::Buckets { table, buckets } => {
                let distances = ops.relative_positions(like)?;
                let buckets = ops.lookup(&distances, buckets)?;
                let by_position = table.forward(ops, &buckets)?;
                ops.permute(&by_position, &[2, 0, 1]).map(Some)
            }
        }
    }
}
