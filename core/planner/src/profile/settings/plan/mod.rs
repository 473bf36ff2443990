//! The table `[plan]`: how the choice is made.

mod artifacts;
mod rules;

pub use artifacts::Artifacts;
pub(crate) use artifacts::ArtifactsSetting;
pub(crate) use rules::RulesSetting;

use crate::profile::Sourced;

/// How the choice is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Planning {
    /// Name or path of the rules that say in which order to try what can be had.
    pub rules: Sourced<String>,
    /// Whether files of the model that are not there may be made.
    pub artifacts: Sourced<Artifacts>,
}
