//! Building what a lock says, without planning.

use std::{num::NonZeroUsize, path::PathBuf};

use drivetrain_contract::Result;
use drivetrain_pipeline::Draft;
use drivetrain_planner::{lock::Lock, plan::Candidate};
use drivetrain_plugin_host::Registry;

use super::EngineBuilder;
use crate::{
    Engine, Locations, open_package,
    opening::Opening,
    planning::{InProcess, Look, Prober},
};

/// The lock, where none is named: in the working folder.
const LOCK: &str = "drivetrain.lock";

impl<'a> EngineBuilder<'a> {
    /// The lock that is gone by where the profile says `plan.frozen`, instead of `drivetrain.lock` in the working folder.
    #[must_use]
    pub fn lock(mut self, path: impl Into<PathBuf>) -> Self {
        self.lock = Some(path.into());
        self
    }

    /// Opens exactly what the lock says. Nothing is fetched or made, and there is no next best.
    pub(super) fn build_frozen(mut self, locations: &Locations) -> Result<Engine> {
        let profile = self.profile;
        let path = self.lock.take().unwrap_or_else(|| PathBuf::from(LOCK));
        let label = path.display().to_string();
        let lock = Lock::read(&path)?;
        let package = open_package(&profile.model.value, locations)?;
        let mut draft = Draft::new(&package, &self.embed_options(package.prompts()))?;
        let registry = Registry::discover(&locations.plugin_search(&profile.plugins.value));
        let look = Look { profile, locations, registry: &registry, package: &package, goal: lock.plan.goal };
        let mut in_process = InProcess::new(profile, locations);
        let prober: &mut dyn Prober = match &mut self.prober {
            Some(prober) => &mut **prober,
            None => &mut in_process,
        };
        let release = look.check((&lock, &label), prober, self.call)?;
        let (candidate, shape) = (Candidate { release, ..lock.candidate() }, lock.shape());
        log::info!("as `{label}` says: {candidate} (sessions {}, threads {})", shape.sessions, shape.threads);
        draft.set_threads(NonZeroUsize::new(shape.threads).unwrap_or(NonZeroUsize::MIN));
        draft.set_batch_tokens(shape.batch_tokens.or(self.options.batch_tokens));
        let opening = Opening { profile, locations, registry: &registry, package: &package, call: self.call };
        let (embedder, running) = opening.open((&candidate, shape), draft, &mut self.observe)?;
        Ok(Engine::new(embedder, package, running, None))
    }
}
