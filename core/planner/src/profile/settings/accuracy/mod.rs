//! The table `[accuracy]`: what speed may cost.

mod batch_invariant;
mod max_loss;
mod min_cosine;
mod pairs;

use std::path::PathBuf;

pub(crate) use batch_invariant::BatchInvariant;
pub(crate) use max_loss::MaxLoss;
pub(crate) use min_cosine::MinCosine;
pub(crate) use pairs::Pairs;

use crate::profile::Sourced;

/// What speed may cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Accuracy {
    /// The share of its quality that the model may lose against f32: 0.004 is 0.4 %. By default 0.
    pub max_loss: Sourced<f64>,
    /// The least cosine between a text's vector and the one in f32, 0 to 1; `None`, the default, leaves it to
    /// `max_loss`.
    pub min_cosine: Sourced<Option<f64>>,
    /// A file of scored pairs of texts, on which quality is measured; `None`, the default, where there is none.
    pub pairs: Sourced<Option<PathBuf>>,
    /// Whether a text's vector must be the same whatever texts it shares a batch with; `None`, the default, asks it of
    /// documents and not of queries.
    pub batch_invariant: Sourced<Option<bool>>,
}

/// The least cosine to the vectors in f32 where nothing may be lost: what rounding in another order stays above.
const LOSSLESS_COSINE: f64 = 0.9999;

impl Accuracy {
    /// The least cosine that a text's vector must have with the one in f32, if there is a bound: `min_cosine` where it
    /// is set, else 0.9999 where nothing may be lost.
    pub fn least_cosine(&self) -> Option<f64> {
        self.min_cosine.value.or_else(|| (self.max_loss.value <= 0.0).then_some(LOSSLESS_COSINE))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Layer, Profile};

    fn check(profile: &str, expect: Option<f64>) {
        let profile = Profile::build(&[Layer::text(profile).unwrap()]).unwrap();
        assert_eq!(profile.accuracy.least_cosine(), expect);
    }

    #[test]
    fn a_cosine_that_is_set_decides() {
        check("", Some(0.9999));
        check("accuracy.max_loss = 0.004", None);
        check("accuracy.min_cosine = 0.99", Some(0.99));
        check("accuracy.min_cosine = 0.99\naccuracy.max_loss = 0.004", Some(0.99));
    }
}
