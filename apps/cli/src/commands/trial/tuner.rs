//! When candidates are tried.

use std::time::{Duration, Instant};

use drivetrain::{ErrorKind, Material, Outlook, Result, Tuning, planner::Tune};

use super::{child::Bounds, stand::ChildStand};
use crate::{args::SourceArgs, commands::embed::announce, interrupt::Interruptible, progress};

/// What loading a large model may take, beyond the time of the whole race.
const LOADING: Duration = Duration::from_secs(60);
/// Bytes of input from which on a race pays: a small transformer takes about two minutes for them on two cores.
const WORTH_A_RACE: u64 = 4 << 20;

/// Whether candidates are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Policy {
    /// The user asks for it.
    Asked,
    /// As the profile says; by itself only where there is so much to embed that it pays. `None` is not known.
    ByProfile {
        /// Bytes of input.
        n_bytes: Option<u64>,
    },
}

/// Tries candidates in processes of their own.
#[derive(Debug)]
pub(in crate::commands) struct Tuner<'t> {
    pub(in crate::commands) source: &'t SourceArgs,
    pub(in crate::commands) policy: Policy,
    pub(in crate::commands) quiet: bool,
}

impl Tuning for Tuner<'_> {
    fn tune(&mut self, outlook: &mut Outlook<'_>) -> Result<()> {
        if !self.is_due(outlook)? {
            return Ok(());
        }
        if self.policy == Policy::Asked {
            outlook.make_chosen(&Interruptible, &mut announce(self.quiet, String::new()))?;
        }
        let profile = outlook.profile();
        let (field, seconds) = (outlook.field(), profile.plan.tune_seconds.value);
        let material = Material::of(profile)?;
        let patience = LOADING + Duration::from_secs_f64(seconds);
        let spinner = progress::spinner(self.quiet);
        let mut stand = ChildStand {
            source: self.source,
            profile,
            goal: field.goal,
            material: &material,
            bounds: Bounds { patience, memory: outlook.memory_limit() },
            started: Instant::now(),
            spinner: spinner.clone(),
            ahead: None,
        };
        let outcome = outlook.tune(&mut stand, &material);
        spinner.finish_and_clear();
        outcome
    }
}

impl Tuner<'_> {
    fn is_due(&self, outlook: &Outlook<'_>) -> Result<bool> {
        let (tune, n_bytes) = match self.policy {
            Policy::Asked => return Ok(true),
            Policy::ByProfile { n_bytes } => (outlook.profile().plan.tune.value, n_bytes),
        };
        if tune == Tune::Never || !outlook.trials().is_empty() {
            return Ok(false);
        }
        let field = outlook.field();
        if field.contenders.len() < 2 {
            return Ok(false);
        }
        // That nothing can run the model is said where it is planned.
        if outlook.plan().is_err_and(|err| err.kind() != ErrorKind::Cancelled) {
            return Ok(false);
        }
        let pays = n_bytes.is_some_and(|bytes| bytes >= WORTH_A_RACE);
        let limit = Duration::from_secs_f64(outlook.profile().plan.tune_seconds.value);
        Ok(tune == Tune::Always || (pays && field.expected_time() <= limit))
    }
}
