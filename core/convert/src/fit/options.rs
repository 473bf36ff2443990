//! What a user can choose about a fitting.

use std::num::NonZeroUsize;

use drivetrain_contract::{Error, Result};

use crate::distill::DistillOptions;

/// How a table is to be fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct FitOptions {
    /// The table to begin with, and the form of the one that is written.
    pub table: DistillOptions,
    /// Times each text is looked at, at the most.
    pub epochs: u32,
    /// Epochs without a lower loss of the held-out texts after which training ends.
    pub patience: u32,
    /// Texts in a batch.
    pub batch_texts: usize,
    /// Adam's step.
    pub learning_rate: f64,
    /// The λ of the loss: what the angles between texts count beside their places.
    pub pair_weight: f64,
    /// Share of the texts that is held out, between 0 and 1. Which ones they are is decided by what they say.
    pub held_out: f64,
    /// What the order of the texts is derived from.
    pub seed: u64,
    /// Threads to compute with. The result does not depend on them.
    pub threads: NonZeroUsize,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            table: DistillOptions::default(),
            epochs: 20,
            patience: 2,
            batch_texts: 512,
            learning_rate: 2e-3,
            pair_weight: 5.0,
            held_out: 0.05,
            seed: 0,
            threads: NonZeroUsize::MIN,
        }
    }
}

impl FitOptions {
    /// Fails for values that no model and no texts could satisfy.
    pub(super) fn check(&self) -> Result<()> {
        self.table.check()?;
        let positive = |number: f64| number > 0.0 && number.is_finite();
        let checks = [
            (self.epochs > 0, "`epochs` must be at least 1"),
            (self.patience > 0, "`patience` must be at least 1"),
            // One text has no angle to another.
            (self.batch_texts > 1, "`batch_texts` must be at least 2"),
            (positive(self.learning_rate), "`learning_rate` must be a number above 0"),
            (self.pair_weight == 0.0 || positive(self.pair_weight), "`pair_weight` must be a number, 0 or above"),
            (self.held_out > 0.0 && self.held_out < 1.0, "`held_out` must be a number between 0 and 1"),
        ];
        match checks.iter().find(|(is_right, _)| !is_right) {
            Some((_, message)) => Err(Error::invalid(*message)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_values_are_refused() {
        assert!(FitOptions::default().check().is_ok());
        let check = |change: fn(&mut FitOptions), word: &str| {
            let mut options = FitOptions::default();
            change(&mut options);
            assert!(options.check().unwrap_err().message().contains(word), "{word}");
        };
        check(|options| options.epochs = 0, "epochs");
        check(|options| options.patience = 0, "patience");
        check(|options| options.batch_texts = 1, "batch_texts");
        check(|options| options.learning_rate = f64::NAN, "learning_rate");
        check(|options| options.learning_rate = f64::INFINITY, "learning_rate");
        check(|options| options.pair_weight = -1.0, "pair_weight");
        check(|options| options.held_out = 1.0, "held_out");
        check(|options| options.held_out = f64::NAN, "held_out");
        check(|options| options.table.dims = Some(0), "dims");
    }
}
