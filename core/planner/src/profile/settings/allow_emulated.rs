//! `allow_emulated`: whether a precision that the device computes in another one will do.

use super::{Key, flag::Flag};

/// The setting `allow_emulated`.
pub(crate) type AllowEmulated = Flag<OfAllowEmulated>;

/// [`AllowEmulated`]
pub(crate) struct OfAllowEmulated;

impl Key for OfAllowEmulated {
    const KEY: &'static str = "allow_emulated";
}
