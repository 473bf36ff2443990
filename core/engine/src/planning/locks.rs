//! Locks of plans, and whether what is here is as a lock says.

use drivetrain_contract::{Call, Error, Precision, Result};
use drivetrain_planner::{
    Amount, Origin,
    lock::{FileHashes, Lock, LockedEngine, LockedMachine, LockedModel, ModelSource},
    plan::{Plan, Release},
    probe::{Hardware, PluginOutcome},
};

use super::{Asked, Look, Outlook, Prober, Questions};
use crate::artifacts;

/// Name of the file in the cache folder.
const HASHES: &str = "file-hashes.json";
/// The setting of an engine that says where its library is. Where that is does not matter; its version does.
const LIBRARY: &str = "library";

impl Outlook<'_> {
    /// The lock of a plan that was made of this. Hashes of files are remembered in the cache folder.
    ///
    /// # Errors
    /// As [`Lock::of`], and what reading the model's files fails with.
    pub fn lock(&self, plan: &Plan, call: &dyn Call) -> Result<Lock> {
        let chosen = &plan.chosen;
        let is_chosen = |asked: &&Asked| asked.id == chosen.backend && asked.release == chosen.release;
        let outcome = self.asked().iter().find(is_chosen).map(|asked| &asked.outcome);
        let (engine, machine) =
            self.look.engine_and_machine((&chosen.backend, &chosen.device), outcome, self.hardware())?;
        let model = self.look.locked_model((&chosen.file.format, &chosen.file.path), call)?;
        Lock::of(plan, model, engine, machine)
    }
}

impl Look<'_> {
    /// Makes sure that what is here is what a lock says, which messages call `label`. Gives the release of the engine's
    /// library to load, where it is not the one that is loaded by itself.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Unsupported`] with the first differences, or the first setting that wants
    /// something else; as [`Prober::probe`]; and what reading the model's files fails with.
    pub(crate) fn check(
        &self,
        (lock, label): (&Lock, &str),
        prober: &mut dyn Prober,
        call: &dyn Call,
    ) -> Result<Option<Release>> {
        self.check_settings(lock, label)?;
        let plan = &lock.plan;
        let hardware = Hardware::of_this_machine();
        let (profile, locations) = (self.profile, self.locations);
        let questions = Questions { profile, locations, identity: hardware.identity(), refresh: false };
        let entry = self.registry.get(&plan.backend)?;
        let mut asked = questions.ask([entry], prober)?;
        let is_locked = |asked: &Asked| {
            let probe = asked.outcome.probe();
            probe.is_some_and(|probe| probe.engine_version == lock.engine.version)
        };
        if !asked.iter().any(is_locked) {
            asked.extend(questions.ask_releases([entry], prober)?);
        }
        let locked = asked.iter().find(|asked| is_locked(asked)).or(asked.first());
        let outcome = locked.map(|asked| &asked.outcome);
        let (engine, machine) = self.engine_and_machine((&plan.backend, &plan.device), outcome, &hardware)?;
        let model = self.locked_model((&plan.format, &plan.file), call)?;
        lock.check(label, &Lock { model, engine, machine, ..lock.clone() })?;
        Ok(locked.and_then(|asked| asked.release.clone()))
    }

    /// What the profile names is not left out of account silently.
    fn check_settings(&self, lock: &Lock, label: &str) -> Result<()> {
        let (profile, plan) = (self.profile, &lock.plan);
        let check = |key: &str, wanted: Option<&str>, origin: &Origin, locked: &str| match wanted {
            Some(wanted) if wanted != locked => {
                let message = format!("`{key}` is `{wanted}` ({origin}), and `{locked}` in `{label}`");
                Err(Error::unsupported(message).with_hint("leave the setting out, or lock a plan that is made with it"))
            }
            _ => Ok(()),
        };
        let (backend, device, precision, threads) =
            (&profile.backend, &profile.device, &profile.precision, &profile.threads);
        let n_threads = threads.value.count().map(|count| count.to_string());
        check("backend", backend.value.named(), &backend.origin, &plan.backend)?;
        check("device", device.value.named(), &device.origin, &plan.device)?;
        check("precision", precision.value.map(Precision::name), &precision.origin, plan.precision.name())?;
        check("threads", n_threads.as_deref(), &threads.origin, &plan.threads.to_string())?;
        let pipeline = &profile.pipeline;
        // Of more than fit into memory a plan takes fewer.
        let fewer = |amount: Amount, locked: Option<usize>| {
            amount
                .count()
                .filter(|count| locked.is_none_or(|locked| locked > count.get()))
                .map(|count| count.to_string())
        };
        let n_sessions = fewer(pipeline.sessions.value, Some(plan.sessions));
        check("pipeline.sessions", n_sessions.as_deref(), &pipeline.sessions.origin, &plan.sessions.to_string())?;
        let n_tokens = fewer(pipeline.batch_tokens.value, plan.batch_tokens);
        let locked = plan.batch_tokens.map_or_else(|| "auto".to_owned(), |tokens| tokens.to_string());
        check("pipeline.batch_tokens", n_tokens.as_deref(), &pipeline.batch_tokens.origin, &locked)?;
        match plan.denied_by(&profile.limits) {
            Some(denied) => {
                let message = format!("{} on {} in `{label}`: {denied}", plan.backend, plan.device);
                Err(Error::unsupported(message).with_hint("leave the limit out, or lock a plan that is made with it"))
            }
            None => Ok(()),
        }
    }

    /// An engine with one of its devices, and the machine they are on.
    fn engine_and_machine(
        &self,
        (backend, device): (&str, &str),
        outcome: Option<&PluginOutcome>,
        hardware: &Hardware,
    ) -> Result<(LockedEngine, LockedMachine)> {
        let (version, probe) = match outcome {
            Some(PluginOutcome::Works { version, probe, .. }) => (version, probe),
            Some(PluginOutcome::Refused { why, hint, .. }) => {
                let error = Error::dependency(why);
                return Err(hint.iter().fold(error, |error, hint| error.with_hint(hint)));
            }
            None => return Err(Error::not_found(format!("there is no engine `{backend}`"))),
        };
        let mut settings = self.profile.backend_config(backend);
        settings.remove(LIBRARY);
        let device = probe.devices.iter().find(|one| one.id == device);
        Ok((LockedEngine::of(version, probe, settings), LockedMachine::of(hardware, device)))
    }

    /// The model's files by their hashes, which are remembered.
    fn locked_model(&self, file: (&str, &str), call: &dyn Call) -> Result<LockedModel> {
        let cache = self.locations.cache().join(HASHES);
        let mut hashes = FileHashes::read(&cache).unwrap_or_else(|err| {
            log::warn!("{}; files are hashed again", err.to_text());
            FileHashes::default()
        });
        let made = artifacts::cache_folder(self.package, self.locations);
        let source = ModelSource { package: self.package, made: Some(&made), call };
        let model = LockedModel::of(&source, file, &mut hashes)?;
        if let Err(err) = hashes.write(&cache) {
            log::warn!("{}; files will be hashed again the next time", err.to_text());
        }
        Ok(model)
    }
}
