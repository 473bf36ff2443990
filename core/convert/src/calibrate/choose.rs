//! Smoothing and range of one site: what keeps the error of the layers behind it small.
//!
//! The divisors are those of SmoothQuant (Xiao et al., arXiv:2211.10438), `sᵢ = max|xᵢ|^α / max|wᵢ|^(1 - α)`. Of a few
//! values of α, and of ranges that are the observed one or cut shorter, the pair is taken whose expected error of the
//! layers' outputs is smallest. The error counts what rounding does to the tokens that were kept, weighed by what each
//! channel does to the outputs, and the rounding of the weights, taken as independent and uniform.

use std::rc::Rc;

use super::observe::Observation;
use crate::onnx::SiteNumbers;

/// Exponents that are tried; 0 is no smoothing.
const EXPONENTS: [f32; 10] = [0.0, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0];

/// Parts of the observed range that are tried: rare values are cut off for finer steps.
const PARTS: [f32; 7] = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4];

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
    /// Expected squared error of the layers' outputs, as a share of their square.
    pub(super) relative_error: f64,
}

/// The layers behind a site: all matrices below each other, `[outputs, channels]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Weights<'w> {
    pub(super) rows: &'w [f32],
    pub(super) channels: usize,
}

/// Chooses for a site that was observed.
pub(super) fn choose(seen: &Observation, weights: &Weights<'_>) -> Choice {
    let site = Site::new(seen, weights);
    let mut best: Option<(f64, Candidate)> = None;
    for exponent in EXPONENTS {
        let smoothed = Smoothed::new(&site, exponent);
        for part in PARTS {
            let range = (smoothed.range.0 * part, smoothed.range.1 * part);
            let error = smoothed.weight_error + smoothed.activation_error(&site, range);
            if best.as_ref().is_none_or(|(least, _)| error < *least) {
                best = Some((error, Candidate { exponent, range, divisors: smoothed.divisors.clone() }));
            }
        }
    }
    let (error, candidate) = best.unwrap_or_default();
    let smoothing = (candidate.exponent > 0.0).then(|| Rc::from(candidate.divisors));
    let numbers = SiteNumbers { smoothing, range: Some(candidate.range), ..SiteNumbers::default() };
    Choice { numbers, relative_error: error / site.power().max(f64::MIN_POSITIVE) }
}

#[derive(Debug, Default)]
struct Candidate {
    exponent: f32,
    range: (f32, f32),
    divisors: Vec<f32>,
}

/// What does not depend on the smoothing.
struct Site<'s> {
    seen: &'s Observation,
    weights: &'s Weights<'s>,
    /// Largest magnitude of each channel's values.
    magnitudes: Vec<f32>,
    /// Largest magnitude of each channel's weights.
    weight_magnitudes: Vec<f32>,
    /// Sum of the squares of each channel's weights.
    weight_squares: Vec<f64>,
    /// Mean square of each channel's values.
    squares: Vec<f64>,
}

impl<'s> Site<'s> {
    fn new(seen: &'s Observation, weights: &'s Weights<'s>) -> Self {
        let channels = weights.channels;
        let (mut weight_magnitudes, mut weight_squares) = (vec![0.0f32; channels], vec![0.0; channels]);
        for row in weights.rows.chunks_exact(channels) {
            for (idx, &weight) in row.iter().enumerate() {
                weight_magnitudes[idx] = weight_magnitudes[idx].max(weight.abs());
                weight_squares[idx] += f64::from(weight) * f64::from(weight);
            }
        }
        let mut squares = vec![0.0; channels];
        for row in seen.rows.chunks_exact(channels) {
            squares.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x) * f64::from(x));
        }
        let n_rows = (seen.rows.len() / channels).max(1) as f64;
        squares.iter_mut().for_each(|sum| *sum /= n_rows);
        let magnitudes = seen.low.iter().zip(&seen.high).map(|(low, high)| low.abs().max(high.abs())).collect();
        Self { seen, weights, magnitudes, weight_magnitudes, weight_squares, squares }
    }

    /// The layers' mean square output, with channels taken as independent.
    fn power(&self) -> f64 {
        self.squares.iter().zip(&self.weight_squares).map(|(x, w)| x * w).sum()
    }

    /// The tokens the error is computed over: evenly spread over all.
    fn tokens(&self) -> impl Iterator<Item = &'s [f32]> {
        let channels = self.weights.channels;
        let step = (self.seen.rows.len() / channels).div_ceil(MOST_TOKENS).max(1);
        self.seen.rows.chunks_exact(channels).step_by(step)
    }
}

/// A site with one exponent.
struct Smoothed {
    divisors: Vec<f32>,
    /// Lowest and highest value of any channel, 0 included.
    range: (f32, f32),
    /// Expected squared error of all outputs of a token from rounding the weights.
    weight_error: f64,
}

impl Smoothed {
    fn new(site: &Site<'_>, exponent: f32) -> Self {
        let divisors = divisors(site, exponent);
        let smallest = |values: &[f32]| values.iter().zip(&divisors).map(|(x, divisor)| x / divisor).fold(0.0, f32::min);
        let negated: Vec<f32> = site.seen.high.iter().map(|high| -high).collect();
        let range = (smallest(&site.seen.low), -smallest(&negated));
        // A number that is rounded to a multiple of a step is off by a twelfth of the step's square on average.
        let row_step = |row: &[f32]| {
            let largest = row.iter().zip(&divisors).map(|(w, divisor)| (w * divisor).abs()).fold(0.0, f32::max);
            f64::from(largest / WEIGHT_LIMIT)
        };
        let rows = site.weights.rows.chunks_exact(site.weights.channels);
        let weight_noise: f64 = rows.map(|row| row_step(row).powi(2) / 12.0).sum();
        let square = |(x, divisor): (&f64, &f32)| x / f64::from(*divisor).powi(2);
        let input: f64 = site.squares.iter().zip(&divisors).map(square).sum();
        Self { divisors, range, weight_error: input * weight_noise }
    }

    /// Mean squared error of all outputs of a token from rounding the activations.
    fn activation_error(&self, site: &Site<'_>, (low, high): (f32, f32)) -> f64 {
        let step = ((high - low) / LEVELS).max(f32::MIN_POSITIVE);
        let zero = (-low / step).round();
        let (lowest, highest) = (-zero, LEVELS - zero);
        let factors: Vec<f32> = self.divisors.iter().map(|divisor| 1.0 / (divisor * step)).collect();
        // In units of the step, and of the channel before smoothing.
        let shares = site.weight_squares.iter().zip(&self.divisors);
        let shares: Vec<f32> =
            shares.map(|(square, divisor)| (square * f64::from(divisor * step).powi(2)) as f32).collect();
        let (mut sum, mut n_tokens) = (0.0, 0usize);
        for token in site.tokens() {
            let channels = token.iter().zip(&factors).zip(&shares);
            sum += f64::from(
                channels
                    .map(|((x, factor), share)| {
                        let x = x * factor;
                        let error = x - x.round_ties_even().clamp(lowest, highest);
                        error * error * share
                    })
                    .sum::<f32>(),
            );
            n_tokens += 1;
        }
        sum / n_tokens.max(1) as f64
    }
}

/// SmoothQuant's divisors, with a geometric mean of 1; 1 for all where the exponent is 0.
fn divisors(site: &Site<'_>, exponent: f32) -> Vec<f32> {
    if exponent == 0.0 {
        return vec![1.0; site.magnitudes.len()];
    }
    let logarithm = |(x, w): (&f32, &f32)| {
        exponent * x.max(MIN_MAGNITUDE).ln() - (1.0 - exponent) * w.max(MIN_MAGNITUDE).ln()
    };
    let logarithms: Vec<f32> = site.magnitudes.iter().zip(&site.weight_magnitudes).map(logarithm).collect();
    let mean = logarithms.iter().sum::<f32>() / logarithms.len().max(1) as f32;
    logarithms.iter().map(|logarithm| (logarithm - mean).exp()).collect()
}
