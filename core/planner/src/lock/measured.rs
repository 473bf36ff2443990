//! Figures of a plan by names that a lock has them under.

use std::collections::BTreeMap;

use crate::tune::Figures;

/// What was measured, by names that end in their unit; a name without one is of a share or a number by itself.
pub(super) fn measured(figures: &Figures) -> BTreeMap<String, f64> {
    let Figures { agreement, pairs_loss, batch_difference, speed, peak_bytes } = figures;
    let found = [
        ("cosine_mean", agreement.map(|agreement| agreement.cosine_mean)),
        ("cosine_min", agreement.map(|agreement| agreement.cosine_min)),
        ("neighbour_overlap", agreement.map(|agreement| agreement.neighbour_overlap)),
        ("rank_loss", agreement.map(|agreement| agreement.rank_loss)),
        ("pairs_loss", *pairs_loss),
        ("batch_difference", *batch_difference),
        ("seconds_per_text", speed.map(|speed| speed.seconds_per_text)),
        ("peak_bytes", peak_bytes.map(|bytes| bytes as f64)),
    ];
    let found = found.into_iter().filter_map(|(name, figure)| Some((name.to_owned(), rounded(figure?))));
    found.filter(|(_, figure)| figure.is_finite()).collect()
}

/// To six digits: nothing is measured better, and nobody reads more.
fn rounded(figure: f64) -> f64 {
    format!("{figure:.5e}").parse().unwrap_or(figure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tune::Speed;

    #[test]
    fn figures_that_are_there_have_names() {
        assert!(measured(&Figures::default()).is_empty());
        let figures = Figures {
            pairs_loss: Some(f64::NAN),
            speed: Some(Speed { seconds_per_text: 0.000_123_456_789, spread: 0.1, laps: 3 }),
            peak_bytes: Some(123_456_789),
            ..Figures::default()
        };
        let expected = [("peak_bytes", 123_457_000.0), ("seconds_per_text", 0.000_123_457)];
        assert_eq!(measured(&figures), expected.map(|(name, figure)| (name.to_owned(), figure)).into());
    }
}
