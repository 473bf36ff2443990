//! Sessions on artifacts that are being made, to learn from what they give and to check them.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    thread::available_parallelism,
};

use drivetrain_contract::{
    Artifact, ArtifactData, Backend, Call, Error, ErrorKind, Model, Precision, Precisions, Probe, Result, Session,
    SessionOptions, format,
};
use drivetrain_convert::{ArtifactEngine, GraphEngine, Opened, Rewriting};
use drivetrain_planner::{Choice, Profile};
use drivetrain_plugin_host::{Entry, OpenOptions, PluginBackend, Registry};
use serde_json::Value;

use crate::{
    Locations,
    choose::{self, Arithmetic},
    session_config::session_config,
};

/// The backends of a profile, each opened when it is needed, for artifacts that are being made.
///
/// Graphs are run by the profile's backend, or the first that reads ONNX and computes in 32-bit floats.
#[derive(Debug)]
pub struct Workbench {
    profile: Profile,
    data_dir: PathBuf,
    registry: Registry,
    opened: Vec<OpenedBackend>,
    /// Its place among them.
    graphs: usize,
    threads: NonZeroUsize,
}

#[derive(Debug)]
struct OpenedBackend {
    backend: PluginBackend,
    probe: Probe,
}

/// A way to run artifacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runner {
    /// Id of the backend.
    pub backend: String,
    /// Id of the device.
    pub device: String,
    /// Version of the engine behind the backend, where it has one.
    pub engine_version: Option<String>,
}

impl Workbench {
    /// Opens the backend that runs graphs.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Unsupported`] when no backend reads ONNX, and what opening it fails with.
    pub fn open(profile: &Profile, locations: &Locations) -> Result<Self> {
        let registry = Registry::discover(&locations.plugin_search(&profile.plugins.value));
        let candidates: Vec<String> = match &profile.backend.value {
            Choice::Named(id) => vec![registry.get(id)?.id.clone()],
            Choice::Auto => readers(&registry, format::ONNX).map(|entry| entry.id.clone()).collect(),
        };
        let mut bench = Self {
            profile: profile.clone(),
            data_dir: locations.data().to_path_buf(),
            registry,
            opened: Vec::new(),
            graphs: 0,
            threads: profile.threads.value.resolve(available_parallelism().unwrap_or(NonZeroUsize::MIN)),
        };
        let mut first_failure = None;
        for id in &candidates {
            match bench.prepare_graphs(id) {
                Ok(()) => return Ok(bench),
                Err(err) => drop(first_failure.get_or_insert(err)),
            }
        }
        Err(first_failure.unwrap_or_else(no_backend))
    }

    /// Id of the backend that runs graphs.
    pub fn backend_id(&self) -> &str {
        self.opened[self.graphs].backend.id()
    }

    /// Threads that sessions are given.
    pub fn threads(&self) -> NonZeroUsize {
        self.threads
    }

    /// Everything usable here that reads a format, the backend that runs graphs first. A backend that cannot be opened
    /// is left out, with a line in the log.
    pub fn runners(&mut self, format: &str) -> Vec<Runner> {
        let graphs = self.backend_id().to_owned();
        let mut ids: Vec<String> = readers(&self.registry, format).map(|entry| entry.id.clone()).collect();
        ids.sort_by_key(|id| *id != graphs);
        let mut runners = Vec::new();
        for id in ids {
            match self.backend(&id).and_then(|idx| self.runner(idx)) {
                Ok(runner) => runners.push(runner),
                Err(err) => log::info!("`{id}` is left out: {}", err.to_text()),
            }
        }
        runners
    }

    /// What a backend that is usable here found on this machine.
    ///
    /// # Errors
    /// What opening it fails with.
    pub fn probe(&mut self, backend: &str) -> Result<&Probe> {
        let idx = self.backend(backend)?;
        Ok(&self.opened[idx].probe)
    }

    /// What the device of a runner computes in by itself.
    pub(crate) fn native_precisions(&self, runner: &Runner) -> Precisions {
        let opened = self.opened.iter().find(|opened| opened.backend.id() == runner.backend);
        let device = opened.and_then(|opened| opened.probe.devices.iter().find(|device| device.id == runner.device));
        device.map_or(Precisions::empty(), |device| device.precisions_native)
    }

    /// Opens a session on one artifact of a model, in a precision that may be emulated.
    ///
    /// # Errors
    /// What creating it fails with.
    pub fn session(
        &mut self,
        runner: &Runner,
        (model, precision): (&Model, Precision),
        call: &dyn Call,
    ) -> Result<Box<dyn Session>> {
        let idx = self.backend(&runner.backend)?;
        let backend = &self.opened[idx].backend;
        let arithmetic = Arithmetic { precision, allow_emulated: true };
        let config_json = session_config(&backend.config_schema_json(), arithmetic);
        let options = SessionOptions { precision, config_json, ..SessionOptions::new(&runner.device, self.threads) };
        backend.create_session(model, &options, call)
    }

    /// Opens a backend and finds it fit for graphs.
    fn prepare_graphs(&mut self, id: &str) -> Result<()> {
        let entry = self.registry.get(id)?;
        if !reads(entry, format::ONNX) {
            return Err(Error::unsupported(format!("backend `{id}` does not read ONNX")));
        }
        self.graphs = self.backend(id)?;
        let arithmetic = Arithmetic { precision: Precision::F32, allow_emulated: false };
        choose::device(id, &self.opened[self.graphs].probe, &self.profile.device.value, arithmetic).map(drop)
    }

    /// Its place among those that are open.
    fn backend(&mut self, id: &str) -> Result<usize> {
        if let Some(idx) = self.opened.iter().position(|opened| opened.backend.id() == id) {
            return Ok(idx);
        }
        let config = self.profile.backend_config(id);
        let backend = self.registry.get(id)?.open(OpenOptions { config, data_dir: self.data_dir.clone() })?;
        let probe = backend.probe()?;
        self.opened.push(OpenedBackend { backend, probe });
        Ok(self.opened.len() - 1)
    }

    /// The device that the profile names, where this backend has it, else the backend's first.
    fn runner(&self, idx: usize) -> Result<Runner> {
        let OpenedBackend { backend, probe } = &self.opened[idx];
        let usable = || probe.devices.iter().filter(|device| device.tier > 0);
        let named = usable().find(|device| match &self.profile.device.value {
            Choice::Named(name) => device.id == *name,
            Choice::Auto => false,
        });
        let device = named.or_else(|| usable().next());
        let device = device.ok_or_else(|| Error::unsupported(format!("backend `{}` has no device", backend.id())))?;
        let (backend, device) = (backend.id().to_owned(), device.id.clone());
        Ok(Runner { backend, device, engine_version: probe.engine_version.clone() })
    }

    fn graph_session(&self, graph: &Path, config_json: String, call: &dyn Call) -> Result<Box<dyn Session>> {
        let data = ArtifactData::Path(PathBuf::from(graph));
        let artifact = Artifact { format: format::ONNX.to_owned(), precision: Precision::F32, data };
        let model = Model { artifacts: vec![artifact], description_json: "{}".to_owned() };
        let device = self.runner(self.graphs)?.device;
        let options = SessionOptions { config_json, ..SessionOptions::new(device, self.threads) };
        self.opened[self.graphs].backend.create_session(&model, &options, call)
    }
}

impl GraphEngine for Workbench {
    fn open(&mut self, graph: &Path, call: &dyn Call) -> Result<Box<dyn Session>> {
        self.graph_session(graph, String::new(), call)
    }

    /// With ONNX Runtime only, whose setting `optimized_model_path` does it.
    fn rewrite(&mut self, graph: &Path, rewriting: Rewriting, target: &Path, call: &dyn Call) -> Result<()> {
        const TARGET: &str = "optimized_model_path";
        let backend = &self.opened[self.graphs].backend;
        let schema: Value = serde_json::from_str(&backend.config_schema_json()).unwrap_or_default();
        if schema["properties"].get(TARGET).is_none() {
            let message = format!("backend `{}` does not save graphs that it has rewritten", backend.id());
            return Err(Error::unsupported(message).with_hint("name `--backend onnxruntime`"));
        }
        let target = std::path::absolute(target)
            .map_err(|err| Error::io(format!("`{}` is no path", target.display())).with_source(err))?;
        let level = match rewriting {
            Rewriting::Basic => "basic",
            Rewriting::Extended => "extended",
        };
        let config = serde_json::json!({ "graph_optimization": level, TARGET: target });
        self.graph_session(graph, config.to_string(), call).map(|_| ())
    }
}

impl ArtifactEngine for Workbench {
    fn graph_engine(&mut self) -> Result<String> {
        Ok(self.runner(self.graphs)?.to_string())
    }

    /// With the first backend that runs it.
    fn open_artifact(&mut self, artifact: &Artifact, description_json: &str, call: &dyn Call) -> Result<Opened> {
        let model = Model { artifacts: vec![artifact.clone()], description_json: description_json.to_owned() };
        let mut first_failure = None;
        for runner in self.runners(&artifact.format) {
            match self.session(&runner, (&model, artifact.precision), call) {
                Ok(session) => return Ok(Opened { session, engine: runner.to_string() }),
                Err(err) if err.kind() == ErrorKind::Unsupported => drop(first_failure.get_or_insert(err)),
                Err(err) => return Err(err),
            }
        }
        Err(first_failure.unwrap_or_else(|| {
            Error::unsupported(format!("no backend that can be used here reads `{}`", artifact.format))
                .with_hint("see `drivetrain plugins list`")
        }))
    }
}

impl std::fmt::Display for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.engine_version {
            Some(version) => write!(f, "{} {version}, {}", self.backend, self.device),
            None => write!(f, "{}, {}", self.backend, self.device),
        }
    }
}

fn readers<'r>(registry: &'r Registry, format: &'r str) -> impl Iterator<Item = &'r Entry> {
    registry.usable().filter(move |entry| reads(entry, format))
}

fn reads(entry: &Entry, format: &str) -> bool {
    entry.manifest.as_ref().is_some_and(|manifest| manifest.formats.iter().any(|name| name == format))
}

fn no_backend() -> Error {
    Error::unsupported("no backend here reads ONNX, which this conversion runs models in")
        .with_hint("install one: `drivetrain runtimes install onnxruntime`")
}
