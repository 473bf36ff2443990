//! Candidates in processes, and what the user sees of their race.

use std::time::{Duration, Instant};

use drivetrain::{
    Goal, Material, Profile, Result,
    planner::tune::{Contender, Seat, Stand, Step},
};
use indicatif::ProgressBar;

use super::{
    child::{Bounds, ChildSeat},
    message::Loading,
};
use crate::args::SourceArgs;

/// Loads candidates, each in a process of its own.
pub(super) struct ChildStand<'s> {
    pub(super) source: &'s SourceArgs,
    pub(super) profile: &'s Profile,
    pub(super) goal: Goal,
    pub(super) material: &'s Material,
    pub(super) bounds: Bounds,
    pub(super) started: Instant,
    pub(super) spinner: ProgressBar,
    /// One that is being loaded ahead.
    pub(super) ahead: Option<(Contender, ChildSeat)>,
}

impl ChildStand<'_> {
    fn begin(&self, contender: &Contender) -> Result<ChildSeat> {
        let loading = Loading {
            model: self.profile.model.value.clone(),
            allow_emulated: self.profile.allow_emulated.value,
            goal: self.goal,
            contender: contender.clone(),
            material: self.material.clone(),
        };
        ChildSeat::begin(self.source, loading, self.bounds)
    }
}

impl Stand<'static> for ChildStand<'_> {
    fn open(&mut self, contender: &Contender, next: Option<&Contender>) -> Result<Box<dyn Seat>> {
        let seat = match self.ahead.take() {
            Some((begun, seat)) if begun == *contender => Ok(seat),
            _ => self.begin(contender),
        };
        // Where no process can be started for it, that is said when it is its turn.
        self.ahead = next.and_then(|next| Some((next.clone(), self.begin(next).ok()?)));
        Ok(Box::new(seat?.loaded()?))
    }

    fn n_texts(&self) -> usize {
        self.material.laps().len()
    }

    fn chars_per_text(&self) -> f64 {
        self.material.chars_per_text()
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn observe(&mut self, step: Step<'_>) {
        self.spinner.tick();
        match step {
            Step::Opening(contender) => self.spinner.set_message(format!("loading {}", contender.candidate)),
            Step::Laps { left, n_texts } => {
                self.spinner.set_message(format!("{left} candidates run {n_texts} texts in turn"));
            }
            Step::Done(trial) => log::info!("tried: {}", trial.describe()),
        }
    }
}
