//! How exact an artifact has to be.

use drivetrain_contract::Precision;
use drivetrain_package::Bounds;

use crate::{Level, Target};

/// The least cosines to the model in 32-bit floats that an artifact is taken with.
///
/// - 32-bit floats: 0.99999 on average and 0.9999 at least, which only errors of writing or fusing a graph exceed;
/// - 32-bit floats with GELU approximated (`onnx-O3`), and 16-bit floats with 10 bits of fraction: 0.9999 and 0.999;
/// - 16-bit floats with 7 bits of fraction: 0.999 and 0.99;
/// - 8-bit integers: 0.99 and 0.95. Well-calibrated models are far above ([`crate::calibrate::Accuracy::INT8`]); below that, rankings
///   change for everyone to see.
pub fn bounds(target: Target) -> Bounds {
    let (mean_cosine, min_cosine) = match (target, target.precision()) {
        (Target::Optimized(Level::O3), _) | (_, Precision::F16) => (0.9999, 0.999),
        (_, Precision::F32) => (0.99999, 0.9999),
        (_, Precision::Bf16) => (0.999, 0.99),
        (_, Precision::Int8) => (0.99, 0.95),
    };
    Bounds { mean_cosine, min_cosine }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_is_asked_of_less_precise_artifacts() {
        let exactness = |target: Target| {
            let bounds = bounds(target);
            assert!(bounds.min_cosine <= bounds.mean_cosine && bounds.mean_cosine < 1.0);
            bounds.mean_cosine
        };
        assert!(exactness(Target::Onnx) > exactness(Target::Optimized(Level::O3)));
        assert_eq!(exactness(Target::Optimized(Level::O2)), exactness(Target::Openvino));
        assert_eq!(exactness(Target::Optimized(Level::O4)), exactness(Target::OpenvinoFp16));
        assert!(exactness(Target::OnnxFp16) > exactness(Target::OnnxBf16));
        assert!(exactness(Target::OnnxBf16) > exactness(Target::OpenvinoInt8));
    }
}
