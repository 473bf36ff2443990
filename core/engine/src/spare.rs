//! The next best, for when the engine that runs is lost.

use drivetrain_contract::{Error, Result};
use drivetrain_pipeline::{EmbedOptions, Embedder};
use drivetrain_planner::{
    Goal, Profile, Side,
    plan::{Candidate, Shape},
};

use crate::{EngineBuilder, Locations, engine::Running};

/// A candidate that broke.
#[derive(Debug)]
pub(crate) struct Lost {
    pub(crate) candidate: Candidate,
    pub(crate) shape: Shape,
    pub(crate) why: Error,
}

/// What it takes to plan again without what broke.
#[derive(Debug)]
pub(crate) struct Spare {
    pub(crate) profile: Profile,
    pub(crate) locations: Locations,
    pub(crate) goal: Goal,
    pub(crate) side: Option<Side>,
    pub(crate) options: EmbedOptions,
    /// What runs.
    pub(crate) runs: (Candidate, Shape),
    pub(crate) lost: Vec<Lost>,
}

impl Spare {
    /// Opens the next best after what ran failed with `err`.
    ///
    /// # Errors
    /// What the first that broke failed with, when nothing is left.
    pub(crate) fn take_over(&mut self, err: Error) -> Result<(Embedder, Running)> {
        let (candidate, shape) = self.runs.clone();
        log::warn!("{candidate} broke, and the next best takes over: {}", err.to_text());
        self.lost.push(Lost { candidate, shape, why: err });
        match EngineBuilder::anew(self).open() {
            Ok(opened) => {
                log::warn!("{} goes on", opened.runs.0);
                self.runs = opened.runs;
                Ok((opened.embedder, opened.running))
            }
            Err(nothing_left) => {
                log::warn!("nothing takes over: {}", nothing_left.to_text());
                Err(self.lost.swap_remove(0).why)
            }
        }
    }
}
