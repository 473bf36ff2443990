//! `plan.frozen`: whether only the plan in `drivetrain.lock` will do.

use crate::profile::settings::{Key, flag::Flag};

/// The setting `plan.frozen`.
pub(crate) type Frozen = Flag<OfFrozen>;

/// [`Frozen`]
pub(crate) struct OfFrozen;

impl Key for OfFrozen {
    const KEY: &'static str = "plan.frozen";
}
