//! The table `[plan]`: how the choice is made.

mod artifacts;
mod frozen;
mod rules;
mod tune;
mod tune_seconds;

pub use artifacts::Artifacts;
pub(crate) use artifacts::ArtifactsSetting;
pub(crate) use frozen::Frozen;
pub(crate) use rules::RulesSetting;
pub use tune::Tune;
pub(crate) use tune::TuneSetting;
pub(crate) use tune_seconds::TuneSeconds;

use crate::profile::Sourced;

/// How the choice is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Planning {
    /// Name or path of the rules that say in which order to try what can be had.
    pub rules: Sourced<String>,
    /// Whether files of the model that are not there may be made. By default they are.
    pub artifacts: Sourced<Artifacts>,
    /// Whether candidates are measured. By default where that is quick.
    pub tune: Sourced<Tune>,
    /// How long measuring may take, in seconds: above 0, a day at most, by default 20.
    pub tune_seconds: Sourced<f64>,
    /// Whether only the plan in the lock file will do. By default false.
    pub frozen: Sourced<bool>,
}
