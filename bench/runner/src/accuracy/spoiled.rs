//! Vectors in f32 with errors put into them.

use crate::random::Random;

/// Lengths of the error relative to the vector's.
const NOISE: [f64; 8] = [0.01, 0.03, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5];
/// Bits of each number.
const BITS: [i32; 6] = [8, 6, 5, 4, 3, 2];
/// Shares of the numbers that are kept.
const KEPT: [f64; 4] = [0.75, 0.5, 0.25, 0.125];

/// All of them with their names, made when they are asked for.
pub(super) fn all(vectors: &[f32], dim: usize) -> impl Iterator<Item = (String, Vec<f32>)> {
    // Each size draws other errors, or all would be lucky or unlucky together.
    let noisy = NOISE
        .into_iter()
        .zip(0..)
        .map(move |(size, seed)| (format!("noise {size}"), noisy((vectors, dim), size, Random::of(seed))));
    let rounded = BITS.into_iter().map(move |bits| (format!("{bits} bits"), rounded(vectors, dim, bits)));
    let cut = KEPT.into_iter().map(move |share| {
        let kept = (dim as f64 * share) as usize;
        (format!("first {kept} of {dim}"), cut(vectors, dim, kept))
    });
    noisy.chain(rounded).chain(cut)
}

/// An error in a random direction added to each vector.
fn noisy((vectors, dim): (&[f32], usize), size: f64, mut random: Random) -> Vec<f32> {
    let mut noisy = |row: &[f32]| -> Vec<f32> {
        let length = row.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
        let deviation = size * length / (dim as f64).sqrt();
        row.iter().map(|number| number + (random.normal() * deviation) as f32).collect()
    };
    vectors.chunks_exact(dim).flat_map(&mut noisy).collect()
}

/// Each vector in steps, as many as there are numbers of so many bits with a sign, up to its largest number.
fn rounded(vectors: &[f32], dim: usize, bits: i32) -> Vec<f32> {
    let rounded = |row: &[f32]| -> Vec<f32> {
        let most = row.iter().fold(0.0_f32, |most, number| most.max(number.abs()));
        let step = (most / (2.0_f32.powi(bits - 1) - 1.0)).max(f32::MIN_POSITIVE);
        row.iter().map(|number| (number / step).round() * step).collect()
    };
    vectors.chunks_exact(dim).flat_map(rounded).collect()
}

/// Only the first numbers of each vector, the others 0.
fn cut(vectors: &[f32], dim: usize, kept: usize) -> Vec<f32> {
    vectors.iter().enumerate().map(|(idx, &number)| if idx % dim < kept { number } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_size_that_is_said() {
        let vectors: Vec<f32> = (0..400).map(|idx| (idx as f32).sin()).collect();
        let length = |row: &[f32]| row.iter().map(|number| number * number).sum::<f32>().sqrt();
        let noisy = noisy((&vectors, 400), 0.1, Random::new());
        let error: Vec<f32> = noisy.iter().zip(&vectors).map(|(a, b)| a - b).collect();
        assert!((length(&error) / length(&vectors) - 0.1).abs() < 0.02);
        assert_eq!(rounded(&[0.6, -1.0, 0.2, 0.0], 4, 2), [1.0, -1.0, 0.0, 0.0]);
        assert_eq!(cut(&[1.0, 2.0, 3.0, 4.0], 2, 1), [1.0, 0.0, 3.0, 0.0]);
        assert_eq!(all(&vectors, 400).count(), NOISE.len() + BITS.len() + KEPT.len());
        assert!(all(&[0.0; 8], 4).all(|(_, vectors)| vectors == [0.0; 8]));
    }
}
