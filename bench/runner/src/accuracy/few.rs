//! What the rank loss of few texts says of that of many.

use anyhow::{Context, Result};
use drivetrain_planner::accuracy::{Agreement, MOST_TEXTS, Vectors};
use serde::Serialize;

use crate::{random::Random, spread::Spread};

/// Numbers of texts.
const COUNTS: [usize; 6] = [8, 16, 32, 64, 128, 256];
/// How often so many texts are drawn.
const DRAWS: usize = 40;
/// Below this it is the rounding of f32 that is compared.
const NOTHING: f64 = 1e-5;

/// Rank losses of so many texts, drawn at random.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Few {
    pub(super) name: String,
    pub(super) texts: usize,
    /// As shares of that of many.
    pub(super) rank_loss: Spread,
}

/// For each number of texts, unless there is nothing to lose.
pub(super) fn measure(name: &str, (reference, vectors): (&[f32], &[f32]), dim: usize) -> Result<Vec<Few>> {
    let mut texts: Vec<usize> = (0..reference.len() / dim).collect();
    let mut random = Random::new();
    let rank_loss = |texts: &[usize]| -> Result<f64> {
        let of = |all: &[f32]| texts.iter().flat_map(|&text| all[text * dim..][..dim].to_vec()).collect::<Vec<f32>>();
        let (reference, vectors) = (of(reference), of(vectors));
        Ok(Agreement::of(Vectors::new(&reference, dim)?, Vectors::new(&vectors, dim)?)?.rank_loss)
    };
    random.shuffle(&mut texts);
    let all = rank_loss(&texts[..texts.len().min(MOST_TEXTS)])?;
    let (most, mut found) = (texts.len(), Vec::new());
    for count in COUNTS.into_iter().filter(|&count| all > NOTHING && count < most) {
        let mut shares = Vec::new();
        for _ in 0..DRAWS {
            random.shuffle(&mut texts);
            shares.push(rank_loss(&texts[..count])? / all);
        }
        let rank_loss = Spread::of(shares).context("no draws")?;
        found.push(Few { name: name.to_owned(), texts: count, rank_loss });
    }
    Ok(found)
}
