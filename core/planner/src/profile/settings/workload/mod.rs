//! The table `[workload]`: what there is to do.

mod goal;
mod text_length;

pub use goal::Goal;
pub(crate) use goal::GoalSetting;
pub use text_length::TextLength;
pub(crate) use text_length::TextLengthSetting;

use crate::profile::Sourced;

/// What there is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// What matters most; `None` leaves it to how the texts come.
    pub goal: Sourced<Option<Goal>>,
    /// How long a usual text is; `None` where that is not known.
    pub text_length: Sourced<Option<TextLength>>,
}
