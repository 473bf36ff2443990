//! Everything an engine is made of, gathered and then built at once.

use std::thread::available_parallelism;

use drivetrain_contract::{Backend, NoCall, Result, SessionOptions};
use drivetrain_pipeline::{EmbedOptions, Embedder, Prompt};
use drivetrain_planner::Profile;
use drivetrain_plugin_host::{OpenOptions, Registry};

use crate::{
    Engine, Event, Locations, artifacts, choose,
    engine::{Parts, Running},
    model::open_package,
};

/// Builds an [`Engine`].
pub struct EngineBuilder<'a> {
    profile: &'a Profile,
    locations: Option<Locations>,
    options: EmbedOptions,
    observe: Box<dyn FnMut(Event<'_>) + 'a>,
}

impl std::fmt::Debug for EngineBuilder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineBuilder")
            .field("profile", self.profile)
            .field("locations", &self.locations)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<'a> EngineBuilder<'a> {
    pub(crate) fn new(profile: &'a Profile) -> Self {
        Self { profile, locations: None, options: EmbedOptions::default(), observe: Box::new(|_| {}) }
    }

    /// Folders to use instead of those the environment names.
    #[must_use]
    pub fn locations(mut self, locations: Locations) -> Self {
        self.locations = Some(locations);
        self
    }

    /// What is put before each text.
    #[must_use]
    pub fn prompt(mut self, prompt: Prompt) -> Self {
        self.options.prompt = prompt;
        self
    }

    /// Keep only the first so many numbers of each vector.
    #[must_use]
    pub fn truncate_dim(mut self, dim: Option<usize>) -> Self {
        self.options.truncate_dim = dim;
        self
    }

    /// Called with what happens while the engine gets ready.
    #[must_use]
    pub fn on_event(mut self, observe: impl FnMut(Event<'_>) + 'a) -> Self {
        self.observe = Box::new(observe);
        self
    }

    /// Opens model, backend and session.
    ///
    /// # Errors
    /// Whatever keeps the profile from being run; the message says what, and the hint what to do.
    pub fn build(mut self) -> Result<Engine> {
        let profile = self.profile;
        let locations = self.locations.map_or_else(Locations::from_environment, Ok)?;
        let package = open_package(&profile.model.value, &locations)?;
        let registry = Registry::discover(&locations.plugin_search(&profile.plugins.value));
        let entry = choose::backend(&registry, &profile.backend.value, &package)?;
        let config = profile.backend_config(&entry.id);
        let backend = entry.open(OpenOptions { config, data_dir: locations.data().to_path_buf() })?;
        let probe = backend.probe()?;
        let precision = profile.precision.value;
        let device = choose::device(&entry.id, &probe, &profile.device.value, precision)?;
        let formats: Vec<String> = probe.formats.iter().map(|support| support.format.clone()).collect();
        let model = artifacts::model_for(&package, &formats, precision, &locations, &mut self.observe)?;
        let threads = profile.threads.value.resolve(available_parallelism().unwrap_or(std::num::NonZeroUsize::MIN));
        let options = SessionOptions {
            precision,
            cache_dir: Some(locations.cache().join("compiled")),
            max_tokens: package.max_seq_length().unwrap_or(0),
            ..SessionOptions::new(&device.id, threads)
        };
        let session = backend.create_session(&model, &options, &NoCall)?;
        self.options.threads = threads;
        let embedder = Embedder::new(&package, session, &self.options)?;
        let running = Running {
            model: package.name().to_owned(),
            backend: entry.id.clone(),
            device: device.id.clone(),
            precision,
            threads: threads.get(),
            engine_version: probe.engine_version,
        };
        Ok(Engine::new(Parts { embedder, package, running }))
    }
}
