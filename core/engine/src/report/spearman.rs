//! Whether a model ranks pairs of texts as people do.

use drivetrain_contract::{Call, Result};
use drivetrain_pipeline::Embedder;
use drivetrain_planner::accuracy::{Vectors, pair_similarities, spearman};

use super::Pair;

/// Spearman's rank correlation of the scores and the cosines of the vectors; `None` where one of them is the same for
/// all pairs.
///
/// # Errors
/// As [`Embedder::embed`], and for vectors that hold what is no number.
pub(super) fn spearman_of(embedder: &mut Embedder, pairs: &[Pair], call: &dyn Call) -> Result<Option<f64>> {
    let texts: Vec<&str> = pairs.iter().flat_map(|pair| [&*pair.a, &*pair.b]).collect();
    let embeddings = embedder.embed(&texts, call)?;
    let similarities = pair_similarities(Vectors::new(embeddings.as_slice(), embeddings.dim())?)?;
    let scores: Vec<f64> = pairs.iter().map(|pair| pair.score).collect();
    Ok(spearman(&scores, &similarities))
}
