//! `drivetrain plan --lock`: the plan, and what it depends on, in a file.

use std::path::Path;

use drivetrain::{
    Asked, Locations, Profile, artifact_folder,
    package::Package,
    planner::{
        lock::{FileHashes, Lock, LockedEngine, LockedMachine, LockedModel, ModelSource},
        plan::Plan,
        probe::{Hardware, PluginOutcome},
    },
};

use crate::interrupt::Interruptible;

/// Name of the file in the cache folder.
const HASHES: &str = "file-hashes.json";
/// The setting of an engine that says where its library is. Where that is does not matter; its version does.
const LIBRARY: &str = "library";

/// What a plan was made of.
pub(super) struct Circumstances<'a> {
    pub(super) package: &'a Package,
    pub(super) profile: &'a Profile,
    pub(super) locations: &'a Locations,
    pub(super) hardware: &'a Hardware,
    pub(super) plugins: &'a [Asked],
}

impl Circumstances<'_> {
    /// The lock of a plan that was made of them.
    pub(super) fn lock(&self, plan: &Plan) -> anyhow::Result<Lock> {
        let chosen = &plan.chosen;
        let asked = self.plugins.iter().find(|asked| asked.id == chosen.backend).map(|asked| &asked.outcome);
        let Some(PluginOutcome::Works { version, probe, .. }) = asked else {
            anyhow::bail!("`{}` was chosen, but is not there", chosen.backend);
        };
        let mut settings = self.profile.backend_config(&chosen.backend);
        settings.remove(LIBRARY);
        let device = probe.devices.iter().find(|device| device.id == chosen.device);
        let (engine, machine) = (LockedEngine::of(version, probe, settings), LockedMachine::of(self.hardware, device));
        Ok(Lock::of(plan, self.model(plan)?, engine, machine)?)
    }

    /// The model's files by their hashes, which are remembered.
    fn model(&self, plan: &Plan) -> drivetrain::Result<LockedModel> {
        let cache = self.locations.cache().join(HASHES);
        let mut hashes = hashes(&cache);
        let made = artifact_folder(self.package, self.locations);
        let source = ModelSource { package: self.package, made: Some(&made), call: &Interruptible };
        let file = &plan.chosen.file;
        let model = LockedModel::of(&source, (&file.format, &file.path), &mut hashes)?;
        if let Err(err) = hashes.write(&cache) {
            log::warn!("{}; files will be hashed again the next time", err.to_text());
        }
        Ok(model)
    }
}

fn hashes(cache: &Path) -> FileHashes {
    FileHashes::read(cache).unwrap_or_else(|err| {
        log::warn!("{}; files are hashed again", err.to_text());
        FileHashes::default()
    })
}
