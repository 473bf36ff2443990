//! How one site is rounded: what keeps the error of the layers behind it small.
//!
//! Two things spoil integers that have one step for a whole tensor: channels that are much larger than the others, and
//! weights that are. Divisors even out the channels, as in SmoothQuant (Xiao et al., arXiv:2211.10438):
//! `sᵢ = max|xᵢ|^α / max|wᵢ|^(1 - α)`, for a few values of α. Transformers also have single channels with a few weights
//! a hundred times larger than any other, which write to one place of one token; whatever shares a row with them would
//! be rounded to nothing. They are multiplied in floats beside the rest, as in LLM.int8() (Dettmers et al.,
//! arXiv:2208.07339), where that pays.
//!
//! Of all candidates the one is taken whose expected error is smallest: what rounding does to the tokens that were kept,
//! weighed by what each channel does to the outputs, and the rounding of the weights, taken as independent and uniform.
//! The error of a token counts as a share of its output's square, so that a few tokens with huge outputs, which come to
//! the same length as the others when they are normalised, do not outweigh all others.

use std::rc::Rc;

use super::{
    headroom::Halves,
    observe::{Extremes, Observation},
};
use crate::onnx::SiteNumbers;

/// Exponents that are tried; 0 is no smoothing.
const EXPONENTS: [f32; 11] = [0.0, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0];

/// Numbers of outliers that are tried.
const OUTLIERS: [usize; 6] = [0, 1, 2, 4, 8, 16];

/// Errors below this do not show in the model's vectors: nothing is done about them that costs time.
const NEGLIGIBLE_ERROR: f64 = 3e-4;

/// Outliers must leave less than this part of the error.
const WORTHWHILE: f64 = 0.5;

/// Where there are outliers, more of them cost next to nothing: they must leave less than this part of it.
const STILL_WORTHWHILE: f64 = 0.85;

/// Tokens the error is computed over at the most.
const MOST_TOKENS: usize = 1024;

/// Magnitudes below this are taken for it, so that channels that are always 0 get a divisor too.
const MIN_MAGNITUDE: f32 = 1e-5;

/// The integers that activations have.
const LEVELS: f32 = 255.0;

/// The largest integer of a weight.
const WEIGHT_LIMIT: f32 = 127.0;

/// What was chosen for a site.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Choice {
    pub(super) numbers: SiteNumbers,
    /// Expected squared error of a token's outputs, as a share of their square.
    pub(super) relative_error: f64,
}

/// The layers behind a site: all their matrices below each other, `[outputs, channels]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Weights<'w> {
    pub(super) rows: &'w [f32],
    pub(super) channels: usize,
}

/// Chooses for a site that was observed.
pub(super) fn choose(seen: &Observation, weights: Weights<'_>) -> Choice {
    let site = Site::new(seen, weights);
    let mut chosen: Option<Candidate> = None;
    for count in OUTLIERS {
        let is_needed = |known: &Candidate| known.error > NEGLIGIBLE_ERROR && count < weights.channels;
        if chosen.as_ref().is_some_and(|known| !is_needed(known)) {
            break;
        }
        let candidate = site.best_with(count);
        let is_better = |known: &Candidate| {
            let part = if known.outliers.is_empty() { WORTHWHILE } else { STILL_WORTHWHILE };
            candidate.error < known.error * part
        };
        if chosen.as_ref().is_none_or(is_better) {
            chosen = Some(candidate);
        }
    }
    let Candidate { error, exponent, divisors, range, outliers } = chosen.unwrap_or_default();
    let numbers = SiteNumbers {
        smoothing: (exponent > 0.0).then(|| Rc::from(divisors)),
        outliers: Rc::from(outliers),
        range: Some(range),
        ..SiteNumbers::default()
    };
    Choice { numbers, relative_error: error }
}

#[derive(Debug, Default)]
struct Candidate {
    error: f64,
    exponent: f32,
    divisors: Vec<f32>,
    /// Lowest and highest value of any channel that is reckoned with, 0 included.
    range: (f32, f32),
    outliers: Vec<usize>,
}

/// What does not depend on the candidate.
struct Site<'s> {
    /// Of all texts.
    extremes: Extremes,
    halves: Halves,
    weights: Weights<'s>,
    /// Largest magnitude of each channel's weights.
    weight_magnitudes: Vec<f32>,
    /// Sum of the squares of each channel's weights.
    weight_squares: Vec<f32>,
    /// Every token the error is computed over, with what a squared error of its outputs counts.
    tokens: Vec<(&'s [f32], f64)>,
    /// Channels by how large their products may be, largest first.
    by_product: Vec<usize>,
}

impl<'s> Site<'s> {
    fn new(seen: &'s Observation, weights: Weights<'s>) -> Self {
        let channels = weights.channels;
        let (mut weight_magnitudes, mut weight_squares) = (vec![0.0f32; channels], vec![0.0f32; channels]);
        for row in weights.rows.chunks_exact(channels) {
            for (idx, &weight) in row.iter().enumerate() {
                weight_magnitudes[idx] = weight_magnitudes[idx].max(weight.abs());
                weight_squares[idx] += weight * weight;
            }
        }
        let extremes = Extremes::of(&seen.parts);
        let magnitudes = extremes.magnitudes();
        let mut by_product: Vec<usize> = (0..channels).collect();
        by_product.sort_by(|&a, &b| {
            let product = |idx: usize| magnitudes[idx] * weight_magnitudes[idx];
            product(b).total_cmp(&product(a)).then(a.cmp(&b))
        });
        let tokens = weighed_tokens(seen, channels, &weight_squares);
        Self { extremes, halves: Halves::new(seen), weights, weight_magnitudes, weight_squares, tokens, by_product }
    }

    /// The candidate with so many outliers that has the smallest error.
    fn best_with(&self, n_outliers: usize) -> Candidate {
        let mut outliers = self.by_product[..n_outliers].to_vec();
        outliers.sort_unstable();
        let candidates = EXPONENTS.map(|exponent| self.candidate(exponent, &outliers));
        candidates.into_iter().min_by(|a, b| a.error.total_cmp(&b.error)).unwrap_or_default()
    }

    fn candidate(&self, exponent: f32, outliers: &[usize]) -> Candidate {
        let is_outlier = |idx: usize| outliers.binary_search(&idx).is_ok();
        let divisors = self.divisors(exponent, &self.extremes);
        let headroom = self.halves.headroom(&|known, unknown| {
            let divisors = self.divisors(exponent, known);
            [known, unknown].map(|extremes| extremes.range(&divisors, &is_outlier))
        });
        let range = self.extremes.range(&divisors, &is_outlier);
        let range = (range.0 * headroom.0, range.1 * headroom.1);
        let rounding = Rounding::new(range);
        let weight_noise = self.weight_noise(&divisors, &is_outlier);
        let factors: Vec<f32> = divisors.iter().map(|divisor| 1.0 / (divisor * rounding.step)).collect();
        // What a squared error of one step does to the outputs; outliers have none.
        let share = |(idx, (square, divisor)): (usize, (&f32, &f32))| {
            if is_outlier(idx) { 0.0 } else { square * (divisor * rounding.step).powi(2) }
        };
        let shares: Vec<f32> = self.weight_squares.iter().zip(&divisors).enumerate().map(share).collect();
        // And what a squared error of the weights does.
        let noise = (weight_noise * f64::from(rounding.step).powi(2)) as f32;
        let noises: Vec<f32> = (0..divisors.len()).map(|idx| if is_outlier(idx) { 0.0 } else { noise }).collect();
        let error = self.tokens.iter().map(|(token, weight)| {
            let channels = token.iter().zip(&factors).zip(shares.iter().zip(&noises));
            let error = channels.map(|((x, factor), (share, noise))| {
                let x = x * factor;
                rounding.error(x) * share + x * x * noise
            });
            f64::from(error.sum::<f32>()) * weight
        });
        let error = error.sum();
        Candidate { error, exponent, divisors, range, outliers: outliers.to_vec() }
    }

    /// SmoothQuant's divisors for texts, with a geometric mean of 1; 1 for all where the exponent is 0.
    fn divisors(&self, exponent: f32, extremes: &Extremes) -> Vec<f32> {
        let magnitudes = extremes.magnitudes();
        if exponent == 0.0 {
            return vec![1.0; magnitudes.len()];
        }
        let logarithm =
            |(x, w): (&f32, &f32)| exponent * x.max(MIN_MAGNITUDE).ln() - (1.0 - exponent) * w.max(MIN_MAGNITUDE).ln();
        let logarithms: Vec<f32> = magnitudes.iter().zip(&self.weight_magnitudes).map(logarithm).collect();
        let mean = logarithms.iter().sum::<f32>() / logarithms.len().max(1) as f32;
        logarithms.iter().map(|logarithm| (logarithm - mean).exp()).collect()
    }

    /// Expected squared errors of one column of all matrices, which are smoothed and rounded to a step for each row: a
    /// number that is rounded to a multiple of a step is off by a twelfth of the step's square on average.
    fn weight_noise(&self, divisors: &[f32], is_outlier: &dyn Fn(usize) -> bool) -> f64 {
        let kept: Vec<f32> =
            divisors.iter().enumerate().map(|(idx, &divisor)| if is_outlier(idx) { 0.0 } else { divisor }).collect();
        let rows = self.weights.rows.chunks_exact(self.weights.channels);
        let noise = rows.map(|row| {
            let largest = row.iter().zip(&kept).map(|(w, divisor)| (w * divisor).abs()).fold(0.0, f32::max);
            f64::from(largest / WEIGHT_LIMIT).powi(2) / 12.0
        });
        noise.sum()
    }
}

impl Extremes {
    /// Largest magnitude of each channel.
    fn magnitudes(&self) -> Vec<f32> {
        self.low.iter().zip(&self.high).map(|(low, high)| low.abs().max(high.abs())).collect()
    }

    /// Lowest and highest value of any channel after smoothing, 0 included.
    fn range(&self, divisors: &[f32], is_outlier: &dyn Fn(usize) -> bool) -> (f32, f32) {
        let kept = divisors.iter().enumerate().filter(|(idx, _)| !is_outlier(*idx));
        kept.fold((0.0, 0.0), |range, (idx, divisor)| {
            (f32::min(range.0, self.low[idx] / divisor), f32::max(range.1, self.high[idx] / divisor))
        })
    }
}

/// The integers of a range, in units of their step.
struct Rounding {
    step: f32,
    lowest: f32,
    highest: f32,
}

impl Rounding {
    fn new((low, high): (f32, f32)) -> Self {
        let step = ((high - low) / LEVELS).max(f32::MIN_POSITIVE);
        let zero = (-low / step).round();
        Self { step, lowest: -zero, highest: LEVELS - zero }
    }

    /// The squared error of a number.
    fn error(&self, x: f32) -> f32 {
        let error = x - x.round_ties_even().clamp(self.lowest, self.highest);
        error * error
    }
}

/// Evenly spread tokens, each with the reciprocal of its outputs' square and of the number of tokens. The median square
/// is added, as if the layer's output were added to something of that size, which it mostly is.
fn weighed_tokens<'s>(seen: &'s Observation, channels: usize, weight_squares: &[f32]) -> Vec<(&'s [f32], f64)> {
    let n_rows = seen.rows.len() / channels.max(1);
    let step = n_rows.div_ceil(MOST_TOKENS).max(1);
    let rows = seen.rows.chunks_exact(channels.max(1)).step_by(step);
    let square = |row: &[f32]| f64::from(row.iter().zip(weight_squares).map(|(x, square)| x * x * square).sum::<f32>());
    let mut tokens: Vec<(&[f32], f64)> = rows.map(|row| (row, square(row))).collect();
    let mut squares: Vec<f64> = tokens.iter().map(|(_, square)| *square).collect();
    squares.sort_by(f64::total_cmp);
    let median = squares.get(squares.len() / 2).copied().unwrap_or_default().max(f64::MIN_POSITIVE);
    let n_tokens = tokens.len().max(1) as f64;
    tokens.iter_mut().for_each(|(_, square)| *square = 1.0 / ((*square + median) * n_tokens));
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values and weights that differ from token to token and row to row, all about 1.
    fn noise(seed: usize, len: usize) -> Vec<f32> {
        (0..len).map(|idx| ((idx * 7919 + seed * 104_729) % 2003) as f32 / 1001.0 - 1.0).collect()
    }

    /// Texts of one token.
    fn observe(rows: &[f32]) -> Observation {
        let mut seen = Observation::new(CHANNELS, rows.len() / CHANNELS);
        for (text, row) in rows.chunks_exact(CHANNELS).enumerate() {
            seen.add(text, &[row, row, row].concat());
        }
        seen
    }

    const CHANNELS: usize = 32;

    #[test]
    fn even_values_are_left_as_they_are() {
        let (rows, weights) = (noise(1, 64 * CHANNELS), noise(2, 48 * CHANNELS));
        let choice = choose(&observe(&rows), Weights { rows: &weights, channels: CHANNELS });
        assert!(choice.numbers.outliers.is_empty());
        assert!(choice.relative_error < NEGLIGIBLE_ERROR, "{}", choice.relative_error);
        let (low, high) = choice.numbers.range.unwrap();
        assert!((low + 1.03).abs() < 0.03 && (high - 1.03).abs() < 0.03, "{low} to {high}");
    }

    #[test]
    fn large_channels_are_divided() {
        let mut rows = noise(1, 64 * CHANNELS);
        rows.iter_mut().skip(5).step_by(CHANNELS).for_each(|x| *x *= 40.0);
        let mut weights = noise(2, 48 * CHANNELS);
        weights.iter_mut().skip(5).step_by(CHANNELS).for_each(|w| *w *= 0.02);
        let seen = observe(&rows);
        let plain = Site::new(&seen, Weights { rows: &weights, channels: CHANNELS }).candidate(0.0, &[]).error;
        let choice = choose(&seen, Weights { rows: &weights, channels: CHANNELS });
        let divisors = choice.numbers.smoothing.unwrap();
        assert!(divisors.iter().enumerate().all(|(idx, divisor)| idx == 5 || *divisor * 10.0 < divisors[5]));
        assert!(choice.relative_error < plain / 100.0, "{} of {plain}", choice.relative_error);
    }

    #[test]
    fn a_channel_that_is_large_in_values_and_weights_is_an_outlier() {
        let mut rows = noise(1, 64 * CHANNELS);
        rows.iter_mut().skip(7).step_by(CHANNELS).for_each(|x| *x *= 0.1);
        rows[3 * CHANNELS + 7] = 30.0;
        let mut weights = noise(2, 48 * CHANNELS);
        weights[11 * CHANNELS + 7] = 80.0;
        let choice = choose(&observe(&rows), Weights { rows: &weights, channels: CHANNELS });
        assert_eq!(*choice.numbers.outliers, [7]);
        assert!(choice.numbers.range.unwrap().1 < 30.0);
    }

    #[test]
    fn nothing_and_zeros_are_sound() {
        for rows in [Vec::new(), vec![0.0; 4 * CHANNELS]] {
            let mut seen = observe(&rows);
            seen.add(0, &[0.0; 2 * CHANNELS]);
            let weights = vec![0.0; 3 * CHANNELS];
            let choice = choose(&seen, Weights { rows: &weights, channels: CHANNELS });
            assert!(choice.relative_error.is_finite());
            assert_eq!(choice.numbers.range, Some((0.0, 0.0)));
        }
    }
}
