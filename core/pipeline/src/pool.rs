//! Token vectors to one vector.
//!
//! Formulas, their bounds and what is left out with a prompt are those of `Pooling` in sentence-transformers 6.2, except
//! that max pooling over no token gives zeros, not minus infinity.

use drivetrain_package::PoolingMode;

/// How token vectors become one vector.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    /// Results are concatenated in this order.
    pub(crate) modes: Vec<PoolingMode>,
    /// Numbers in each token vector.
    pub(crate) hidden: usize,
    /// Leading tokens that are left out.
    pub(crate) skip: usize,
}

impl Pool {
    /// Numbers in the pooled vector.
    pub(crate) fn dim(&self) -> usize {
        self.modes.len() * self.hidden
    }

    /// Pools the vectors `[tokens, hidden]` of one text, without padding, into `out`, `[modes * hidden]`.
    pub(crate) fn apply(&self, tokens: &[f32], out: &mut [f32]) {
        let skipped = (self.skip * self.hidden).min(tokens.len());
        for (mode, out) in self.modes.iter().zip(out.chunks_exact_mut(self.hidden)) {
            let kept = Kept { vectors: &tokens[skipped..], first: skipped / self.hidden, all: tokens };
            kept.pool(*mode, out);
        }
    }
}

/// Token vectors that take part in pooling.
#[derive(Clone, Copy)]
struct Kept<'a> {
    vectors: &'a [f32],
    first: usize,
    all: &'a [f32],
}

impl Kept<'_> {
    fn pool(self, mode: PoolingMode, out: &mut [f32]) {
        let hidden = out.len();
        out.fill(0.0);
        let mut vectors = self.vectors.chunks_exact(hidden);
        match mode {
            // With nothing left, the reference takes the first token of all.
            PoolingMode::Cls => copy(out, vectors.next().or_else(|| self.all.chunks_exact(hidden).next())),
            PoolingMode::LastToken => copy(out, vectors.next_back()),
            PoolingMode::Max => {
                copy(out, vectors.next());
                vectors.for_each(|vector| raise(out, vector));
            }
            PoolingMode::Mean => self.weighted(out, |_| 1.0, |count| count),
            PoolingMode::MeanSqrtLen => self.weighted(out, |_| 1.0, f32::sqrt),
            // Weights count from 1 at the text's first token, whether or not that takes part.
            PoolingMode::WeightedMean => self.weighted(out, |position| (position + 1) as f32, |sum| sum),
        }
    }

    fn weighted(self, out: &mut [f32], weight: impl Fn(usize) -> f32, divisor: impl Fn(f32) -> f32) {
        let mut total = 0.0f32;
        for (at, vector) in self.vectors.chunks_exact(out.len()).enumerate() {
            let weight = weight(self.first + at);
            total += weight;
            out.iter_mut().zip(vector).for_each(|(sum, number)| *sum += weight * number);
        }
        let divisor = divisor(total.max(1e-9));
        out.iter_mut().for_each(|sum| *sum /= divisor);
    }
}

fn copy(out: &mut [f32], vector: Option<&[f32]>) {
    if let Some(vector) = vector {
        out.copy_from_slice(vector);
    }
}

/// Unlike `f32::max`, lets a NaN through, so that it is found later.
fn raise(out: &mut [f32], vector: &[f32]) {
    for (most, &number) in out.iter_mut().zip(vector) {
        if number > *most || number.is_nan() {
            *most = number;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PoolingMode::*;

    /// Three tokens of two numbers.
    const TOKENS: [f32; 6] = [1.0, -2.0, 5.0, -4.0, 3.0, -9.0];

    fn check(modes: &[PoolingMode], skip: usize, tokens: &[f32], expect: &[f32]) {
        let pool = Pool { modes: modes.to_vec(), hidden: 2, skip };
        let mut out = vec![7.0; pool.dim()];
        pool.apply(tokens, &mut out);
        for (found, wanted) in out.iter().zip(expect) {
            assert!((found - wanted).abs() < 1e-6, "{modes:?} skipping {skip}: {out:?}, not {expect:?}");
        }
    }

    #[test]
    fn every_mode_follows_its_formula() {
        check(&[Cls], 0, &TOKENS, &[1.0, -2.0]);
        check(&[LastToken], 0, &TOKENS, &[3.0, -9.0]);
        check(&[Max], 0, &TOKENS, &[5.0, -2.0]);
        check(&[Mean], 0, &TOKENS, &[3.0, -5.0]);
        check(&[MeanSqrtLen], 0, &TOKENS, &[9.0 / 3f32.sqrt(), -15.0 / 3f32.sqrt()]);
        check(&[WeightedMean], 0, &TOKENS, &[20.0 / 6.0, -37.0 / 6.0]);
    }

    #[test]
    fn the_prompt_is_left_out_and_weights_keep_their_places() {
        check(&[Cls], 1, &TOKENS, &[5.0, -4.0]);
        check(&[LastToken], 2, &TOKENS, &[3.0, -9.0]);
        check(&[Max], 2, &TOKENS, &[3.0, -9.0]);
        check(&[Mean], 1, &TOKENS, &[4.0, -6.5]);
        check(&[WeightedMean], 1, &TOKENS, &[19.0 / 5.0, -35.0 / 5.0]);
    }

    #[test]
    fn with_nothing_left_all_but_the_first_token_are_zeros() {
        for skip in [3, 4, 1000] {
            check(&[Cls, Max], skip, &TOKENS, &[1.0, -2.0, 0.0, 0.0]);
            check(&[Mean, MeanSqrtLen, WeightedMean, LastToken], skip, &TOKENS, &[0.0; 8]);
        }
        check(&[Cls, Max, Mean, LastToken], 0, &[], &[0.0; 8]);
    }

    #[test]
    fn several_modes_are_concatenated_in_their_order() {
        check(&[Max, Cls], 0, &TOKENS, &[5.0, -2.0, 1.0, -2.0]);
    }

    #[test]
    fn a_nan_in_any_token_survives() {
        for at in 0..3 {
            let mut tokens = TOKENS;
            tokens[at * 2] = f32::NAN;
            let pool = Pool { modes: vec![Max], hidden: 2, skip: 0 };
            let mut out = [0.0; 2];
            pool.apply(&tokens, &mut out);
            assert!(out[0].is_nan(), "token {at}");
        }
    }
}
