//! From token vectors to one vector per text, in every mode of sentence-transformers.
//!
//! The formulas are those of `sentence_transformers.sentence_transformer.modules.pooling`, version 6.2.

use drivetrain_contract::Result;
use drivetrain_package::PoolingMode;

use crate::Ops;

/// Smallest divisor of a mean, so that a text without tokens gives zeros.
const MIN_TOKENS: f32 = 1e-9;

/// What padding counts as in a maximum. The reference has minus infinity, which differs only in a text without tokens.
const MASKED: f32 = -1e9;

/// Pools `tokens` `[B, S, H]` where integer `mask` `[B, S]` is 1: `[B, H · modes]`, the modes in the order given.
pub(crate) fn pool<O: Ops>(
    ops: &mut O,
    tokens: &O::Tensor,
    mask: &O::Tensor,
    modes: &[PoolingMode],
) -> Result<O::Tensor> {
    let mask = ops.to_float(mask)?;
    let column = ops.unsqueeze_last(&mask)?;
    let mut pooling = PoolingInputs { ops, tokens, column, mask };
    let mut pooled = modes.iter().map(|&mode| pooling.pool(mode)).collect::<Result<Vec<_>>>()?;
    match pooled.len() {
        1 => Ok(pooled.remove(0)),
        _ => ops.concat_last(&pooled),
    }
}

struct PoolingInputs<'a, O: Ops> {
    ops: &'a mut O,
    /// `[B, S, H]`
    tokens: &'a O::Tensor,
    /// Float, `[B, S]`
    mask: O::Tensor,
    /// Float, `[B, S, 1]`
    column: O::Tensor,
}

impl<O: Ops> PoolingInputs<'_, O> {
    fn pool(&mut self, mode: PoolingMode) -> Result<O::Tensor> {
        match mode {
            PoolingMode::Cls => self.first(),
            PoolingMode::Max => self.max(),
            PoolingMode::Mean => {
                let weights = self.column.clone();
                let (sum, total) = self.weighted_sum(&weights)?;
                self.ops.div(&sum, &total)
            }
            PoolingMode::MeanSqrtLen => {
                let weights = self.column.clone();
                let (sum, total) = self.weighted_sum(&weights)?;
                let root = self.ops.sqrt(&total)?;
                self.ops.div(&sum, &root)
            }
            PoolingMode::WeightedMean => {
                let weights = self.position_weights()?;
                let (sum, total) = self.weighted_sum(&weights)?;
                self.ops.div(&sum, &total)
            }
            PoolingMode::LastToken => self.last(),
        }
    }

    fn first(&mut self) -> Result<O::Tensor> {
        let index = self.ops.first_index(&self.mask)?;
        self.ops.token_at(self.tokens, &index)
    }

    /// Multiplied by the mask, as in the reference, so that a text without tokens gives zeros.
    fn last(&mut self) -> Result<O::Tensor> {
        let index = self.ops.last_index(&self.mask)?;
        let masked = self.ops.mul(self.tokens, &self.column)?;
        self.ops.token_at(&masked, &index)
    }

    fn max(&mut self) -> Result<O::Tensor> {
        let masked = self.ops.masked_fill(self.tokens, &self.column, MASKED)?;
        self.ops.max_tokens(&masked)
    }

    /// `Σ tokens · weights` `[B, H]` and `Σ weights` `[B, 1]`, the latter never zero.
    fn weighted_sum(&mut self, weights: &O::Tensor) -> Result<(O::Tensor, O::Tensor)> {
        let weighted = self.ops.mul(self.tokens, weights)?;
        let sum = self.ops.sum_tokens(&weighted)?;
        let total = self.ops.sum_tokens(weights)?;
        Ok((sum, self.ops.clamp_min(&total, MIN_TOKENS)?))
    }

    /// 1 for a text's first token, 2 for its second and so on, 0 for padding on either side: `[B, S, 1]`.
    fn position_weights(&mut self) -> Result<O::Tensor> {
        let ops = &mut *self.ops;
        let positions = ops.positions(&self.mask)?;
        let start = ops.first_index(&self.mask)?;
        let from_start = ops.sub(&positions, &start)?;
        let from_start = ops.to_float(&from_start)?;
        let weights = ops.add_scalar(&from_start, 1.0)?;
        let weights = ops.mul(&weights, &self.mask)?;
        ops.unsqueeze_last(&weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluator::{Array, Evaluator};

    /// Pools the tokens (1, 8), (2, 4), (6, -1) under three masks: padded on the right, on the left, not at all.
    fn check(modes: &[PoolingMode], expect: [&[f32]; 3]) {
        let text = [1.0, 8.0, 2.0, 4.0, 6.0, -1.0];
        let tokens = Array::new(&[3, 3, 2], [text; 3].concat());
        let mask = Array::new(&[3, 3], [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
        let pooled = pool(&mut Evaluator, &tokens, &mask, modes).unwrap();
        assert_eq!(pooled.shape, [3, 2 * modes.len()]);
        for (a, b) in pooled.data.iter().zip(expect.concat()) {
            assert!((a - b).abs() < 1e-6, "{modes:?}: {:?} instead of {expect:?}", pooled.data);
        }
    }

    #[test]
    fn every_mode_ignores_padding_on_either_side() {
        use PoolingMode::{Cls, LastToken, Max, Mean, MeanSqrtLen, WeightedMean};
        let (root2, root3) = (2f32.sqrt(), 3f32.sqrt());
        check(&[Cls], [&[1.0, 8.0], &[2.0, 4.0], &[1.0, 8.0]]);
        check(&[LastToken], [&[2.0, 4.0], &[6.0, -1.0], &[6.0, -1.0]]);
        check(&[Max], [&[2.0, 8.0], &[6.0, 4.0], &[6.0, 8.0]]);
        check(&[Mean], [&[1.5, 6.0], &[4.0, 1.5], &[3.0, 11.0 / 3.0]]);
        check(
            &[MeanSqrtLen],
            [&[3.0 / root2, 12.0 / root2], &[8.0 / root2, 3.0 / root2], &[9.0 / root3, 11.0 / root3]],
        );
        check(&[WeightedMean], [&[5.0 / 3.0, 16.0 / 3.0], &[14.0 / 3.0, 2.0 / 3.0], &[23.0 / 6.0, 13.0 / 6.0]]);
        check(&[Mean, Cls], [&[1.5, 6.0, 1.0, 8.0], &[4.0, 1.5, 2.0, 4.0], &[3.0, 11.0 / 3.0, 1.0, 8.0]]);
    }

    #[test]
    fn a_text_of_padding_only_stays_finite() {
        use PoolingMode::{Cls, LastToken, Max, Mean, MeanSqrtLen, WeightedMean};
        let tokens = Array::new(&[1, 2, 1], [3.0, 4.0]);
        let mask = Array::new(&[1, 2], [0.0, 0.0]);
        let modes = [Cls, Max, Mean, MeanSqrtLen, WeightedMean, LastToken];
        let pooled = pool(&mut Evaluator, &tokens, &mask, &modes).unwrap();
        assert_eq!(&*pooled.data, [3.0, MASKED, 0.0, 0.0, 0.0, 0.0]);
    }
}
