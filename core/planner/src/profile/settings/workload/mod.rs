//! The table `[workload]`: what there is to do.

mod goal;
mod sample;
mod text_length;

use std::path::PathBuf;

pub use goal::Goal;
pub(crate) use goal::GoalSetting;
pub(crate) use sample::Sample;
pub use text_length::TextLength;
pub(crate) use text_length::TextLengthSetting;

use crate::profile::Sourced;

/// What there is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// What matters most; `None`, the default, leaves it to how the texts come.
    pub goal: Sourced<Option<Goal>>,
    /// How long a usual text is; `None`, the default, where that is not known.
    pub text_length: Sourced<Option<TextLength>>,
    /// A file of texts like those there will be, from which their lengths are measured; `None`, the default, where
    /// there is none.
    pub sample: Sourced<Option<PathBuf>>,
}
