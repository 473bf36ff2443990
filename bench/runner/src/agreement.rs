//! Whether two contestants give the same vectors.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

/// Cosines between the vectors of two contestants for the same texts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Agreement {
    pub(crate) min: f64,
    pub(crate) mean: f64,
}

/// Compares two files of vectors with `dim` numbers each.
pub(crate) fn compare(base: &Path, other: &Path, dim: usize) -> Result<Agreement> {
    let (base, other) = (read(base)?, read(other)?);
    ensure!(dim > 0 && base.len() == other.len() && base.len() % dim == 0, "vectors of different shapes");
    let cosines: Vec<f64> = base.chunks(dim).zip(other.chunks(dim)).map(|(a, b)| cosine(a, b)).collect();
    ensure!(!cosines.is_empty(), "no vectors");
    let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
    Ok(Agreement { min: cosines.iter().copied().fold(f64::INFINITY, f64::min), mean })
}

/// Two vectors of zeros are alike.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum() };
    let norms = (dot(a, a) * dot(b, b)).sqrt();
    if a == b { 1.0 } else { dot(a, b) / norms.max(f64::MIN_POSITIVE) }
}

/// The numbers in a file that a contestant wrote.
pub(crate) fn read(path: &Path) -> Result<Vec<f32>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(bytes.as_chunks::<4>().0.iter().map(|&number| f32::from_le_bytes(number)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines() {
        assert!((cosine(&[1.0, 0.0], &[2.0, 0.0]) - 1.0).abs() < 1e-12);
        assert!(cosine(&[1.0, 0.0], &[0.0, 1.0]).abs() < 1e-12);
        assert_eq!(cosine(&[0.0], &[0.0]), 1.0);
        assert_eq!(cosine(&[0.0], &[1.0]), 0.0);
        assert!(cosine(&[f32::NAN], &[1.0]).is_nan());
    }

    #[test]
    fn files_of_other_shapes_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let [two, four] = [2, 4].map(|numbers: u8| {
            let path = folder.path().join(numbers.to_string());
            fs::write(&path, vec![1_u8; 4 * usize::from(numbers)]).unwrap();
            path
        });
        assert_eq!(compare(&two, &two, 2).unwrap(), Agreement { min: 1.0, mean: 1.0 });
        assert!(compare(&two, &four, 2).is_err());
        assert!(compare(&two, &two, 3).is_err());
        assert!(compare(&two, &two, 0).is_err());
    }
}
