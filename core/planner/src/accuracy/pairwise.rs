//! All texts against all others: in which order their similarities come, and which are nearest to each.

use super::{Vectors, ranks::ranks};

/// Most texts that are compared pair by pair. More are thinned out evenly: time and memory grow with the square.
///
/// With so many of 384 numbers a comparison takes less than a second on one core, and less than 64 MiB beside the vectors.
pub const MOST_TEXTS: usize = 2000;

/// Nearest texts of each that are looked at, where there are so many others.
pub const NEIGHBOURS: usize = 10;

/// How one set of vectors orders its texts.
#[derive(Debug)]
pub(super) struct Pairwise {
    /// Rank of the similarity of each pair, all pairs in a fixed order.
    pub(super) ranks: Vec<f64>,
    /// The nearest others of each text.
    pub(super) nearest: Vec<Nearest>,
}

impl Pairwise {
    /// Of these vectors, or of as many of them as are compared.
    pub(super) fn of(vectors: &Vectors<'_>) -> Self {
        let units: Vec<f32> = spread(vectors.len()).flat_map(|text| unit(vectors.row(text))).collect();
        let rows: Vec<&[f32]> = units.chunks_exact(vectors.dim()).collect();
        let n = rows.len();
        let mut nearest = vec![Nearest::default(); n];
        let mut similarities = Vec::with_capacity(n * n.saturating_sub(1) / 2);
        for (a, row) in rows.iter().enumerate() {
            for (b, other) in rows.iter().enumerate().skip(a + 1) {
                let similarity = dot(row, other);
                similarities.push(similarity);
                nearest[a].offer(similarity, b);
                nearest[b].offer(similarity, a);
            }
        }
        Self { ranks: ranks(&similarities), nearest }
    }
}

/// The nearest others of a text, the nearest first; of equally near ones those that come first among the texts.
#[derive(Clone, Debug, Default)]
pub(super) struct Nearest(Vec<(f32, usize)>);

impl Nearest {
    /// Takes a text if it is among the nearest so far. They come in the order of the texts.
    fn offer(&mut self, similarity: f32, text: usize) {
        if self.0.len() == NEIGHBOURS {
            if self.0.last().is_some_and(|(least, _)| similarity <= *least) {
                return;
            }
            self.0.pop();
        }
        let place = self.0.partition_point(|(nearer, _)| *nearer >= similarity);
        self.0.insert(place, (similarity, text));
    }

    /// How many of them are among the nearest of `other` too.
    pub(super) fn shared(&self, other: &Self) -> usize {
        self.texts().filter(|text| other.texts().any(|one| one == *text)).count()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn texts(&self) -> impl Iterator<Item = usize> {
        self.0.iter().map(|(_, text)| *text)
    }
}

/// All of so many texts, or as many as are compared, evenly.
fn spread(texts: usize) -> impl Iterator<Item = usize> {
    let compared = texts.min(MOST_TEXTS);
    // Wider than `usize` may be: the product is more than there can be texts.
    (0..compared).map(move |idx| (idx as u64 * texts as u64 / compared as u64) as usize)
}

/// The same direction at length 1; what has no direction stays zeros.
fn unit(row: &[f32]) -> impl Iterator<Item = f32> {
    let length = row.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
    let scale = if length > 0.0 { length.recip() } else { 0.0 };
    row.iter().map(move |number| (f64::from(*number) * scale) as f32)
}

/// The dot product, in sums side by side, which the processor adds up at once and which round less than one would.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0_f32; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairwise(numbers: &[f32], dim: usize) -> Pairwise {
        Pairwise::of(&Vectors::new(numbers, dim).unwrap())
    }

    #[test]
    fn similarities_are_ranked_whatever_the_lengths() {
        // Angles of 0, 10, 40 and 90 degrees: the pairs 01 12 23 are 10, 30 and 50 apart, 02 03 13 are 40, 90 and 80.
        let angles = [(0.0_f32, 1.0), (10.0, 5.0), (40.0, 1e-30), (90.0, 1e30)];
        let numbers: Vec<f32> = angles
            .iter()
            .flat_map(|(degrees, length)| [degrees.to_radians().cos() * length, degrees.to_radians().sin() * length])
            .collect();
        let found = pairwise(&numbers, 2);
        assert_eq!(found.ranks, [6.0, 4.0, 1.0, 5.0, 2.0, 3.0]);
        let nearest: Vec<Vec<usize>> = found.nearest.iter().map(|nearest| nearest.texts().collect()).collect();
        assert_eq!(nearest, [vec![1, 2, 3], vec![0, 2, 3], vec![1, 0, 3], vec![2, 1, 0]]);
    }

    #[test]
    fn the_nearest_are_ten_and_the_first_of_equals() {
        let mut nearest = Nearest::default();
        for (text, similarity) in [0.5, 0.9, 0.5, 0.7].into_iter().chain([0.6; 20]).enumerate() {
            nearest.offer(similarity, text);
        }
        assert_eq!(nearest.texts().collect::<Vec<_>>(), [1, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    }

    #[test]
    fn zeros_are_like_nothing_and_products_of_any_length_are_right() {
        assert_eq!(pairwise(&[0.0, 0.0, 1.0, 0.0, -1.0, 0.0], 2).ranks, [2.5, 2.5, 1.0]);
        for dim in [1, 15, 16, 17, 40] {
            let (a, b) = (vec![2.0; dim], (0..dim).map(|idx| idx as f32).collect::<Vec<_>>());
            assert_eq!(dot(&a, &b), (dim * (dim - 1)) as f32, "{dim}");
        }
    }

    #[test]
    fn many_texts_are_thinned_out_evenly() {
        let texts = |n| spread(n).collect::<Vec<usize>>();
        assert_eq!(texts(0), [0_usize; 0]);
        assert_eq!(texts(MOST_TEXTS), (0..MOST_TEXTS).collect::<Vec<_>>());
        assert_eq!(texts(3 * MOST_TEXTS), (0..MOST_TEXTS).map(|idx| 3 * idx).collect::<Vec<_>>());
        let some = texts(MOST_TEXTS + 1);
        assert!(some.len() == MOST_TEXTS && some.is_sorted_by(|a, b| a < b) && some[MOST_TEXTS - 1] < MOST_TEXTS);
    }
}
