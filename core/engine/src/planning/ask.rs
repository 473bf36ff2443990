//! What each engine finds on this machine: remembered from before, or asked.

use std::{
    env,
    path::{Path, PathBuf},
    time::Instant,
};

use drivetrain_contract::{Backend, Error, ErrorKind, Result};
use drivetrain_planner::{
    Profile,
    plan::{Absence, Engine, Release},
    probe::{FileStamp, Identity, PluginKey, PluginOutcome, PluginRecords},
};
use drivetrain_plugin_host::{Entry, OpenOptions, Origin, State, report_native};
use serde::Serialize;
use serde_json::Value;

use crate::Locations;

/// Name of the file in the cache folder.
const RECORDS: &str = "plugin-probes.json";

/// Asks an engine what it finds.
pub trait Prober {
    /// Opens a usable plugin and asks it.
    ///
    /// # Errors
    /// When the user asks to stop; what is wrong with the plugin is part of the outcome.
    fn probe(&mut self, entry: &Entry) -> Result<Probed>;

    /// The same with another installed release of its library. `None` where it cannot be asked: most engines can be
    /// loaded once only, so this takes a process for each.
    ///
    /// # Errors
    /// As [`Prober::probe`].
    fn probe_release(&mut self, _entry: &Entry, _release: &Release) -> Result<Option<Probed>> {
        Ok(None)
    }
}

/// What an engine said.
#[derive(Clone, Debug)]
pub struct Probed {
    /// What became of it.
    pub outcome: PluginOutcome,
    /// Whether it would say so again, so that it need not be asked: not where it could not be asked at all.
    pub is_lasting: bool,
}

/// Asks engines in this process, where they stay loaded.
///
/// A program that has to survive an engine that crashes asks in a process of its own, as the command line does.
#[derive(Debug)]
pub struct InProcess<'a> {
    profile: &'a Profile,
    locations: &'a Locations,
}

impl<'a> InProcess<'a> {
    /// With the settings of a profile.
    pub fn new(profile: &'a Profile, locations: &'a Locations) -> Self {
        Self { profile, locations }
    }
}

impl Prober for InProcess<'_> {
    fn probe(&mut self, entry: &Entry) -> Result<Probed> {
        let started = Instant::now();
        let options = OpenOptions {
            config: self.profile.backend_config(&entry.id),
            data_dir: self.locations.data().to_path_buf(),
        };
        let opened = entry.open(options).and_then(|backend| Ok((backend.version(), backend.probe()?)));
        let outcome = match opened {
            Ok((version, probe)) => {
                let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                PluginOutcome::Works { version, probe, took_ms }
            }
            Err(err) => PluginOutcome::Refused {
                why: err.message().to_owned(),
                hint: err.hint().map(str::to_owned),
                code: err.kind().code(),
            },
        };
        Ok(Probed { outcome, is_lasting: true })
    }
}

/// With what engines are asked.
#[derive(Debug)]
pub struct Questions<'a> {
    /// What they are opened with.
    pub profile: &'a Profile,
    /// Where answers are kept.
    pub locations: &'a Locations,
    /// What answers depend on besides files and settings.
    pub identity: Identity,
    /// Whether they are asked again, whatever is remembered.
    pub refresh: bool,
}

/// An engine and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    /// Id of its plugin.
    pub id: String,
    /// Where its plugin comes from.
    pub origin: Origin,
    /// Folder of the plugin, if it has one.
    pub folder: Option<PathBuf>,
    /// The release of its library that was asked, where it is not the one that is loaded by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
    /// Whether that was found out by an earlier command.
    pub is_remembered: bool,
    /// What became of it.
    pub outcome: PluginOutcome,
    /// What the outcome depends on.
    #[serde(skip)]
    pub key: PluginKey,
}

impl Questions<'_> {
    /// Asks these plugins, but for those that are shadowed, in their order.
    ///
    /// # Errors
    /// As [`Prober::probe`].
    pub fn ask<'e>(&self, entries: impl IntoIterator<Item = &'e Entry>, prober: &mut dyn Prober) -> Result<Vec<Asked>> {
        let mut memory = Memory::open(self);
        let mut plugins = Vec::new();
        for entry in entries {
            let key = self.key(entry, None);
            let (is_remembered, outcome) = match &entry.state {
                State::Shadowed => continue,
                State::Refused(why) => {
                    (false, PluginOutcome::Refused { why: why.to_text(), hint: None, code: why.kind().code() })
                }
                State::Usable => match memory.recall(&key) {
                    Some(outcome) => (true, outcome),
                    None => (false, memory.keep(&key, prober.probe(entry)?)),
                },
            };
            plugins.push(Asked::of(entry, None, (is_remembered, outcome), key));
        }
        Ok(plugins)
    }

    /// Asks these plugins with every other release of their library that is installed, but for those that this `prober`
    /// cannot ask.
    ///
    /// # Errors
    /// As [`Prober::probe`].
    pub fn ask_releases<'e>(
        &self,
        entries: impl IntoIterator<Item = &'e Entry>,
        prober: &mut dyn Prober,
    ) -> Result<Vec<Asked>> {
        let mut memory = Memory::open(self);
        let mut releases = Vec::new();
        for entry in entries.into_iter().filter(|entry| matches!(entry.state, State::Usable)) {
            for release in self.releases(entry) {
                let key = self.key(entry, Some(&release));
                let answer = match memory.recall(&key) {
                    Some(outcome) => Some((true, outcome)),
                    None => prober.probe_release(entry, &release)?.map(|probed| (false, memory.keep(&key, probed))),
                };
                releases.extend(answer.map(|answer| Asked::of(entry, Some(release), answer, key)));
            }
        }
        Ok(releases)
    }

    /// The other releases of an engine's library that are installed.
    fn releases(&self, entry: &Entry) -> impl Iterator<Item = Release> {
        let config = self.profile.backend_config(&entry.id);
        let installed = entry.other_versions(&config, self.locations.data());
        installed.into_iter().map(|one| Release { version: one.version.to_string(), library: one.library })
    }

    /// What the answer depends on. A library that is not there yet is not among the files, so that installing it
    /// changes the key.
    fn key(&self, entry: &Entry, release: Option<&Release>) -> PluginKey {
        let mut config = self.profile.backend_config(&entry.id);
        if let Some(release) = release {
            entry.name_library(&mut config, &release.library);
        }
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

/// What engines said before, and say now.
struct Memory {
    path: PathBuf,
    records: PluginRecords,
    /// Whether nothing of before is to be believed.
    refresh: bool,
    is_new: bool,
}

impl Memory {
    fn open(questions: &Questions<'_>) -> Self {
        let path = questions.locations.cache().join(RECORDS);
        let records = PluginRecords::read(&path).unwrap_or_else(|err| {
            log::warn!("{}; plugins are asked again", err.to_text());
            PluginRecords::default()
        });
        Self { path, records, refresh: questions.refresh, is_new: false }
    }

    fn recall(&self, key: &PluginKey) -> Option<PluginOutcome> {
        self.records.get(key).filter(|_| !self.refresh).cloned()
    }

    /// Keeps what would be said again.
    fn keep(&mut self, key: &PluginKey, probed: Probed) -> PluginOutcome {
        if probed.is_lasting {
            self.records.put(key.clone(), probed.outcome.clone());
            self.is_new = true;
        }
        probed.outcome
    }
}

impl Drop for Memory {
    /// What was found out is kept also where asking ended early.
    fn drop(&mut self) {
        if self.is_new
            && let Err(err) = self.records.write(&self.path)
        {
            log::warn!("{}; plugins will be asked again the next time", err.to_text());
        }
    }
}

impl Asked {
    fn of(
        entry: &Entry,
        release: Option<Release>,
        (is_remembered, outcome): (bool, PluginOutcome),
        key: PluginKey,
    ) -> Self {
        let (id, folder) = (entry.id.clone(), entry.folder.clone());
        Self { id, origin: entry.origin, folder, release, is_remembered, outcome, key }
    }

    /// Whoever writes settings for an engine means that engine: one that does not work with them is not passed over.
    ///
    /// # Errors
    /// What the engine says.
    pub(super) fn check_settings(&self, profile: &Profile) -> Result<()> {
        match &self.outcome {
            PluginOutcome::Refused { why, hint, code } if !profile.backend_config(&self.id).is_empty() => {
                let err = Error::new(ErrorKind::from_code(*code), why);
                Err(hint.iter().fold(err, |err, hint| err.with_hint(hint)))
            }
            _ => Ok(()),
        }
    }

    /// As planning sees it.
    pub(super) fn engine(&self) -> Engine {
        let found = match &self.outcome {
            PluginOutcome::Works { probe, .. } => Ok(probe.clone()),
            PluginOutcome::Refused { why, hint, .. } => Err(Absence { reason: why.clone(), remedy: hint.clone() }),
        };
        Engine { backend: self.id.clone(), release: self.release.clone(), found }
    }
}

/// A file that cannot be looked at is as one that is not there.
fn stamp(file: &Path) -> Option<FileStamp> {
    FileStamp::of(file).ok()
}
