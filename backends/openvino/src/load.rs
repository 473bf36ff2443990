//! From an artifact and settings to a model compiled for a device.

use std::sync::Arc;

use drivetrain_contract::{Artifact, Precision, Result, SessionGroup};

use crate::{
    artifact,
    cache::CacheFolder,
    compiled::Compiled,
    device::Found,
    error,
    native::{CompiledModel, Source},
    options::Settings,
    properties::{Properties, properties},
    runtime::Runtime,
};

/// Properties that compiled models on disk do not depend on.
const THREADING: [&str; 4] = ["NUM_STREAMS", "INFERENCE_NUM_THREADS", "ENABLE_CPU_PINNING", "PERFORMANCE_HINT"];

/// What a model is compiled from.
#[derive(Debug)]
pub(crate) struct Load {
    /// The library.
    pub(crate) runtime: &'static Runtime,
    /// The graph.
    pub(crate) artifact: Artifact,
    /// Device to compile it for.
    pub(crate) found: Found,
    /// Precision to compute in.
    pub(crate) precision: Precision,
    /// Everything else.
    pub(crate) settings: Settings,
    /// The sessions that share it.
    pub(crate) group: Option<SessionGroup>,
}

impl Load {
    /// The compiled model: for a group, that of the session before, if there is one.
    pub(crate) fn run(&self) -> Result<Arc<Compiled>> {
        let source = artifact::source(&self.artifact)?;
        let identity = artifact::identity(source)?;
        let properties = properties(&self.runtime.core, &self.found.native, &self.settings, self.precision)?;
        let compile = || {
            let model = self.compile(source, &identity, properties.clone())?;
            Ok(Compiled::new(model, self.group.is_none() && self.settings.num_streams == 1))
        };
        match self.group {
            None => compile().map(Arc::new),
            Some(group) => {
                let key = format!("{identity}\n{}\n{properties:?}", self.found.native);
                self.runtime.shared.join(key, group.sessions.get(), |model| !model.is_spoilt(), compile)
            }
        }
    }

    /// Bytes in memory have no name that would outlive the process, so they are compiled each time.
    fn compile(&self, source: Source<'_>, identity: &str, mut properties: Properties) -> Result<CompiledModel> {
        let folder = match (&self.settings.cache_dir, source) {
            (Some(root), Source::File(_)) => {
                let device = (&self.found.native, &self.found.device.name);
                let kept: Vec<_> = properties.iter().filter(|(key, _)| !THREADING.contains(&key.as_str())).collect();
                CacheFolder::begin(root, (&self.runtime.version, identity, device, kept))
            }
            _ => None,
        };
        if let Some(path) = folder.as_ref().and_then(|folder| folder.path().to_str()) {
            properties.push(("CACHE_DIR".to_owned(), path.to_owned()));
        }
        let label = self.artifact.data.label();
        let compiled = self.runtime.core.compile(source, &self.found.native, &properties);
        let compiled = compiled.map_err(|failure| error::load(&label, failure))?;
        if let Some(folder) = folder {
            folder.finish();
        }
        Ok(compiled)
    }
}
