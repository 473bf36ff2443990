//! Everything an engine is made of, gathered and then built at once.

use std::{num::NonZeroUsize, thread::available_parallelism};

use drivetrain_contract::{Backend, Call, NoCall, Precision, Result, SessionOptions};
use drivetrain_package::hub::HubSettings;
use drivetrain_pipeline::{Draft, EmbedOptions, Prompt};
use drivetrain_planner::{Amount, Profile};
use drivetrain_plugin_host::{OpenOptions, Registry};
use serde_json::{Value, json};

use crate::{
    Engine, Event, Fetch, Locations,
    artifacts::{self, Watch},
    choose::{self, Arithmetic},
    engine::Running,
    fetch_package,
    sessions::{self, Goal},
};

/// Builds an [`Engine`].
pub struct EngineBuilder<'a> {
    profile: &'a Profile,
    locations: Option<Locations>,
    hub: Option<HubSettings>,
    call: &'a dyn Call,
    goal: Goal,
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
        Self {
            profile,
            locations: None,
            hub: None,
            call: &NoCall,
            goal: Goal::default(),
            options: EmbedOptions::default(),
            observe: Box::new(|_| {}),
        }
    }

    /// Folders to use instead of those the environment names.
    #[must_use]
    pub fn locations(mut self, locations: Locations) -> Self {
        self.locations = Some(locations);
        self
    }

    /// How the hub is reached, for a model named `hf:…` that is not there yet, instead of what the environment says.
    #[must_use]
    pub fn hub(mut self, settings: HubSettings) -> Self {
        self.hub = Some(settings);
        self
    }

    /// What can stop the model from being fetched and the session from being made.
    #[must_use]
    pub fn call(mut self, call: &'a dyn Call) -> Self {
        self.call = call;
        self
    }

    /// What the engine is to be good at, where the profile leaves the number of sessions open.
    #[must_use]
    pub fn goal(mut self, goal: Goal) -> Self {
        self.goal = goal;
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
        let locations = self.locations.take().map_or_else(Locations::from_environment, Ok)?;
        let fetch = Fetch { locations: &locations, hub: self.hub.as_ref(), call: self.call };
        let package = fetch_package(&profile.model.value, &fetch, &mut self.observe)?;
        let threads = profile.threads.value.resolve(available_parallelism().unwrap_or(NonZeroUsize::MIN));
        // What is wrong with the tokenizer or the options is said before anything is converted or loaded.
        let draft = Draft::new(&package, &self.embed_options(threads))?;
        let registry = Registry::discover(&locations.plugin_search(&profile.plugins.value));
        let entry = choose::backend(&registry, &profile.backend.value, &package)?;
        let config = profile.backend_config(&entry.id);
        let backend = entry.open(OpenOptions { config, data_dir: locations.data().to_path_buf() })?;
        let probe = backend.probe()?;
        let precision = profile.precision.value.unwrap_or(Precision::F32);
        let arithmetic = Arithmetic { precision, allow_emulated: profile.allow_emulated.value };
        let device = choose::device(&entry.id, &probe, &profile.device.value, arithmetic)?;
        let formats: Vec<String> = probe.formats.iter().map(|support| support.format.clone()).collect();
        let mut watch = Watch { call: self.call, observe: &mut self.observe };
        let model = artifacts::model_for(&package, (&formats, precision), &locations, &mut watch)?;
        let options = SessionOptions {
            precision,
            config_json: session_config(&backend.config_schema_json(), arithmetic),
            cache_dir: Some(locations.cache().join("compiled")),
            max_tokens: package.max_seq_length().unwrap_or(0),
            ..SessionOptions::new(&device.id, threads)
        };
        let auto = self.goal.sessions(threads, device, artifacts::weight_bytes(&package));
        let shares = sessions::shares(threads, profile.pipeline.sessions.value.resolve(auto));
        let sessions = sessions::create(&backend, &model, &options, &shares, self.call)?;
        let embedder = draft.join(&package, sessions)?;
        let running = Running {
            model: package.name().to_owned(),
            backend: entry.id.clone(),
            device: device.id.clone(),
            precision,
            threads: threads.get(),
            sessions: shares.len(),
            engine_version: probe.engine_version,
        };
        Ok(Engine::new(embedder, package, running))
    }

    /// What was asked for, with the profile's numbers where it has some.
    fn embed_options(&self, threads: NonZeroUsize) -> EmbedOptions {
        let (asked, pipeline) = (&self.options, &self.profile.pipeline);
        let or = |amount: Amount, otherwise: usize| amount.count().map_or(otherwise, NonZeroUsize::get);
        EmbedOptions {
            batch_tokens: pipeline.batch_tokens.value.count().map(NonZeroUsize::get).or(asked.batch_tokens),
            max_batch: or(pipeline.max_batch.value, asked.max_batch),
            window: or(pipeline.window.value, asked.window),
            threads,
            tokenizer_threads: pipeline.tokenizer_threads.value.count(),
            ..asked.clone()
        }
    }
}

/// Settings of the backend that are decided here: a backend that refuses to emulate unless it is told so knows a key
/// for that, which its schema lists.
pub(crate) fn session_config(schema_json: &str, Arithmetic { allow_emulated, .. }: Arithmetic) -> String {
    const KEY: &str = "allow_emulated";
    let schema: Value = serde_json::from_str(schema_json).unwrap_or_default();
    let is_known = schema["properties"].get(KEY).is_some();
    if allow_emulated && is_known { json!({ KEY: true }).to_string() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::Precision;

    use super::*;

    fn check(schema_json: &str, allow_emulated: bool, expect: &str) {
        let arithmetic = Arithmetic { precision: Precision::F16, allow_emulated };
        assert_eq!(session_config(schema_json, arithmetic), expect, "{schema_json}");
    }

    #[test]
    fn only_backends_that_know_the_key_are_told() {
        let knows = r#"{"properties":{"allow_emulated":{"type":"boolean"}}}"#;
        check(knows, true, r#"{"allow_emulated":true}"#);
        check(knows, false, "");
        for other in ["", "{", "[]", "{}", r#"{"properties":{"library":{}}}"#] {
            check(other, true, "");
        }
    }
}
