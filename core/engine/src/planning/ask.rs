//! What each engine finds on this machine: remembered from before, or asked.

use std::{
    env,
    path::{Path, PathBuf},
    time::Instant,
};

use drivetrain_contract::{Backend, Error, ErrorKind, Result};
use drivetrain_planner::{
    Profile,
    plan::{Absence, Engine},
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
        let path = self.locations.cache().join(RECORDS);
        let mut records = PluginRecords::read(&path).unwrap_or_else(|err| {
            log::warn!("{}; plugins are asked again", err.to_text());
            PluginRecords::default()
        });
        let (mut plugins, mut is_new) = (Vec::new(), false);
        for entry in entries {
            let key = self.key(entry);
            let remembered = || records.get(&key).filter(|_| !self.refresh).cloned();
            let (is_remembered, outcome) = match &entry.state {
                State::Shadowed => continue,
                State::Refused(why) => {
                    (false, PluginOutcome::Refused { why: why.to_text(), hint: None, code: why.kind().code() })
                }
                State::Usable => match remembered() {
                    Some(outcome) => (true, outcome),
                    None => {
                        let probed = prober.probe(entry)?;
                        if probed.is_lasting {
                            records.put(key.clone(), probed.outcome.clone());
                            is_new = true;
                        }
                        (false, probed.outcome)
                    }
                },
            };
            let (id, folder) = (entry.id.clone(), entry.folder.clone());
            plugins.push(Asked { id, origin: entry.origin, folder, is_remembered, outcome, key });
        }
        if is_new && let Err(err) = records.write(&path) {
            log::warn!("{}; plugins will be asked again the next time", err.to_text());
        }
        Ok(plugins)
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

impl Asked {
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
        Engine { backend: self.id.clone(), found }
    }
}

/// A file that cannot be looked at is as one that is not there.
fn stamp(file: &Path) -> Option<FileStamp> {
    FileStamp::of(file).ok()
}
