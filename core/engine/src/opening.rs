//! From a candidate to sessions that run it.

use std::num::NonZeroUsize;

use drivetrain_contract::{ArtifactData, Backend, Call, Result, SessionOptions};
use drivetrain_package::Package;
use drivetrain_pipeline::{Draft, EmbedOptions, Embedder};
use drivetrain_planner::{
    Amount, Profile,
    plan::{Candidate, Shape},
};
use drivetrain_plugin_host::{OpenOptions, Registry};

use crate::{
    Event, Locations,
    artifacts::{self, Watch},
    choose::Arithmetic,
    engine::Running,
    session_config::session_config,
    sessions,
};

/// With what candidates are opened.
#[derive(Clone, Copy)]
pub(crate) struct Opening<'o> {
    pub(crate) profile: &'o Profile,
    pub(crate) locations: &'o Locations,
    pub(crate) registry: &'o Registry,
    pub(crate) package: &'o Package,
    pub(crate) call: &'o dyn Call,
}

/// What was asked for, with the profile's numbers where it has some.
pub(crate) fn embed_options(profile: &Profile, asked: EmbedOptions) -> EmbedOptions {
    let pipeline = &profile.pipeline;
    let or = |amount: Amount, otherwise: usize| amount.count().map_or(otherwise, NonZeroUsize::get);
    EmbedOptions {
        max_batch: or(pipeline.max_batch.value, asked.max_batch),
        window: or(pipeline.window.value, asked.window),
        tokenizer_threads: pipeline.tokenizer_threads.value.count(),
        ..asked
    }
}

impl Opening<'_> {
    /// Makes the candidate's file if it is still to be made, opens its backend, creates its sessions and joins them.
    ///
    /// # Errors
    /// Whatever keeps it from running.
    pub(crate) fn open(
        &self,
        (candidate, shape): (&Candidate, Shape),
        draft: Draft,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<(Embedder, Running)> {
        let Self { profile, locations, package, call, .. } = *self;
        let entry = self.registry.get(&candidate.backend)?;
        let mut config = profile.backend_config(&entry.id);
        if let Some(release) = &candidate.release {
            entry.name_library(&mut config, &release.library);
        }
        let backend = entry.open(OpenOptions { config, data_dir: locations.data().to_path_buf() })?;
        let mut watch = Watch { call, observe };
        let model = artifacts::model_of(package, &candidate.file, (profile, locations), &mut watch)?;
        let precision = candidate.precision;
        let arithmetic = Arithmetic { precision, allow_emulated: profile.allow_emulated.value };
        let threads = NonZeroUsize::new(shape.threads).unwrap_or(NonZeroUsize::MIN);
        let options = SessionOptions {
            precision,
            config_json: session_config(&backend.config_schema_json(), arithmetic),
            cache_dir: Some(locations.cache().join("compiled")),
            max_tokens: package.max_seq_length().unwrap_or(0),
            ..SessionOptions::new(&candidate.device, threads)
        };
        let n_sessions = NonZeroUsize::new(shape.sessions).unwrap_or(NonZeroUsize::MIN);
        let shares = sessions::shares(threads, n_sessions);
        let sessions = sessions::create(&backend, &model, &options, &shares, call)?;
        let embedder = draft.join(package, sessions)?;
        let running = Running {
            model: package.name().to_owned(),
            backend: entry.id.clone(),
            device: candidate.device.clone(),
            precision,
            threads: threads.get(),
            sessions: shares.len(),
            engine_version: backend.probe()?.engine_version,
            file: model.artifacts.first().and_then(|artifact| match &artifact.data {
                ArtifactData::Path(path) => Some(path.clone()),
                ArtifactData::Static(_) => None,
            }),
        };
        Ok((embedder, running))
    }
}
