//! The trait of tensor operations that architectures are written in.

use drivetrain_contract::{Error, Result};

use crate::{Activation, Rotary};

/// Tensor operations: what an engine or a writer of graphs provides.
///
/// Shapes in the comments: `B` texts, `S` tokens per text, `H` hidden size, `…` any leading extents. Integer tensors
/// are 64-bit where a graph has to say so; all others are floats. Every method may fail, because an engine may.
///
/// A method with a body is made of others: an engine that has something faster of its own overrides it.
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

    /// A weight as a tensor of its stored shape; only of weights loaded as [`crate::Layout::Plain`].
    fn weight(&mut self, weight: &Self::Weight) -> Result<Self::Tensor>;

    /// A few numbers of the architecture's own, row-major.
    fn constant(&mut self, values: &[f32], shape: &[usize]) -> Result<Self::Tensor>;

    /// The integers `0..S` as `[1, S]`, for any `like` `[B, S]`.
    fn positions(&mut self, like: &Self::Tensor) -> Result<Self::Tensor>;

    /// For integer `ids` `[B, S]`, where a token is `padding_id`: `padding_id`; elsewhere: `padding_id` plus the number
    /// of tokens that are not `padding_id` up to and including this one. Integers `[B, S]`.
    fn positions_after(&mut self, ids: &Self::Tensor, padding_id: i64) -> Result<Self::Tensor>;

    /// Where a key lies as seen from a query: the integers `key - query` as `[S (query), S (key)]`, for any `like`
    /// `[B, S]`.
    fn relative_positions(&mut self, like: &Self::Tensor) -> Result<Self::Tensor>;

    /// `table[min(max(x, -n), n) + n]` for each element of integer `x`, with `table` of `2 n + 1` integers.
    fn lookup(&mut self, x: &Self::Tensor, table: &[i64]) -> Result<Self::Tensor>;

    /// `x · weightᵀ + bias`, for `x` `[…, in]` and `weight` `[out, in]` as stored: `[…, out]`.
    fn linear(&mut self, x: &Self::Tensor, weight: &Self::Weight, bias: Option<&Self::Weight>) -> Result<Self::Tensor>;

    /// `x · tableᵀ + bias`, for `x` `[…, H]` and the rows of an embedding `table` `[n, H]`, loaded as
    /// [`crate::Layout::Plain`] because [`Ops::embedding`] uses it too: `[…, n]`.
    fn tied_linear(
        &mut self,
        x: &Self::Tensor,
        table: &Self::Weight,
        bias: Option<&Self::Weight>,
    ) -> Result<Self::Tensor>;

    /// Normalisation to mean 0 and variance 1 over the last axis, then `· weight + bias`: `eps` is added to the
    /// variance.
    fn layer_norm(
        &mut self,
        x: &Self::Tensor,
        weight: &Self::Weight,
        bias: Option<&Self::Weight>,
        eps: f32,
    ) -> Result<Self::Tensor>;

    /// `x / √(mean of x² over the last axis + eps) · weight` (Zhang and Sennrich, arXiv:1910.07467).
    fn rms_norm(&mut self, x: &Self::Tensor, weight: &Self::Weight, eps: f32) -> Result<Self::Tensor>;

    /// An activation, element by element.
    fn activation(&mut self, x: &Self::Tensor, activation: Activation) -> Result<Self::Tensor>;

    /// What [`Ops::attention`] adds to its scores: 0 where a query may see a key, so little that the softmax gives 0
    /// where `reach` does not go or `mask` `[B, S]` is 0. `[B, 1, 1, S]` for [`Reach::All`], else `[B, 1, S, S]`.
    ///
    /// Every element is finite: a query that sees nothing gets equal shares of everything, not NaN.
    fn attention_mask(&mut self, mask: &Self::Tensor, reach: Reach) -> Result<Self::Tensor>;

    /// Multi-head attention, `softmax(q · kᵀ / divisor + bias) · v` in each head: `[B, S, heads · head_dim]`.
    fn attention(&mut self, inputs: &AttentionInputs<'_, Self::Tensor>) -> Result<Self::Tensor>;

    /// Scores by relative position: element `[b, h, i, j]` of the result `[B, heads, S, S]` is head `h` of
    /// `x[b, i]` times head `h` of `rows[index[i, j]]`.
    fn relative_scores(&mut self, inputs: &RelativeScores<'_, Self::Tensor>) -> Result<Self::Tensor>;

    /// Turns the two halves of each head by angles that grow with the position (Su et al., arXiv:2104.09864, with the
    /// halves as `transformers` pairs them): `x` `[B, S, heads · head_dim]` to the same shape.
    fn rotary(&mut self, x: &Self::Tensor, rotary: &Rotary<Self::Tensor>, heads: usize) -> Result<Self::Tensor> {
        let half = rotary.half;
        let split = self.split_heads(x, heads)?;
        let (left, right) = (self.slice_last(&split, 0, half)?, self.slice_last(&split, half, half)?);
        let cos_left = self.mul(&left, &rotary.cos)?;
        let sin_right = self.mul(&right, &rotary.sin)?;
        let cos_right = self.mul(&right, &rotary.cos)?;
        let sin_left = self.mul(&left, &rotary.sin)?;
        let turned = [self.sub(&cos_left, &sin_right)?, self.add(&cos_right, &sin_left)?];
        let turned = self.concat_last(&turned)?;
        self.merge_heads(&turned)
    }

    // Shapes.

    /// `[B, S, heads · n]` as `[B, S, heads, n]`.
    fn split_heads(&mut self, x: &Self::Tensor, heads: usize) -> Result<Self::Tensor>;

    /// `[B, S, heads, n]` as `[B, S, heads · n]`.
    fn merge_heads(&mut self, x: &Self::Tensor) -> Result<Self::Tensor>;

    /// The elements `start..start + len` of the last axis: `[…, n]` to `[…, len]`.
    fn slice_last(&mut self, x: &Self::Tensor, start: usize, len: usize) -> Result<Self::Tensor>;

    /// Axis `i` of the result is axis `axes[i]` of `x`.
    fn permute(&mut self, x: &Self::Tensor, axes: &[usize]) -> Result<Self::Tensor>;

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

    /// `x · factor`.
    fn scale(&mut self, x: &Self::Tensor, factor: f32) -> Result<Self::Tensor> {
        let factor = self.constant(&[factor], &[])?;
        self.mul(x, &factor)
    }

    /// The larger of `x` and `minimum`.
    fn clamp_min(&mut self, x: &Self::Tensor, minimum: f32) -> Result<Self::Tensor>;

    /// `√x`.
    fn sqrt(&mut self, x: &Self::Tensor) -> Result<Self::Tensor>;

    /// `|x|`.
    fn abs(&mut self, x: &Self::Tensor) -> Result<Self::Tensor>;

    /// The cosine of `x` radians.
    fn cos(&mut self, x: &Self::Tensor) -> Result<Self::Tensor>;

    /// The sine of `x` radians.
    fn sin(&mut self, x: &Self::Tensor) -> Result<Self::Tensor>;

    /// `ln(1 + x)`.
    fn log1p(&mut self, x: &Self::Tensor) -> Result<Self::Tensor>;

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

/// How far a token sees, besides that nobody sees padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Every token of the text.
    All,
    /// Itself and the tokens before it.
    Causal,
    /// Tokens at most so many places away, on either side.
    Window(usize),
}

impl Reach {
    /// A table for [`Ops::lookup`] of [`Ops::relative_positions`], 1 where a query sees a key and 0 elsewhere; `None`
    /// where it sees everything.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Unsupported`] for a window of more than a million places.
    pub fn table(self) -> Result<Option<Vec<i64>>> {
        /// Far above any window a model was trained with, far below what would exhaust memory.
        const WIDEST: usize = 1 << 20;
        match self {
            Self::All => Ok(None),
            Self::Causal => Ok(Some(vec![1, 1, 0])),
            Self::Window(places) if places <= WIDEST => {
                let mut table = vec![1; 2 * places + 3];
                table[0] = 0;
                table[2 * places + 2] = 0;
                Ok(Some(table))
            }
            Self::Window(places) => Err(Error::unsupported(format!("attention over a window of {places} places"))),
        }
    }
}

/// Operands of [`Ops::attention`].
#[derive(Clone, Debug)]
pub struct AttentionInputs<'a, T> {
    /// `[B, S, heads · head_dim]`
    pub query: &'a T,
    /// `[B, S, kv_heads · head_dim]`
    pub key: &'a T,
    /// `[B, S, kv_heads · head_dim]`
    pub value: &'a T,
    /// What [`Ops::attention_mask`] made, perhaps with a bias added; it broadcasts to `[B, heads, S, S]`.
    pub bias: &'a T,
    /// Number of heads of the query.
    pub heads: usize,
    /// Number of heads of key and value, which divides `heads`: `heads / kv_heads` neighbours share one.
    pub kv_heads: usize,
    /// Extent of one head.
    pub head_dim: usize,
    /// What scores are divided by: `√head_dim`, unless the architecture says otherwise.
    pub divisor: f32,
}

/// Operands of [`Ops::relative_scores`].
#[derive(Clone, Debug)]
pub struct RelativeScores<'a, T> {
    /// `[B, S, heads · head_dim]`
    pub x: &'a T,
    /// `[n, heads · head_dim]`
    pub rows: &'a T,
    /// Integers below `n`, `[S, S]`.
    pub index: &'a T,
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
