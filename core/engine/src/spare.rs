//! The next best, for when the engine that runs is lost.

use drivetrain_contract::{Call, Error, ErrorKind, Result};
use drivetrain_pipeline::{EmbedOptions, Embedder};
use drivetrain_planner::{
    Goal, Profile, Side,
    plan::{Candidate, Shape},
};

use crate::{EngineBuilder, Locations, builder::Opened, engine::Running};

/// A candidate that broke.
#[derive(Debug)]
pub(crate) struct Lost {
    pub(crate) candidate: Candidate,
    pub(crate) shape: Shape,
    pub(crate) kind: ErrorKind,
    pub(crate) why: String,
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
    /// Opens the next best after what ran failed with `err`, for vectors of `dim` numbers.
    ///
    /// # Errors
    /// `err` when nothing is left, and what `call` says.
    pub(crate) fn take_over(&mut self, err: Error, dim: usize, call: &dyn Call) -> Result<(Embedder, Running)> {
        let (candidate, shape) = self.runs.clone();
        log::warn!("{candidate} broke, and the next best takes over: {}", err.to_text());
        self.lost.push(Lost { candidate, shape, kind: err.kind(), why: err.to_text() });
        match self.open_next(dim, call) {
            Ok(opened) => {
                log::warn!("{} goes on", opened.runs.0);
                self.runs = opened.runs;
                Ok((opened.embedder, opened.running))
            }
            Err(stopped) if is_callers(&stopped) => Err(stopped),
            Err(nothing_left) => {
                log::warn!("nothing takes over: {}", nothing_left.to_text());
                Err(err)
            }
        }
    }

    fn open_next(&self, dim: usize, call: &dyn Call) -> Result<Opened> {
        call.check()?;
        let opened = EngineBuilder::anew(self).call(call).open()?;
        match opened.embedder.dim() == dim {
            true => Ok(opened),
            false => Err(Error::model("the model's files are not those that were opened before")),
        }
    }
}

/// Whether it is the caller who wants no more.
pub(crate) fn is_callers(err: &Error) -> bool {
    matches!(err.kind(), ErrorKind::Cancelled | ErrorKind::Deadline)
}
