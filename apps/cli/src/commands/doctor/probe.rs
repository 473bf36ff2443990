//! The process in which engines are opened: says what it does line by line, so that what came before a crash is known.

use std::time::Instant;

use drivetrain::{
    Error, Locations,
    contract::{Backend, Probe},
    plugin_host::{OpenOptions, PluginBackend, Registry},
    runtimes::doctor::{Image, loaded_images},
};
use serde::{Deserialize, Serialize};

use crate::{args::SourceArgs, commands::profile, output::print};

/// One line of what the process says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(in crate::commands) enum Message {
    /// A backend is being opened.
    Opening { backend: String },
    /// It is open.
    Opened { backend: String, opened: Opened },
    /// It cannot be opened.
    Failed { backend: String, why: String, hint: Option<String>, code: i32 },
    /// What is loaded into the process at the end.
    Loaded { images: Vec<Image> },
}

/// What an open backend says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::commands) struct Opened {
    /// Version of the adapter.
    pub(in crate::commands) version: String,
    /// Level of the plugin interface it was built with.
    pub(super) abi_level: u32,
    /// Its devices and formats.
    pub(in crate::commands) probe: Probe,
    /// Milliseconds it took to load, open and ask it.
    pub(in crate::commands) took_ms: u64,
}

/// Opens these backends one after the other, keeps them open, and says what became of each.
pub(super) fn run(backends: &[String], source: &SourceArgs) -> anyhow::Result<()> {
    let profile = profile::from_source(source)?;
    let locations = Locations::from_environment()?;
    let registry = Registry::discover(&locations.plugin_search(&profile.plugins.value));
    let mut open = Vec::new();
    for id in backends {
        say(&Message::Opening { backend: id.clone() })?;
        let (config, data_dir) = (profile.backend_config(id), locations.data().to_path_buf());
        let options = OpenOptions { config, data_dir };
        let backend = id.clone();
        match registry.get(id).and_then(|entry| opened(|| entry.open(options))) {
            Ok((kept, opened)) => {
                open.push(kept);
                say(&Message::Opened { backend, opened })?;
            }
            Err(err) => {
                let (hint, code) = (err.hint().map(str::to_owned), err.kind().code());
                say(&Message::Failed { backend, why: words(&err), hint, code })?;
            }
        }
    }
    say(&Message::Loaded { images: loaded_images() })
}

fn opened(open: impl FnOnce() -> drivetrain::Result<PluginBackend>) -> drivetrain::Result<(PluginBackend, Opened)> {
    let started = Instant::now();
    let backend = open()?;
    let probe = backend.probe()?;
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let opened = Opened { version: backend.version(), abi_level: backend.abi_level(), probe, took_ms };
    Ok((backend, opened))
}

fn say(message: &Message) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string(message)?))
}

/// The message of an error and its causes; the hint goes its own way.
pub(in crate::commands) fn words(err: &Error) -> String {
    let mut words = err.message().to_owned();
    let mut cause = std::error::Error::source(err);
    while let Some(err) = cause {
        words.push_str(": ");
        words.push_str(&err.to_string());
        cause = err.source();
    }
    words
}
