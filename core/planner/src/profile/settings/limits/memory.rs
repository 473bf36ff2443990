//! `limits.memory`: main memory for weights and activations together.

use crate::profile::settings::{Key, space::Space};

/// The setting `limits.memory`.
pub(crate) type Memory = Space<OfMemory>;

/// [`Memory`]
pub(crate) struct OfMemory;

impl Key for OfMemory {
    const KEY: &'static str = "limits.memory";
}
