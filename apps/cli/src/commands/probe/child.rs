//! Engines are asked in processes of their own.

use std::time::Duration;

use drivetrain::{
    ErrorKind, Probed, Prober, Result,
    planner::{plan::Release, probe::PluginOutcome},
    plugin_host::Entry,
};
use serde_json::{Map, Value};

use crate::{
    args::SourceArgs,
    commands::doctor::{Bench, Message, Trial},
};

/// After how long an engine that does not answer is given up, unless the user says otherwise.
pub(in crate::commands) const PATIENCE: Duration = Duration::from_secs(30);

/// Asks each engine in a process of its own.
#[derive(Debug)]
pub(in crate::commands) struct ChildProber {
    /// Profile files and settings, as given on the command line.
    pub(in crate::commands) source: SourceArgs,
    /// After how long one that does not answer is given up.
    pub(in crate::commands) limit: Duration,
}

impl Prober for ChildProber {
    fn probe(&mut self, entry: &Entry) -> Result<Probed> {
        self.try_out(entry, self.source.clone())
    }

    fn probe_release(&mut self, entry: &Entry, release: &Release) -> Result<Option<Probed>> {
        let mut named = Map::new();
        entry.name_library(&mut named, &release.library);
        let mut source = self.source.clone();
        // A string as JSON writes it is one in TOML as well.
        let settings = named.iter().map(|(key, path): (&String, &Value)| format!("backends.{}.{key}={path}", entry.id));
        source.set.extend(settings);
        self.try_out(entry, source).map(Some)
    }
}

impl ChildProber {
    fn try_out(&self, entry: &Entry, source: SourceArgs) -> Result<Probed> {
        let trial = Bench { source, limit: self.limit }.try_out(&[&entry.id])?;
        Ok(Probed { is_lasting: trial.is_started, outcome: outcome(trial) })
    }
}

fn refused(why: String, hint: Option<String>, kind: ErrorKind) -> PluginOutcome {
    PluginOutcome::Refused { why, hint, code: kind.code() }
}

/// What a process that opened one plugin tells of it. How it ended counts for more than what it said.
fn outcome(trial: Trial) -> PluginOutcome {
    if let Some(failure) = trial.failure {
        return refused(
            failure,
            Some("`drivetrain doctor` says more; `drivetrain probe --refresh` tries again".to_owned()),
            ErrorKind::Dependency,
        );
    }
    let told = trial.messages.into_iter().find_map(|message| match message {
        Message::Opened { opened, .. } => {
            Some(PluginOutcome::Works { version: opened.version, probe: opened.probe, took_ms: opened.took_ms })
        }
        Message::Failed { why, hint, code, .. } => Some(refused(why, hint, ErrorKind::from_code(code))),
        Message::Opening { .. } | Message::Loaded { .. } => None,
    });
    let silent = || refused("the process that loaded it said nothing".to_owned(), None, ErrorKind::Dependency);
    told.unwrap_or_else(silent)
}
