//! From an artifact and settings to a session of the engine.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use drivetrain_contract::{Artifact, ArtifactData, Error, Result};
use ort::{
    ep::{self, ExecutionProviderDispatch},
    session::{Session, builder::SessionBuilder},
};

use crate::{error, options::Settings, runtime::Runtime};

/// What a session of the engine is made from.
#[derive(Debug)]
pub(crate) struct Load<'a> {
    /// The library.
    pub(crate) runtime: &'static Runtime,
    /// The graph.
    pub(crate) artifact: &'a Artifact,
    /// Device to load it onto.
    pub(crate) device_id: &'a str,
    /// Everything else.
    pub(crate) settings: &'a Settings,
}

impl Load<'_> {
    /// Loads the graph onto the device that `dispatch` switches on, which is the processor if it is `None`.
    pub(crate) fn run(&self, dispatch: Option<ExecutionProviderDispatch>) -> Result<Session> {
        let label = self.artifact.data.label();
        drivetrain_graphs::check(self.artifact)?;
        let mut builder = self.configure().map_err(error::setting)?;
        if let Some(dispatch) = dispatch {
            builder = self.switch_on(builder, dispatch)?;
        }
        let optimized = Optimized::begin(self.settings, self.path())?;
        if let Some(optimized) = &optimized {
            builder =
                builder.with_optimized_model_path(&optimized.partial).map_err(|err| error::setting(err.into()))?;
        }
        let session = match &self.artifact.data {
            ArtifactData::Path(path) => builder.commit_from_file(path),
            ArtifactData::Static(bytes) => builder.commit_from_memory(bytes),
        };
        let session = session.map_err(|err| error::load(&label, err))?;
        if let Some(optimized) = optimized {
            optimized.finish()?;
        }
        Ok(session)
    }

    /// The artifact's path, if it has one.
    fn path(&self) -> Option<&Path> {
        match &self.artifact.data {
            ArtifactData::Path(path) => Some(path),
            ArtifactData::Static(_) => None,
        }
    }

    fn configure(&self) -> ort::Result<SessionBuilder> {
        let settings = self.settings;
        let mut builder = Session::builder(&self.runtime.environment)?
            .with_log_level(settings.log_severity.into())?
            .with_optimization_level(settings.graph_optimization.into())?
            .with_parallel_execution(settings.parallel)?
            .with_intra_threads(settings.intra_threads)?
            .with_inter_threads(settings.inter_threads)?
            .with_intra_op_spinning(settings.spin)?
            .with_inter_op_spinning(settings.spin)?
            .with_memory_pattern(settings.memory_pattern)?
            .with_execution_providers([ep::CPU::default().with_arena_allocator(settings.memory_arena).build()])?;
        if let Some(affinity) = &settings.affinity {
            builder = builder.with_config_entry("session.intra_op_thread_affinities", affinity)?;
        }
        Ok(builder)
    }

    fn switch_on(&self, builder: SessionBuilder, dispatch: ExecutionProviderDispatch) -> Result<SessionBuilder> {
        let builder =
            builder.with_execution_providers([dispatch]).map_err(|err| error::device(self.device_id, err.into()))?;
        if self.settings.cpu_fallback {
            return Ok(builder);
        }
        builder.with_disable_cpu_fallback().map_err(|err| error::setting(err.into()))
    }
}

/// A rewritten graph on its way to its place: written beside it, renamed when whole, removed otherwise.
#[derive(Debug)]
struct Optimized {
    partial: PathBuf,
    target: PathBuf,
}

impl Optimized {
    fn begin(settings: &Settings, model: Option<&Path>) -> Result<Option<Self>> {
        let (Some(partial), Some(target)) = (settings.partial_path(model)?, settings.optimized_model_path.clone())
        else {
            return Ok(None);
        };
        File::create(&partial).map_err(|err| cannot_write(&target).with_source(err))?;
        Ok(Some(Self { partial, target }))
    }

    fn finish(self) -> Result<()> {
        fs::rename(&self.partial, &self.target).map_err(|err| cannot_write(&self.target).with_source(err))
    }
}

impl Drop for Optimized {
    /// After a rename there is nothing left to remove, and that is as well.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.partial);
    }
}

fn cannot_write(path: &Path) -> Error {
    Error::io(format!("cannot write `{}`", path.display())).with_hint("check `optimized_model_path`")
}
