//! `limits.disk`: space for a file that is made of a model.

use crate::profile::settings::{Key, space::Space};

/// The setting `limits.disk`.
pub(crate) type Disk = Space<OfDisk>;

/// [`Disk`]
pub(crate) struct OfDisk;

impl Key for OfDisk {
    const KEY: &'static str = "limits.disk";
}
