//! How far the vectors of a candidate are from those of the reference, and what that is likely to cost.
//!
//! Everything here is arithmetic on vectors that somebody else made: of the same texts, by the model in f32 and by the
//! candidate. [`Agreement`] compares them where nothing is known of what the texts mean; where people have scored pairs of
//! texts, [`spearman`] and [`pairs_loss`] say what was lost of that. [`largest_difference`] is for the vectors of one
//! engine, made of each text alone and among others.

mod agreement;
mod invariance;
mod pairwise;
mod ranks;
mod scored;
mod vectors;

pub use agreement::{Agreement, LOSS_PER_RANK_LOSS, LOSSLESS_COSINE};
pub use invariance::largest_difference;
pub use pairwise::{MOST_TEXTS, NEIGHBOURS};
pub use scored::{pair_similarities, pairs_loss, spearman};
pub use vectors::Vectors;
