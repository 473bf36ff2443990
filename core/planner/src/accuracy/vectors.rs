//! Vectors of texts, checked.

use drivetrain_contract::{Error, Result};

/// The vectors of some texts, `[texts, dim]`, row-major. All numbers in them are finite.
#[derive(Clone, Copy, Debug)]
pub struct Vectors<'a> {
    numbers: &'a [f32],
    dim: usize,
}

impl<'a> Vectors<'a> {
    /// Vectors of `dim` numbers, one after the other.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] unless `dim` is positive and divides how many numbers there are,
    /// [`drivetrain_contract::ErrorKind::Model`] for a number that is infinite or none at all.
    pub fn new(numbers: &'a [f32], dim: usize) -> Result<Self> {
        if dim == 0 || !numbers.len().is_multiple_of(dim) {
            return Err(Error::invalid(format!("{} numbers are no vectors of {dim}", numbers.len())));
        }
        match numbers.iter().position(|number| !number.is_finite()) {
            Some(idx) => Err(Error::model(format!("the vector of text {} holds `{}`", idx / dim, numbers[idx]))
                .with_hint("such vectors cannot be compared, and nothing can be found by them")),
            None => Ok(Self { numbers, dim }),
        }
    }

    /// Number of texts.
    pub fn len(&self) -> usize {
        self.numbers.len() / self.dim
    }

    /// Whether there are no texts.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Numbers in each vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The vectors in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &'a [f32]> + use<'a> {
        self.numbers.chunks_exact(self.dim)
    }

    /// The vector of one text.
    pub(super) fn row(&self, text: usize) -> &'a [f32] {
        &self.numbers[text * self.dim..][..self.dim]
    }

    /// All numbers in order.
    pub(super) fn numbers(&self) -> &'a [f32] {
        self.numbers
    }

    /// Refuses vectors that are not of as many texts or not of as many numbers as these.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Model`].
    pub(super) fn check_shape(&self, other: &Self) -> Result<()> {
        let shape = |vectors: &Self| (vectors.len(), vectors.dim);
        if shape(self) == shape(other) {
            return Ok(());
        }
        let ((texts, dim), (other_texts, other_dim)) = (shape(self), shape(other));
        Err(Error::model(format!(
            "vectors of shape [{other_texts}, {other_dim}] cannot be compared with those of shape [{texts}, {dim}]"
        )))
    }
}

/// The cosine of the angle between two vectors: 1 for equal ones whatever they are, else 0 where one of them is all
/// zeros.
pub(super) fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    if a == b {
        return 1.0;
    }
    let lengths = dot(a, a).sqrt() * dot(b, b).sqrt();
    if lengths > 0.0 { (dot(a, b) / lengths).clamp(-1.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::ErrorKind;

    use super::*;

    fn check_refused(numbers: &[f32], dim: usize, expect: ErrorKind) {
        assert_eq!(Vectors::new(numbers, dim).unwrap_err().kind(), expect, "{numbers:?} by {dim}");
    }

    #[test]
    fn what_is_no_vectors_is_refused() {
        check_refused(&[1.0, 2.0], 0, ErrorKind::Invalid);
        check_refused(&[], 0, ErrorKind::Invalid);
        check_refused(&[1.0, 2.0, 3.0], 2, ErrorKind::Invalid);
        check_refused(&[1.0], usize::MAX, ErrorKind::Invalid);
        check_refused(&[1.0, 2.0, f32::NAN, 0.0], 2, ErrorKind::Model);
        check_refused(&[1.0, f32::NEG_INFINITY], 2, ErrorKind::Model);
        let text = Vectors::new(&[1.0, 2.0, f32::NAN, 0.0], 2).unwrap_err().to_text();
        assert!(text.contains("text 1 holds `NaN`"), "{text}");
        assert!(Vectors::new(&[], 3).unwrap().is_empty());
    }

    #[test]
    fn shapes_are_compared_by_both_extents() {
        let vectors = |numbers: &'static [f32], dim| Vectors::new(numbers, dim).unwrap();
        let two_by_three = vectors(&[0.0; 6], 3);
        assert!(two_by_three.check_shape(&two_by_three).is_ok());
        for other in [vectors(&[0.0; 6], 2), vectors(&[0.0; 9], 3), vectors(&[], 3)] {
            assert_eq!(two_by_three.check_shape(&other).unwrap_err().kind(), ErrorKind::Model);
        }
    }

    #[test]
    fn cosines_of_the_smallest_and_the_greatest() {
        let check = |a: &[f32], b: &[f32], expect: f64| assert!((cosine(a, b) - expect).abs() < 1e-12, "{a:?} {b:?}");
        check(&[3.0, 4.0], &[4.0, 3.0], 0.96);
        check(&[f32::MAX, 0.0], &[f32::MAX, f32::MAX], 0.5_f64.sqrt());
        check(&[f32::from_bits(1), 0.0], &[-1.0, 0.0], -1.0);
        check(&[0.0, 0.0], &[0.0, 0.0], 1.0);
        check(&[0.0, 0.0], &[1.0, 0.0], 0.0);
    }
}
