//! `limits.allow_backends` and the like: what to choose from, and what never to choose.

use crate::profile::settings::{Key, list::List};

/// The setting `limits.allow_backends`.
pub(crate) type AllowBackends = List<OfAllowedBackends>;
/// The setting `limits.deny_backends`.
pub(crate) type DenyBackends = List<OfDeniedBackends>;
/// The setting `limits.allow_devices`.
pub(crate) type AllowDevices = List<OfAllowedDevices>;
/// The setting `limits.deny_devices`.
pub(crate) type DenyDevices = List<OfDeniedDevices>;

/// [`AllowBackends`]
pub(crate) struct OfAllowedBackends;
/// [`DenyBackends`]
pub(crate) struct OfDeniedBackends;
/// [`AllowDevices`]
pub(crate) struct OfAllowedDevices;
/// [`DenyDevices`]
pub(crate) struct OfDeniedDevices;

impl Key for OfAllowedBackends {
    const KEY: &'static str = "limits.allow_backends";
}

impl Key for OfDeniedBackends {
    const KEY: &'static str = "limits.deny_backends";
}

impl Key for OfAllowedDevices {
    const KEY: &'static str = "limits.allow_devices";
}

impl Key for OfDeniedDevices {
    const KEY: &'static str = "limits.deny_devices";
}
