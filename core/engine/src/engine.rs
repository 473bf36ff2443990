//! A model that is ready to embed.

use drivetrain_contract::{Call, Error, NoCall, Precision, Result, Session};
use drivetrain_package::Package;
use drivetrain_pipeline::{Embedded, Embedder, Embeddings, Position};
use drivetrain_planner::Profile;

use crate::EngineBuilder;

/// A model on a device of a backend, ready to embed.
#[derive(Debug)]
pub struct Engine {
    parts: Parts,
}

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) embedder: Embedder,
    pub(crate) package: Package,
    pub(crate) running: Running,
}

/// What runs where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Name of the package.
    pub model: String,
    /// Id of the backend.
    pub backend: String,
    /// Id of the device.
    pub device: String,
    /// Precision it computes in.
    pub precision: Precision,
    /// Threads of all sessions together.
    pub threads: usize,
    /// Sessions that run side by side.
    pub sessions: usize,
    /// Version of the engine behind the backend, where it has one.
    pub engine_version: Option<String>,
}

impl Engine {
    pub(crate) fn new(parts: Parts) -> Self {
        Self { parts }
    }

    /// Opens what a profile describes, with folders as the environment names them and the package's default prompt.
    ///
    /// # Errors
    /// As [`EngineBuilder::build`].
    pub fn from_profile(profile: &Profile) -> Result<Self> {
        Self::builder(profile).build()
    }

    /// The same with more to choose.
    pub fn builder(profile: &Profile) -> EngineBuilder<'_> {
        EngineBuilder::new(profile)
    }

    /// The vectors of `texts`, `[n, dim]`, in their order.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Model`] when a vector comes out with NaN or infinity, and what the backend
    /// fails with.
    pub fn embed<S: AsRef<str> + Sync>(&mut self, texts: &[S]) -> Result<Embeddings> {
        self.embed_with(texts, &NoCall)
    }

    /// The same, with a context that can stop it.
    ///
    /// # Errors
    /// As [`Engine::embed`], and when the context says so.
    pub fn embed_with<S: AsRef<str> + Sync>(&mut self, texts: &[S], call: &dyn Call) -> Result<Embeddings> {
        self.parts.embedder.embed(texts, call)
    }

    /// Gives the vectors of everything `texts` gives to `sink`, in order and in bounded memory: see
    /// [`Embedder::embed_stream`].
    ///
    /// # Errors
    /// As [`Engine::embed`], and those of `texts` and `sink`.
    pub fn embed_stream<T, E>(
        &mut self,
        from: Position,
        texts: impl Iterator<Item = Result<T, E>> + Send,
        sink: &mut dyn FnMut(Embedded<'_, T>) -> Result<(), E>,
        call: &dyn Call,
    ) -> Result<(), E>
    where
        T: AsRef<str> + Send + Sync,
        E: From<Error> + Send,
    {
        self.parts.embedder.embed_stream(from, texts, sink, call)
    }

    /// Length of the vectors.
    pub fn dim(&self) -> usize {
        self.parts.embedder.dim()
    }

    /// What runs where.
    pub fn running(&self) -> &Running {
        &self.parts.running
    }

    /// The model's package.
    pub fn package(&self) -> &Package {
        &self.parts.package
    }

    /// The session and the package it was made of, for whoever wants to run it directly.
    pub fn session_and_package(&mut self) -> (&mut dyn Session, &Package) {
        (self.parts.embedder.session_mut(), &self.parts.package)
    }
}
