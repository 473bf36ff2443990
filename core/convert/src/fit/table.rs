//! The table that is trained: vectors of tokens, with Adam's moments beside them.

use drivetrain_contract::{Error, ErrorKind, Result};
use rayon::prelude::*;

use super::corpus::Corpus;
use crate::distill::Matrix;

/// Decay of the first and of the second moment, and what keeps steps from being infinite, as Adam's authors have them.
const BETAS: [f64; 2] = [0.9, 0.999];
const EPSILON: f32 = 1e-8;

/// Parts of a row: vector, first moment, second moment.
const PARTS: usize = 3;

/// A vector for each token. A token's row is only touched by steps for texts in which it occurs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Table {
    dim: usize,
    /// `[rows, 3, dim]`.
    data: Vec<f32>,
    steps: u64,
}

impl Table {
    /// A table that no step was made with.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`].
    pub(super) fn new(start: &Matrix) -> Result<Self> {
        let mut data = room_for(start.n_rows(), start.columns())?;
        for row in start.rows() {
            data.extend_from_slice(row);
            data.resize(data.len() + (PARTS - 1) * row.len(), 0.0);
        }
        Ok(Self { dim: start.columns(), data, steps: 0 })
    }

    /// A table as [`Table::data`] and [`Table::steps`] had it.
    pub(super) fn restore(dim: usize, data: Vec<f32>, steps: u64) -> Self {
        Self { dim, data, steps }
    }

    /// Elements of a table, moments included.
    pub(super) fn n_elements(rows: usize, dim: usize) -> Option<usize> {
        rows.checked_mul(dim)?.checked_mul(PARTS)
    }

    pub(super) fn data(&self) -> &[f32] {
        &self.data
    }

    pub(super) fn dim(&self) -> usize {
        self.dim
    }

    pub(super) fn n_rows(&self) -> usize {
        self.data.len() / (PARTS * self.dim)
    }

    /// Steps that were made.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// The vectors, without the moments.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`].
    pub(super) fn vectors(&self) -> Result<Matrix> {
        let mut vectors = Matrix::with_room(self.n_rows(), self.dim)?;
        for row in self.data.chunks_exact(PARTS * self.dim) {
            vectors.push_row().copy_from_slice(&row[..self.dim]);
        }
        Ok(vectors)
    }

    /// The sum of the vectors of each text's tokens, `[texts, dim]`.
    pub(super) fn sums(&self, corpus: &Corpus, texts: &[u32]) -> Vec<f32> {
        let mut sums = vec![0.0; texts.len() * self.dim];
        sums.par_chunks_exact_mut(self.dim).zip(texts).for_each(|(sum, &text)| {
            for &token in corpus.tokens(text) {
                let vector = &self.data[token as usize * PARTS * self.dim..][..self.dim];
                sum.iter_mut().zip(vector).for_each(|(sum, element)| *sum += element);
            }
        });
        sums
    }

    /// One step of Adam along the gradient with respect to the sums of these texts, `[texts, dim]`.
    ///
    /// As in PyTorch's SparseAdam, moments of tokens that do not occur do not decay, and the correction of the moments'
    /// bias counts all steps.
    pub(super) fn step(&mut self, corpus: &Corpus, texts: &[u32], gradient: &[f32], learning_rate: f64) {
        self.steps += 1;
        let steps = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let [bias, square_bias] = BETAS.map(|beta| 1.0 - beta.powi(steps));
        let rate = (learning_rate / bias) as f32;
        let root = (1.0 / square_bias) as f32;
        let occurrences = occurrences(corpus, texts);
        let dim = self.dim;
        let mut rows: Vec<(&mut [f32], &[Occurrence])> = Vec::new();
        let (mut rest, mut first) = (&mut self.data[..], 0);
        for group in occurrences.chunk_by(|a, b| a.token == b.token) {
            let token = group[0].token as usize;
            let (_, from_row) = rest.split_at_mut((token - first) * PARTS * dim);
            let (row, behind) = from_row.split_at_mut(PARTS * dim);
            rows.push((row, group));
            (rest, first) = (behind, token + 1);
        }
        rows.into_par_iter().for_each_init(
            || vec![0.0_f32; dim],
            |sum, (row, group)| {
                sum.fill(0.0);
                for occurrence in group {
                    let part = &gradient[occurrence.text as usize * dim..][..dim];
                    sum.iter_mut().zip(part).for_each(|(sum, element)| *sum += element);
                }
                move_row(row, sum, (rate, root));
            },
        );
    }
}

fn room_for(rows: usize, dim: usize) -> Result<Vec<f32>> {
    let mut data = Vec::new();
    let reserved = Table::n_elements(rows, dim).is_some_and(|elements| data.try_reserve_exact(elements).is_ok());
    match reserved {
        true => Ok(data),
        false => Err(Error::new(ErrorKind::OutOfMemory, format!("no memory to train {rows} token vectors of {dim}"))),
    }
}

fn move_row(row: &mut [f32], gradient: &[f32], (rate, root): (f32, f32)) {
    let [beta, square_beta] = BETAS.map(|beta| beta as f32);
    let (vector, moments) = row.split_at_mut(gradient.len());
    let (firsts, seconds) = moments.split_at_mut(gradient.len());
    for (((element, first), second), &slope) in vector.iter_mut().zip(firsts).zip(seconds).zip(gradient) {
        *first = beta * *first + (1.0 - beta) * slope;
        *second = square_beta * *second + (1.0 - square_beta) * slope * slope;
        *element -= rate * *first / ((*second * root).sqrt() + EPSILON);
    }
}

/// A token in a text of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Occurrence {
    token: u32,
    /// Place in the batch.
    text: u32,
}

/// All tokens of a batch, token by token and for each in the order of the texts.
fn occurrences(corpus: &Corpus, texts: &[u32]) -> Vec<Occurrence> {
    let mut occurrences: Vec<Occurrence> = (0..)
        .zip(texts)
        .flat_map(|(place, &text)| corpus.tokens(text).iter().map(move |&token| Occurrence { token, text: place }))
        .collect();
    // Equal ones cannot be told apart, so the order is the same every time.
    occurrences.par_sort_unstable();
    occurrences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_tokens_of_a_batch_move_and_as_adam_has_it() {
        let corpus = Corpus::of_tokens(&[&[1, 3, 1], &[0], &[3]]);
        let start = Matrix::from_rows(2, (0..8).map(|x| x as f32).collect());
        let mut table = Table::new(&start).unwrap();
        assert_eq!(table.sums(&corpus, &[2, 0]), [6.0, 7.0, 2.0 * 2.0 + 6.0, 2.0 * 3.0 + 7.0]);

        table.step(&corpus, &[2, 0], &[0.5, 0.0, 0.25, -1.0], 0.1);
        let vectors = table.vectors().unwrap();
        let rows: Vec<&[f32]> = vectors.rows().collect();
        assert_eq!((rows[0], rows[2]), (&[0.0, 1.0][..], &[4.0, 5.0][..]));
        // The first step is as long as the learning rate, whatever the gradient; where that is 0 there is none.
        for (row, expect) in [(1, [2.0 - 0.1, 3.0 + 0.1]), (3, [6.0 - 0.1, 7.0 + 0.1])] {
            assert!(rows[row].iter().zip(expect).all(|(x, y)| (x - y).abs() < 1e-5), "{:?}", rows[row]);
        }

        // Token 1 occurs twice in its text, so its second gradient is 2 · 0.5; with the first, 2 · 0.25, that makes
        // moments of 0.9 · 0.05 + 0.1 · 1 and 0.999 · 0.00025 + 0.001 · 1.
        table.step(&corpus, &[0], &[0.5, 0.0], 0.1);
        let first = (0.9 * 0.05 + 0.1 * 1.0) / (1.0 - 0.9_f64.powi(2));
        let second = (0.999 * 0.001 * 0.25 + 0.001) / (1.0 - 0.999_f64.powi(2));
        let expect = 1.9 - 0.1 * first / second.sqrt();
        let found = f64::from(table.vectors().unwrap().data()[2]);
        assert!((found - expect).abs() < 1e-5, "{found} {expect}");
        assert_eq!(table.steps(), 2);
    }

    #[test]
    fn absurd_sizes_are_refused() {
        assert_eq!(room_for(usize::MAX / 2, 3).unwrap_err().kind(), ErrorKind::OutOfMemory);
        assert_eq!(Table::n_elements(usize::MAX / 2, 2), None);
    }
}
