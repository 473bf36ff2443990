//! Whether the vector of a text depends on the texts it is computed with.

use drivetrain_contract::{Error, Result};

use super::Vectors;

/// The largest difference of two numbers in the same place of the vectors of the same texts, made of each text alone and
/// of all together in batches.
///
/// An engine whose arithmetic does not depend on the batch shows the rounding of f32, some 1e-7 of vectors of length 1; with
/// 8-bit integers whose scale is that of the largest number in the batch it is 1e-2 and more.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Invalid`] where there are no vectors, [`drivetrain_contract::ErrorKind::Model`] where
/// the two are not of one shape.
pub fn largest_difference(alone: Vectors<'_>, together: Vectors<'_>) -> Result<f32> {
    alone.check_shape(&together)?;
    let differences = alone.numbers().iter().zip(together.numbers()).map(|(a, b)| (a - b).abs());
    differences.reduce(f32::max).ok_or_else(|| Error::invalid("no vectors to compare"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_number_counts() {
        let check = |a: &[f32], b: &[f32]| {
            let vectors = |numbers| Vectors::new(numbers, 2).unwrap();
            largest_difference(vectors(a), vectors(b))
        };
        assert_eq!(check(&[1.0, 2.0, 3.0, 4.0], &[1.0, 2.5, 2.0, 4.0]).unwrap(), 1.0);
        assert_eq!(check(&[1.0, 2.0], &[1.0, 2.0]).unwrap(), 0.0);
        assert!(check(&[1.0, 2.0], &[1.0, 2.0, 3.0, 4.0]).is_err());
        assert!(check(&[], &[]).is_err());
    }
}
