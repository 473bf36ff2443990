//! How far a batch of texts is from where the teacher has them, and which way is better.

use nalgebra::{DMatrix, DMatrixView};
use rayon::prelude::*;

/// Texts that are worked on together: blocks are summed in their order, so that threads change nothing.
const BLOCK: usize = 64;

/// Vectors shorter than this have no direction.
const LEAST_NORM: f32 = 1e-12;

/// What the teacher says of the texts of a batch, one vector after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Targets {
    /// Where each text is: vectors of length 1, less the mean of all texts.
    pub(super) places: Vec<f32>,
    /// How texts lie to each other: vectors of length 1.
    pub(super) directions: Vec<f32>,
}

/// The two parts of the loss, each a mean over what it compares.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Loss {
    /// Mean of `1 − uᵢ·tᵢ`.
    pub(super) places: f64,
    /// Mean of `(uᵢ·uⱼ − rᵢ·rⱼ)²`.
    pub(super) pairs: f64,
}

impl Loss {
    /// The loss with λ.
    pub(super) fn total(&self, pair_weight: f64) -> f64 {
        self.places + pair_weight * self.pairs
    }
}

/// The loss of a batch whose texts have these sums of token vectors, `[texts, dim]`; the sums are replaced by the
/// gradient of the loss with respect to them. Runs on the threads of the pool it is called in.
pub(super) fn loss_and_gradient(sums: &mut [f32], dim: usize, targets: &Targets, pair_weight: f64) -> Loss {
    let n_texts = sums.len() / dim;
    let norms: Vec<f32> = sums.par_chunks_exact_mut(dim).map(normalize).collect();
    let units = sums.to_vec();
    let batch = Batch {
        dim,
        n_texts,
        unit_rows: columns(&units, dim).transpose(),
        direction_rows: columns(&targets.directions, dim).transpose(),
        units: &units,
        norms: &norms,
        targets,
        pair_weight: pair_weight as f32,
    };
    let blocks = sums.par_chunks_mut(BLOCK * dim).enumerate();
    let parts: Vec<Loss> = blocks.map(|(idx, block)| batch.block(idx * BLOCK, block)).collect();
    let places: f64 = parts.iter().map(|part| part.places).sum();
    let pairs: f64 = parts.iter().map(|part| part.pairs).sum();
    let count = n_texts as f64;
    Loss { places: places / count, pairs: pairs / (count * count) }
}

/// Scales vectors, one after the other, to length 1.
pub(super) fn normalize_all(vectors: &mut [f32], dim: usize) {
    for vector in vectors.chunks_exact_mut(dim) {
        normalize(vector);
    }
}

/// Scales a vector to length 1 and gives the length it had; one without a direction becomes zero.
pub(super) fn normalize(vector: &mut [f32]) -> f32 {
    let norm = vector.iter().map(|element| element * element).sum::<f32>().sqrt();
    let inverse = if norm > LEAST_NORM { 1.0 / norm } else { 0.0 };
    vector.iter_mut().for_each(|element| *element *= inverse);
    norm
}

/// A batch, as every block of it needs it.
struct Batch<'a> {
    dim: usize,
    n_texts: usize,
    /// `u`, `[texts, dim]`, as texts are stored: each a column of a matrix.
    units: &'a [f32],
    /// `u` and `r` with a row for each text. Copies, since products of views with other strides than these take a path in
    /// nalgebra 0.35 that reads beyond small matrices.
    unit_rows: DMatrix<f32>,
    direction_rows: DMatrix<f32>,
    /// `|s|`.
    norms: &'a [f32],
    targets: &'a Targets,
    pair_weight: f32,
}

impl Batch<'_> {
    /// Writes the gradient of the texts from `first` on to `out`, and gives their part of the sums of the loss.
    fn block(&self, first: usize, out: &mut [f32]) -> Loss {
        let Self { dim, targets, .. } = *self;
        let n_block = out.len() / dim;
        let here = first * dim..(first + n_block) * dim;
        let (units, places) = (&self.units[here.clone()], &targets.places[here.clone()]);
        let mut differences = DMatrix::zeros(self.n_texts, n_block);
        differences.gemm(1.0, &self.unit_rows, &columns(units, dim), 0.0);
        differences.gemm(-1.0, &self.direction_rows, &columns(&targets.directions[here], dim), 1.0);
        let mut loss = Loss { places: 0.0, pairs: differences.iter().map(|&x| f64::from(x) * f64::from(x)).sum() };

        let count = self.n_texts as f32;
        let mut gradient = DMatrix::from_column_slice(dim, n_block, places);
        gradient.gemm(4.0 * self.pair_weight / (count * count), &columns(self.units, dim), &differences, -1.0 / count);
        let texts = units.chunks_exact(dim).zip(places.chunks_exact(dim)).zip(&self.norms[first..]);
        let gradients = gradient.as_slice().chunks_exact(dim);
        for ((out, gradient), ((unit, place), &norm)) in out.chunks_exact_mut(dim).zip(gradients).zip(texts) {
            loss.places += 1.0 - dot(unit, place);
            let along = dot(gradient, unit) as f32;
            let inverse = if norm > LEAST_NORM { 1.0 / norm } else { 0.0 };
            for ((out, &slope), &unit) in out.iter_mut().zip(gradient).zip(unit) {
                *out = (slope - along * unit) * inverse;
            }
        }
        loss
    }
}

/// Vectors that are stored one after the other, as the columns of a matrix.
fn columns(vectors: &[f32], dim: usize) -> DMatrixView<'_, f32> {
    DMatrixView::from_slice(vectors, dim, vectors.len() / dim)
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers between -1 and 1 that look like nothing in particular.
    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|idx| ((idx * 7919 + seed * 104_729) as f64 * 0.618).sin() as f32).collect()
    }

    fn targets(n_texts: usize, dim: usize) -> Targets {
        let mut targets = Targets { places: numbers(n_texts * dim, 1), directions: numbers(n_texts * dim, 2) };
        for vectors in [&mut targets.places, &mut targets.directions] {
            normalize_all(vectors, dim);
        }
        targets
    }

    /// The loss by its definition.
    fn defined(sums: &[f64], dim: usize, targets: &Targets, pair_weight: f64) -> f64 {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let wide = |vectors: &[f32]| vectors.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let (places, directions) = (wide(&targets.places), wide(&targets.directions));
        let units: Vec<Vec<f64>> =
            sums.chunks(dim).map(|sum| sum.iter().map(|x| x / dot(sum, sum).sqrt()).collect()).collect();
        let count = units.len() as f64;
        let mut loss = 0.0;
        for (i, unit) in units.iter().enumerate() {
            loss += (1.0 - dot(unit, &places[i * dim..][..dim])) / count;
            for (j, other) in units.iter().enumerate() {
                let wanted = dot(&directions[i * dim..][..dim], &directions[j * dim..][..dim]);
                loss += pair_weight * (dot(unit, other) - wanted).powi(2) / (count * count);
            }
        }
        loss
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        // More texts than one block.
        let (n_texts, dim, pair_weight) = (BLOCK + 5, 6, 3.0);
        let (sums, targets) = (numbers(n_texts * dim, 3), targets(n_texts, dim));
        let wide: Vec<f64> = sums.iter().map(|&x| x.into()).collect();
        let mut gradient = sums;
        let loss = loss_and_gradient(&mut gradient, dim, &targets, pair_weight);
        assert!((loss.total(pair_weight) - defined(&wide, dim, &targets, pair_weight)).abs() < 1e-5, "{loss:?}");
        for at in (0..n_texts * dim).step_by(7) {
            let moved = |by: f64| {
                let mut sums = wide.clone();
                sums[at] += by;
                defined(&sums, dim, &targets, pair_weight)
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            let error = (slope - f64::from(gradient[at])).abs();
            assert!(error < 1e-6 + 1e-3 * slope.abs(), "element {at}: {} for {slope}", gradient[at]);
        }
    }

    #[test]
    fn threads_change_no_bit() {
        let (n_texts, dim) = (3 * BLOCK + 1, 32);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut sums = numbers(n_texts * dim, 4);
            let loss = pool.install(|| loss_and_gradient(&mut sums, dim, &targets(n_texts, dim), 5.0));
            (loss, sums)
        };
        assert_eq!(run(1), run(4));
    }

    #[test]
    fn vectors_without_a_direction_do_no_harm() {
        let targets = Targets { places: vec![0.0, 0.0, 1.0, 0.0], directions: vec![0.0, 1.0, 1.0, 0.0] };
        let mut sums = vec![0.0, 0.0, 2.0, 0.0];
        let loss = loss_and_gradient(&mut sums, 2, &targets, 5.0);
        assert!(loss.total(5.0).is_finite());
        assert_eq!(sums, [0.0; 4]);
    }
}
