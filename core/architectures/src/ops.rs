//! The trait of tensor operations that architectures are written in.

use drivetrain_contract::Result;

use crate::Activation;

/// Tensor operations: what an engine or a writer of graphs provides.
///
/// Shapes in the comments: `B` texts, `S` tokens per text, `H` hidden size, `…` any leading extents. Integer tensors
/// are 64-bit where a graph has to say so; all others are floats. Every method may fail, because an engine may.
pub trait Ops {
    /// Handle of a loaded weight.
    type Weight;
    /// Handle of a computed tensor; cloning it copies no data.
    type Tensor: Clone;

    /// Names the part of the model that follows, for graphs that carry names. The default ignores it.
    fn scope(&mut self, _name: &str) {}

    // The transformer.

    /// Rows of `table` `[n, H]` for integer `ids` `[…]`: `[…, H]`.
    fn embedding(&mut self, table: &Self::Weight, ids: &Self::Tensor) -> Result<Self::Tensor>;

    /// The integers `0..S` as `[1, S]`, for any `like` `[B, S]`.
    fn positions(&mut self, like: &Self::Tensor) -> Result<Self::Tensor>;

    /// `x · weightᵀ + bias`, for `x` `[…, in]` and `weight` `[out, in]` as stored: `[…, out]`.
    fn linear(&mut self, x: &Self::Tensor, weight: &Self::Weight, bias: Option<&Self::Weight>) -> Result<Self::Tensor>;

    /// Normalisation to mean 0 and variance 1 over the last axis, then `· weight + bias`.
    fn layer_norm(
        &mut self,
        x: &Self::Tensor,
        weight: &Self::Weight,
        bias: &Self::Weight,
        eps: f32,
    ) -> Result<Self::Tensor>;

    /// An activation, element by element.
    fn activation(&mut self, x: &Self::Tensor, activation: Activation) -> Result<Self::Tensor>;

    /// What [`Ops::attention`] adds to its scores: 0 where `mask` `[B, S]` is 1, so little that the softmax gives 0
    /// where it is 0.
    fn attention_mask(&mut self, mask: &Self::Tensor) -> Result<Self::Tensor>;

    /// Multi-head attention, `softmax(q · kᵀ / √head_dim + mask) · v` in each head: `[B, S, heads · head_dim]`.
    fn attention(&mut self, inputs: &AttentionInputs<'_, Self::Tensor>) -> Result<Self::Tensor>;

    // Arithmetic, with numpy's broadcasting.

    /// `a + b`.
    fn add(&mut self, a: &Self::Tensor, b: &Self::Tensor) -> Result<Self::Tensor>;

    /// `a - b`.
    fn sub(&mut self, a: &Self::Tensor, b: &Self::Tensor) -> Result<Self::Tensor>;

    /// `a · b`, element by element.
    fn mul(&mut self, a: &Self::Tensor, b: &Self::Tensor) -> Result<Self::Tensor>;

    /// `a / b`, element by element.
    fn div(&mut self, a: &Self::Tensor, b: &Self::Tensor) -> Result<Self::Tensor>;

    /// `x + constant`.
    fn add_scalar(&mut self, x: &Self::Tensor, constant: f32) -> Result<Self::Tensor>;

    /// The larger of `x` and `minimum`.
    fn clamp_min(&mut self, x: &Self::Tensor, minimum: f32) -> Result<Self::Tensor>;

    /// `√x`.
    fn sqrt(&mut self, x: &Self::Tensor) -> Result<Self::Tensor>;

    // From tokens to texts.

    /// An integer tensor as floats.
    fn to_float(&mut self, x: &Self::Tensor) -> Result<Self::Tensor>;

    /// `[…]` as `[…, 1]`.
    fn unsqueeze_last(&mut self, x: &Self::Tensor) -> Result<Self::Tensor>;

    /// `x` `[B, S, H]` with `value` wherever float `mask` `[B, S, 1]` is 0.
    fn masked_fill(&mut self, x: &Self::Tensor, mask: &Self::Tensor, value: f32) -> Result<Self::Tensor>;

    /// Sum over the tokens: `[B, S, H]` to `[B, H]`.
    fn sum_tokens(&mut self, x: &Self::Tensor) -> Result<Self::Tensor>;

    /// Maximum over the tokens: `[B, S, H]` to `[B, H]`.
    fn max_tokens(&mut self, x: &Self::Tensor) -> Result<Self::Tensor>;

    /// Integer index `[B, 1]` of the first 1 in each row of float `mask` `[B, S]`; 0 in a row without any.
    fn first_index(&mut self, mask: &Self::Tensor) -> Result<Self::Tensor>;

    /// Integer index `[B, 1]` of the last 1 in each row of float `mask` `[B, S]`; 0 in a row without any.
    fn last_index(&mut self, mask: &Self::Tensor) -> Result<Self::Tensor>;

    /// Row `index[b]` of each text: `x` `[B, S, H]` and integer `index` `[B, 1]` to `[B, H]`.
    fn token_at(&mut self, x: &Self::Tensor, index: &Self::Tensor) -> Result<Self::Tensor>;

    /// Concatenation along the last axis.
    fn concat_last(&mut self, parts: &[Self::Tensor]) -> Result<Self::Tensor>;

    /// Euclidean length along the last axis, kept as an axis of extent 1: `[…, H]` to `[…, 1]`.
    fn l2_norm(&mut self, x: &Self::Tensor) -> Result<Self::Tensor>;
}

/// Operands of [`Ops::attention`].
#[derive(Clone, Debug)]
pub struct AttentionInputs<'a, T> {
    /// `[B, S, heads · head_dim]`
    pub query: &'a T,
    /// `[B, S, heads · head_dim]`
    pub key: &'a T,
    /// `[B, S, heads · head_dim]`
    pub value: &'a T,
    /// What [`Ops::attention_mask`] made.
    pub mask: &'a T,
    /// Number of heads.
    pub heads: usize,
    /// Extent of one head.
    pub head_dim: usize,
}

/// Integer tensors a transformer starts from, each `[B, S]`.
#[derive(Clone, Debug)]
pub struct TokenInputs<T> {
    /// Index of each token in the vocabulary.
    pub input_ids: T,
    /// 1 for tokens, 0 for padding.
    pub attention_mask: T,
    /// Segment of each token, where the architecture wants it.
    pub token_type_ids: Option<T>,
}
