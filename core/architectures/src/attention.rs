//! Attention of every token to the others, from token vectors to token vectors.

use drivetrain_contract::Result;

use crate::{
    AttentionInputs, Ops, Rotary, WeightScope,
    disentangled::{Disentangled, RelativeRows},
    layers::{Bias, Linear, Norm},
};

/// Multi-head attention with the projections around it.
#[derive(Clone, Debug)]
pub(crate) struct Attention<W> {
    pub(crate) name: String,
    pub(crate) heads: Heads,
    pub(crate) projection: Projection<W>,
    /// Normalisation of each head of query and key, before positions are applied.
    pub(crate) head_norms: Option<[Norm<W>; 2]>,
    /// Scores by relative position that depend on the contents.
    pub(crate) disentangled: Option<Disentangled>,
    pub(crate) output: Linear<W>,
}

/// The extents of attention.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Heads {
    /// Heads of the query.
    pub(crate) count: usize,
    /// Heads of key and value.
    pub(crate) kv_count: usize,
    /// Extent of one.
    pub(crate) dim: usize,
}

impl Heads {
    /// As many heads for keys and values as for queries.
    pub(crate) fn equal(count: usize, dim: usize) -> Self {
        Self { count, kv_count: count, dim }
    }

    /// Extent of the query.
    pub(crate) fn width(&self) -> usize {
        self.count.saturating_mul(self.dim)
    }

    /// Extent of key and of value.
    pub(crate) fn kv_width(&self) -> usize {
        self.kv_count.saturating_mul(self.dim)
    }
}

/// What makes query, key and value of a token vector.
#[derive(Clone, Debug)]
pub(crate) enum Projection<W> {
    /// A matrix for each.
    Separate { query: Linear<W>, key: Linear<W>, value: Linear<W> },
    /// One matrix, which gives them one after the other.
    Packed(Linear<W>),
}

impl<W> Projection<W> {
    /// A matrix for each, called by `names`.
    pub(crate) fn separate(
        scope: &mut WeightScope<'_, '_, W>,
        names: [&str; 3],
        (hidden, heads): (usize, Heads),
        bias: Bias,
    ) -> Result<Self> {
        let mut linear = |name, width| Linear::load_with(scope, name, [width, hidden], bias);
        let query = linear(names[0], heads.width())?;
        let key = linear(names[1], heads.kv_width())?;
        let value = linear(names[2], heads.kv_width())?;
        Ok(Self::Separate { query, key, value })
    }

    /// One matrix, called `name`.
    pub(crate) fn packed(
        scope: &mut WeightScope<'_, '_, W>,
        name: &str,
        (hidden, heads): (usize, Heads),
        bias: Bias,
    ) -> Result<Self> {
        let width = heads.width().saturating_add(heads.kv_width().saturating_mul(2));
        Ok(Self::Packed(Linear::load_with(scope, name, [width, hidden], bias)?))
    }
}

/// What attention knows of the batch: made once, used by every layer that has the same view of it.
#[derive(Clone, Debug)]
pub(crate) struct Context<T> {
    /// Added to the scores.
    pub(crate) bias: T,
    /// Turns queries and keys.
    pub(crate) rotary: Option<Rotary<T>>,
    /// Vectors of relative positions.
    pub(crate) relative: Option<RelativeRows<T>>,
}

/// Query, key and value, each `[B, S, heads · dim]`.
struct Projected<T> {
    query: T,
    key: T,
    value: T,
}

impl<W> Attention<W> {
    /// `[B, S, hidden]` to the same shape.
    pub(crate) fn forward<O: Ops<Weight = W>>(
        &self,
        ops: &mut O,
        x: &O::Tensor,
        context: &Context<O::Tensor>,
    ) -> Result<O::Tensor> {
        let Projected { query, key, value } = self.project(ops, x, context.rotary.as_ref())?;
        let mut divisor = (self.heads.dim as f32).sqrt();
        let mut bias = context.bias.clone();
        if let (Some(disentangled), Some(rows)) = (self.disentangled, &context.relative) {
            divisor = disentangled.divisor(self.heads.dim);
            let scores = disentangled.scores(ops, self, (&query, &key), rows)?;
            bias = ops.add(&scores, &bias)?;
        }
        ops.scope(&self.name);
        let attended = ops.attention(&AttentionInputs {
            query: &query,
            key: &key,
            value: &value,
            bias: &bias,
            heads: self.heads.count,
            kv_heads: self.heads.kv_count,
            head_dim: self.heads.dim,
            divisor,
        })?;
        self.output.forward(ops, &attended)
    }

    fn project<O: Ops<Weight = W>>(
        &self,
        ops: &mut O,
        x: &O::Tensor,
        rotary: Option<&Rotary<O::Tensor>>,
    ) -> Result<Projected<O::Tensor>> {
        let Projected { mut query, mut key, value } = match &self.projection {
            Projection::Separate { query, key, value } => {
                Projected { query: query.forward(ops, x)?, key: key.forward(ops, x)?, value: value.forward(ops, x)? }
            }
            Projection::Packed(packed) => {
                let all = packed.forward(ops, x)?;
                let (width, kv_width) = (self.heads.width(), self.heads.kv_width());
                Projected {
                    query: ops.slice_last(&all, 0, width)?,
                    key: ops.slice_last(&all, width, kv_width)?,
                    value: ops.slice_last(&all, width + kv_width, kv_width)?,
                }
            }
        };
        if let Some([query_norm, key_norm]) = &self.head_norms {
            query = norm_heads(ops, query_norm, &query, self.heads.count)?;
            key = norm_heads(ops, key_norm, &key, self.heads.kv_count)?;
        }
        if let Some(rotary) = rotary {
            ops.scope(&self.name);
            query = ops.rotary(&query, rotary, self.heads.count)?;
            key = ops.rotary(&key, rotary, self.heads.kv_count)?;
        }
        Ok(Projected { query, key, value })
    }
}

fn norm_heads<O: Ops>(ops: &mut O, norm: &Norm<O::Weight>, x: &O::Tensor, heads: usize) -> Result<O::Tensor> {
    let split = ops.split_heads(x, heads)?;
    let normalised = norm.forward(ops, &split)?;
    ops.merge_heads(&normalised)
}
