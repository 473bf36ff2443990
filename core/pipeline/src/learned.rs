//! What runs have taught about the engine, shared by all sessions.

use drivetrain_contract::{Error, Result};

use crate::{
    Position,
    cost::{Cost, CostMeter, Settled},
    memory::BatchCeiling,
};

/// What batches cost, and how large they may be.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    pub(crate) cost: CostMeter,
    pub(crate) ceiling: BatchCeiling,
}

impl Learned {
    /// Begins a stream where an earlier one stopped.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] for numbers that cannot be true: they may come from a file.
    pub(crate) fn begin(&self, from: &Position) -> Result<()> {
        self.cost.begin(settled(from.cost)?);
        self.ceiling.begin(from.largest_batch);
        Ok(())
    }

    /// The position behind a window, and what is known there. What its runs told of their cost is used by windows that
    /// cannot have been cut yet, of which there are `ahead`.
    pub(crate) fn position_after(&self, window: u64, ahead: u64, texts: u64) -> Position {
        self.cost.settle(window + ahead);
        let cost = self.cost.settled().map(|Settled { cost, from }| ([cost.fixed, cost.token, cost.pair], from));
        Position { windows: window + 1, texts, cost, largest_batch: self.ceiling.after(window) }
    }
}

fn settled(cost: Option<([f64; 3], u64)>) -> Result<Option<Settled>> {
    let Some(([fixed, token, pair], from)) = cost else { return Ok(None) };
    if ![fixed, token, pair].iter().all(|number| number.is_finite() && *number >= 0.0) {
        return Err(Error::invalid("the cost of batches in a stream's position is not a number"));
    }
    Ok(Some(Settled { cost: Cost { fixed, token, pair }, from }))
}
