//! What is to be how many times as fast as what.

use super::{
    search::Found,
    variant::{Engine, Precision, Variant},
};
use crate::{race::Outcome, report::Ratio};

/// Contestants of a variant in a race: Drivetrain, the loop from texts on, and the loop from tokens on.
const CONTESTANTS: usize = 3;

/// Drivetrain loses at most so much of what an engine alone does with texts.
const BESIDE_BARE: f64 = 0.98;

/// Ratios of a race in which Drivetrain and its loops alternate, for each variant.
pub(super) fn of_race(variants: &[Variant], outcomes: &[Outcome]) -> Vec<Ratio> {
    let pairs: Vec<(&Variant, &[Outcome])> = variants.iter().zip(outcomes.chunks_exact(CONTESTANTS)).collect();
    let Some(&(first, base)) = pairs.first() else { return Vec::new() };
    let beside_bare = pairs.iter().flat_map(|(variant, of_one)| {
        let from_texts = format!("{variant}, drivetrain ÷ bare");
        let from_tokens = format!("{variant}, drivetrain ÷ bare, tokenised before");
        let from_texts = Ratio::new(from_texts, &of_one[0], &of_one[1], Some(BESIDE_BARE));
        from_texts.into_iter().chain(Ratio::new(from_tokens, &of_one[0], &of_one[2], None))
    });
    let beside_first = pairs.iter().skip(1).filter_map(|(variant, pair)| {
        Ratio::new(format!("{variant} ÷ {first}, drivetrain both"), &pair[0], &base[0], goal(**variant))
    });
    beside_bare.chain(beside_first).collect()
}

/// The best with a session for each thread over the best with one session of all threads.
pub(super) fn of_streams(variant: Variant, Found { splits, outcomes, .. }: &Found) -> Option<Ratio> {
    let best = |several: bool| {
        let those = splits.iter().zip(outcomes).filter(|(split, _)| (split.sessions > 1) == several);
        those.max_by(|(_, a), (_, b)| a.speed.median.total_cmp(&b.speed.median))
    };
    let ((several, fast), (one, base)) = (best(true)?, best(false)?);
    Ratio::new(format!("{variant}, {} ÷ {}", several.name(), one.name()), fast, base, Some(1.0))
}

/// How many times as fast as ONNX Runtime in f32 a variant is to be.
fn goal(Variant { engine, precision }: Variant) -> Option<f64> {
    match (engine, precision) {
        (Engine::Openvino, Precision::Bf16) => Some(1.6),
        (Engine::Openvino, Precision::Int8) => Some(2.5),
        _ => None,
    }
}
