//! Sessions on graphs that are being made, to learn from what they give.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    thread::available_parallelism,
};

use drivetrain_contract::{
    Artifact, ArtifactData, Backend, Call, Error, Model, Precision, Result, Session, SessionOptions, format,
};
use drivetrain_convert::{GraphEngine, Rewriting};
use drivetrain_planner::{Choice, Profile};
use drivetrain_plugin_host::{Entry, OpenOptions, PluginBackend, Registry};
use serde_json::Value;

use crate::{
    Locations,
    choose::{self, Arithmetic},
};

/// A backend that reads ONNX, on a device, for graphs that are being made.
///
/// It is the profile's backend, or the first that reads ONNX and computes in 32-bit floats.
#[derive(Debug)]
pub struct Workbench {
    backend: PluginBackend,
    device_id: String,
    threads: NonZeroUsize,
}

impl Workbench {
    /// Opens the backend.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Unsupported`] when no backend reads ONNX, and what opening it fails with.
    pub fn open(profile: &Profile, locations: &Locations) -> Result<Self> {
        let registry = Registry::discover(&locations.plugin_search(&profile.plugins.value));
        let entry = match &profile.backend.value {
            Choice::Named(id) => registry.get(id)?,
            Choice::Auto => registry.usable().find(|entry| reads_onnx(entry)).ok_or_else(no_backend)?,
        };
        if !reads_onnx(entry) {
            return Err(Error::unsupported(format!("backend `{}` does not read ONNX", entry.id)));
        }
        let config = profile.backend_config(&entry.id);
        let backend = entry.open(OpenOptions { config, data_dir: locations.data().to_path_buf() })?;
        let probe = backend.probe()?;
        let arithmetic = Arithmetic { precision: Precision::F32, allow_emulated: false };
        let device_id = choose::device(&entry.id, &probe, &profile.device.value, arithmetic)?.id.clone();
        let threads = profile.threads.value.resolve(available_parallelism().unwrap_or(NonZeroUsize::MIN));
        Ok(Self { backend, device_id, threads })
    }

    /// Id of the backend.
    pub fn backend_id(&self) -> &str {
        self.backend.id()
    }

    fn session_with(&self, graph: &Path, config_json: String, call: &dyn Call) -> Result<Box<dyn Session>> {
        let data = ArtifactData::Path(PathBuf::from(graph));
        let artifact = Artifact { format: format::ONNX.to_owned(), precision: Precision::F32, data };
        let model = Model { artifacts: vec![artifact], description_json: "{}".to_owned() };
        let options = SessionOptions { config_json, ..SessionOptions::new(&self.device_id, self.threads) };
        self.backend.create_session(&model, &options, call)
    }
}

impl GraphEngine for Workbench {
    fn open(&mut self, graph: &Path, call: &dyn Call) -> Result<Box<dyn Session>> {
        self.session_with(graph, String::new(), call)
    }

    /// With ONNX Runtime only, whose setting `optimized_model_path` does it.
    fn rewrite(&mut self, graph: &Path, rewriting: Rewriting, target: &Path, call: &dyn Call) -> Result<()> {
        const TARGET: &str = "optimized_model_path";
        let schema: Value = serde_json::from_str(&self.backend.config_schema_json()).unwrap_or_default();
        if schema["properties"].get(TARGET).is_none() {
            let message = format!("backend `{}` does not save graphs that it has rewritten", self.backend.id());
            return Err(Error::unsupported(message).with_hint("name `--backend onnxruntime`"));
        }
        let target = std::path::absolute(target)
            .map_err(|err| Error::io(format!("`{}` is no path", target.display())).with_source(err))?;
        let level = match rewriting {
            Rewriting::Basic => "basic",
            Rewriting::Extended => "extended",
        };
        let config = serde_json::json!({ "graph_optimization": level, TARGET: target });
        self.session_with(graph, config.to_string(), call).map(|_| ())
    }
}

fn reads_onnx(entry: &Entry) -> bool {
    entry.manifest.as_ref().is_some_and(|manifest| manifest.formats.iter().any(|name| name == format::ONNX))
}

fn no_backend() -> Error {
    Error::unsupported("no backend here reads ONNX, which this conversion runs models in")
        .with_hint("install one: `drivetrain runtimes install onnxruntime`")
}
