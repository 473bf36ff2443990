//! The table `[limits]`: what may be used.

mod disk;
mod memory;
mod names;

pub(crate) use disk::Disk;
pub(crate) use memory::Memory;
pub(crate) use names::{AllowBackends, AllowDevices, DenyBackends, DenyDevices};

use crate::profile::{Sourced, SpaceLimit};

/// What may be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Main memory for weights and activations together. By default what is free for this process.
    pub memory: Sourced<SpaceLimit>,
    /// Space for a file that is made of a model, on the disk where it is made. By default what is free there.
    pub disk: Sourced<SpaceLimit>,
    /// Backends to choose from; empty is all.
    pub allow_backends: Sourced<Vec<String>>,
    /// Backends never to choose.
    pub deny_backends: Sourced<Vec<String>>,
    /// Devices to choose from, by id or kind; empty is all.
    pub allow_devices: Sourced<Vec<String>>,
    /// Devices never to choose, by id or kind.
    pub deny_devices: Sourced<Vec<String>>,
}

impl Limits {
    /// Why a backend may not be used, if it may not.
    pub fn denies_backend(&self, id: &str) -> Option<String> {
        denies(("allow_backends", &self.allow_backends), ("deny_backends", &self.deny_backends), &[id])
    }

    /// Why a device may not be used, which goes by its id and the word for its kind.
    pub fn denies_device(&self, names: &[&str]) -> Option<String> {
        denies(("allow_devices", &self.allow_devices), ("deny_devices", &self.deny_devices), names)
    }
}

type List<'a> = (&'static str, &'a Sourced<Vec<String>>);

fn denies((allow, allowed): List<'_>, (deny, denied): List<'_>, names: &[&str]) -> Option<String> {
    let named = |list: &[String]| list.iter().any(|entry| names.contains(&entry.as_str()));
    if named(&denied.value) {
        return Some(format!("`limits.{deny}` names it ({})", denied.origin));
    }
    let left_out = !allowed.value.is_empty() && !named(&allowed.value);
    left_out.then(|| format!("`limits.{allow}` does not name it ({})", allowed.origin))
}
