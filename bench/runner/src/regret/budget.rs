//! How much quality may be lost.

use std::{fmt, str::FromStr};

use anyhow::{Context, Result, ensure};
use drivetrain_planner::accuracy::{Agreement, LOSSLESS_COSINE};
use serde::Serialize;

/// A share of the quality of f32.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Budget(pub(crate) f64);

impl Budget {
    /// Whether vectors are alike enough: the same but for rounding, or with no greater a loss to be expected.
    pub(super) fn allows(self, agreement: &Agreement) -> bool {
        agreement.cosine_min >= LOSSLESS_COSINE || (self.0 > 0.0 && agreement.expected_loss() <= self.0)
    }
}

impl FromStr for Budget {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (number, unit) = text.strip_suffix('%').map_or((text, 1.0), |percent| (percent.trim(), 100.0));
        let share = number.parse::<f64>().with_context(|| format!("`{text}` is no share"))? / unit;
        ensure!((0.0..=1.0).contains(&share), "`{text}` is not between 0 and 1");
        Ok(Self(share))
    }
}

/// `0.4 %`
impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In f64, 0.004 × 100 is 0.4 exactly as it is printed, to four places.
        write!(f, "{} %", (self.0 * 1e6).round() / 1e4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_and_written() {
        for (text, share, shown) in [("0", 0.0, "0 %"), ("0.4%", 0.004, "0.4 %"), ("0.15", 0.15, "15 %")] {
            let budget: Budget = text.parse().unwrap();
            assert!((budget.0 - share).abs() < 1e-12);
            assert_eq!(budget.to_string(), shown);
        }
        for wrong in ["", "much", "101%", "-1", "NaN"] {
            assert!(wrong.parse::<Budget>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn nothing_lost_is_a_matter_of_cosines_and_something_of_ranks() {
        let check = |cosine_min: f64, rank_loss: f64, budget: f64| {
            let cosine_mean = 1.0;
            let neighbour_overlap = 1.0;
            Budget(budget).allows(&Agreement {
                cosine_mean,
                cosine_p1: cosine_min,
                cosine_min,
                neighbour_overlap,
                rank_loss,
            })
        };
        assert!(check(0.99995, 0.0, 0.0) && check(0.99995, 0.5, 0.0));
        assert!(!check(0.9998, 0.0, 0.0) && check(0.9998, 0.0, 0.004));
        assert!(check(0.9, 0.001, 0.004) && !check(0.9, 0.5, 0.004));
    }
}
