//! What each plugin finds: remembered from before, or asked in a process of its own.

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use drivetrain::{
    Locations, Profile,
    planner::probe::{FileStamp, Identity, PluginKey, PluginOutcome, PluginRecords},
    plugin_host::{Entry, Origin, Registry, State, report_native},
};
use serde::Serialize;
use serde_json::Value;

use crate::{
    args::SourceArgs,
    commands::doctor::{Bench, Message, Trial},
};

/// Name of the file in the cache folder.
const RECORDS: &str = "plugin-probes.json";

/// With what plugins are asked.
pub(in crate::commands) struct Questions<'a> {
    pub(in crate::commands) source: &'a SourceArgs,
    /// Whether plugins are asked again, whatever is remembered.
    pub(in crate::commands) refresh: bool,
    /// After how long a plugin that does not answer is given up.
    pub(in crate::commands) limit: Duration,
    pub(in crate::commands) profile: &'a Profile,
    pub(in crate::commands) locations: &'a Locations,
    /// What answers depend on besides files and settings.
    pub(in crate::commands) identity: Identity,
}

/// A plugin and what became of it.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct Asked {
    pub(in crate::commands) id: String,
    pub(super) origin: Origin,
    pub(super) folder: Option<PathBuf>,
    /// Whether that was found out by an earlier command.
    pub(super) is_remembered: bool,
    pub(in crate::commands) outcome: PluginOutcome,
}

impl Questions<'_> {
    /// Asks every plugin that is not shadowed, in the order in which they were found.
    ///
    /// # Errors
    /// When the user asks to stop.
    pub(in crate::commands) fn ask(&self, registry: &Registry) -> drivetrain::Result<Vec<Asked>> {
        let path = self.locations.cache().join(RECORDS);
        let mut records = PluginRecords::read(&path).unwrap_or_else(|err| {
            log::warn!("{}; plugins are asked again", err.to_text());
            PluginRecords::default()
        });
        let (mut plugins, mut is_new) = (Vec::new(), false);
        for entry in registry.entries() {
            let outcome = match &entry.state {
                State::Shadowed => continue,
                State::Refused(why) => (false, refused(why.to_text(), None)),
                State::Usable => self.outcome(entry, &mut records)?,
            };
            let (is_remembered, outcome) = outcome;
            is_new |= !is_remembered && matches!(entry.state, State::Usable);
            let (id, folder) = (entry.id.clone(), entry.folder.clone());
            plugins.push(Asked { id, origin: entry.origin, folder, is_remembered, outcome });
        }
        if is_new && let Err(err) = records.write(&path) {
            log::warn!("{}; plugins will be asked again the next time", err.to_text());
        }
        Ok(plugins)
    }

    /// What becomes of a plugin, and whether that was known.
    fn outcome(&self, entry: &Entry, records: &mut PluginRecords) -> drivetrain::Result<(bool, PluginOutcome)> {
        let key = self.key(entry);
        if let Some(outcome) = records.get(&key).filter(|_| !self.refresh) {
            return Ok((true, outcome.clone()));
        }
        let bench = Bench { source: self.source.clone(), limit: self.limit };
        let trial = bench.try_out(&[&entry.id])?;
        let (is_lasting, outcome) = (trial.is_started, outcome(trial));
        if is_lasting {
            records.put(key, outcome.clone());
        }
        Ok((false, outcome))
    }

    /// What the answer depends on. A library that is not there yet is not among the files, so that installing it
    /// changes the key.
    fn key(&self, entry: &Entry) -> PluginKey {
        let config = self.profile.backend_config(&entry.id);
        let natives = entry.manifest.as_ref().map_or_else(Vec::new, |manifest| {
            let reports = report_native(manifest, &config, self.locations.data());
            reports.into_iter().filter_map(|native| native.path).collect()
        });
        let library = entry.folder.as_deref().zip(entry.manifest.as_ref());
        let library = library.map(|(folder, manifest)| folder.join(manifest.library_file()));
        let files = env::current_exe().ok().into_iter().chain(library).chain(natives);
        PluginKey {
            id: entry.id.clone(),
            files: files.filter_map(|file| stamp(&file)).collect(),
            config: Value::Object(config).to_string(),
            hardware: self.identity.clone(),
        }
    }
}

/// A file that cannot be looked at is as one that is not there.
fn stamp(file: &Path) -> Option<FileStamp> {
    FileStamp::of(file).ok()
}

fn refused(why: String, hint: Option<String>) -> PluginOutcome {
    PluginOutcome::Refused { why, hint }
}

/// What a process that opened one plugin tells of it. How it ended counts for more than what it said.
fn outcome(trial: Trial) -> PluginOutcome {
    if let Some(failure) = trial.failure {
        return refused(
            failure,
            Some("`drivetrain doctor` says more; `drivetrain probe --refresh` tries again".to_owned()),
        );
    }
    let told = trial.messages.into_iter().find_map(|message| match message {
        Message::Opened { opened, .. } => {
            Some(PluginOutcome::Works { version: opened.version, probe: opened.probe, took_ms: opened.took_ms })
        }
        Message::Failed { why, hint, .. } => Some(refused(why, hint)),
        Message::Opening { .. } | Message::Loaded { .. } => None,
    });
    told.unwrap_or_else(|| refused("the process that loaded it said nothing".to_owned(), None))
}
