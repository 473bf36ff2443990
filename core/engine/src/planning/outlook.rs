//! Everything that a plan depends on, in one place.

use drivetrain_contract::{Call, Error, ErrorKind, Precision, Probe, Result};
use drivetrain_package::Package;
use drivetrain_planner::{
    Choice, Goal, Profile,
    plan::{Absence, Candidate, Engine, ModelFacts, Plan, Shape, Situation, plan},
    probe::{Hardware, PluginKey},
    rules::RuleSet,
    tune::{Field, Outcome, Trial, field},
};
use drivetrain_plugin_host::{Entry, Registry, State};

use super::{Asked, Prober, Questions, facts::model_facts, kept};
use crate::{
    Event, Locations,
    artifacts::{self, Watch},
    choose::{self, Arithmetic},
    open_package,
    spare::is_callers,
    trial::Lengths,
};

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Look<'l> {
    /// What the user wants.
    pub profile: &'l Profile,
    /// Where plugins, models and answers are.
    pub locations: &'l Locations,
    /// The plugins.
    pub registry: &'l Registry,
    /// The model.
    pub package: &'l Package,
    /// What matters most where the profile leaves it open.
    pub goal: Goal,
}

/// Everything that a plan depends on, gathered once.
#[derive(Clone, Debug)]
pub struct Outlook<'l> {
    pub(super) look: Look<'l>,
    hardware: Hardware,
    engines: Vec<Engine>,
    /// Those that were asked, and what they said.
    asked: Vec<Asked>,
    model: ModelFacts,
    rules: RuleSet,
    trials: Vec<Trial>,
    /// Candidates whose files cannot be made.
    gone: Vec<Trial>,
}

impl<'l> Outlook<'l> {
    /// Looks at machine, engines and model. Engines that the profile rules out, or that read none of the model's files,
    /// are not asked.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] for rules that cannot be read, and as [`Prober::probe`].
    pub fn look(look: Look<'l>, prober: &mut dyn Prober) -> Result<Self> {
        let Look { profile, locations, registry, package, .. } = look;
        check_limits(profile)?;
        choose::backend(registry, &profile.backend.value, package)?;
        let rules = RuleSet::named(&profile.plan.rules.value)?;
        let hardware = Hardware::of_this_machine();
        let model = model_facts(package, locations);
        let questions = Questions { profile, locations, identity: hardware.identity(), refresh: false };
        let (mut unasked, mut relevant) = (Vec::new(), Vec::new());
        for entry in registry.entries().iter().filter(|entry| !matches!(entry.state, State::Shadowed)) {
            match beside_the_point(entry, &model, profile) {
                Some(absence) => unasked.push(Engine { backend: entry.id.clone(), release: None, found: Err(absence) }),
                None => relevant.push(entry),
            }
        }
        let mut asked = questions.ask(relevant.iter().copied(), prober)?;
        asked.iter().try_for_each(|asked| asked.check_settings(profile))?;
        asked.extend(questions.ask_releases(relevant, prober)?);
        let engines: Vec<Engine> = asked.iter().map(Asked::engine).chain(unasked).collect();
        check_device(&engines, profile)?;
        let mut outlook = Self { look, hardware, engines, asked, model, rules, trials: Vec::new(), gone: Vec::new() };
        outlook.trials = kept::read(&outlook);
        Ok(outlook)
    }

    /// How to run the model.
    ///
    /// # Errors
    /// As [`plan`].
    pub fn plan(&self) -> Result<Plan> {
        plan(&self.situation(), &self.rules)
    }

    /// Makes the file that would be chosen without any trial, where it is still to be made: a race is between files that
    /// are there. Where it cannot be made, what would be chosen instead.
    ///
    /// # Errors
    /// What `call` says.
    pub fn make_chosen(&mut self, call: &dyn Call, observe: &mut dyn FnMut(Event<'_>)) -> Result<()> {
        let Look { profile, locations, package, .. } = self.look;
        loop {
            let Ok(plan) = plan(&Situation { trials: &self.gone, ..self.situation() }, &self.rules) else {
                return Ok(());
            };
            if plan.chosen.file.target.is_none() {
                return Ok(());
            }
            let mut watch = Watch { call, observe };
            let made = artifacts::model_of(package, &plan.chosen.file, (profile, locations), &mut watch);
            match made.and_then(|_| open_package(&profile.model.value, locations)) {
                Ok(package) => self.model = model_facts(&package, locations),
                Err(err) if is_callers(&err) => return Err(err),
                Err(err) => {
                    log::warn!("{} is left out: {}", plan.chosen, err.to_text());
                    let outcome = Outcome::Failed { why: err.to_text(), may_pass: true };
                    self.gone.push(Trial { candidate: plan.chosen, shape: plan.shape, outcome });
                }
            }
        }
    }

    /// What a race between candidates would be about.
    pub fn field(&self) -> Field {
        field(&Situation { trials: &[], ..self.situation() }, &self.rules)
    }

    /// What was found out by trial, now or before.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// What the user wants.
    pub fn profile(&self) -> &'l Profile {
        self.look.profile
    }

    /// Bytes of main memory that may be used, where that is known.
    pub fn memory_limit(&self) -> Option<u64> {
        self.look.profile.limits.memory_bytes(&self.hardware)
    }

    /// The machine.
    pub fn hardware(&self) -> &Hardware {
        &self.hardware
    }

    /// The engines that were asked, and what they said. Not those that are beside the point.
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// The same with other trials.
    pub(super) fn set_trials(&mut self, trials: Vec<Trial>) {
        self.trials = trials;
    }

    /// Leaves a candidate out from now on, since it did not run.
    pub(crate) fn give_up(&mut self, candidate: &Candidate, shape: Shape, why: &str) {
        self.trials.retain(|trial| trial.candidate != *candidate);
        let outcome = Outcome::Failed { why: why.to_owned(), may_pass: true };
        self.trials.push(Trial { candidate: candidate.clone(), shape, outcome });
    }

    /// Leaves out all other releases of a candidate's engine, of which a process can load one.
    pub(crate) fn keep_release(&mut self, candidate: &Candidate) {
        self.engines.retain(|engine| engine.backend != candidate.backend || engine.release == candidate.release);
    }

    /// Leaves out a candidate's device, which is lost to its engine.
    pub(crate) fn lose_device(&mut self, candidate: &Candidate) {
        let of_it = self.engines.iter_mut().filter(|engine| engine.backend == candidate.backend);
        for probe in of_it.filter_map(|engine| engine.found.as_mut().ok()) {
            probe.devices.retain(|device| device.id != candidate.device);
        }
    }

    /// What trials depend on besides the field and the texts.
    pub(super) fn circumstances(&self) -> (String, Vec<&PluginKey>) {
        (artifacts::cache_key(self.look.package), self.asked.iter().map(|asked| &asked.key).collect())
    }

    /// How long texts are, as far as that is said.
    pub(super) fn lengths(&self) -> Lengths {
        Lengths::of(self.look.profile)
    }

    fn situation(&self) -> Situation<'_> {
        Situation {
            hardware: &self.hardware,
            engines: &self.engines,
            model: &self.model,
            profile: self.look.profile,
            goal: self.look.goal,
            trials: &self.trials,
        }
    }
}

/// What a profile names, its own limits must not rule out.
fn check_limits(profile: &Profile) -> Result<()> {
    let Profile { backend, device, limits, .. } = profile;
    let backend = backend.value.named().map(|id| ("backend", id, &backend.origin, limits.denies_backend(id)));
    let device = device.value.named().map(|id| ("device", id, &device.origin, limits.denies_device(&[id])));
    for (key, id, origin, denied) in [backend, device].into_iter().flatten() {
        // Which kind of device a name is of, only engines know: a list of what is allowed may name the kind.
        if let Some(denied) = denied.filter(|_| key == "backend" || limits.allow_devices.value.is_empty()) {
            let message = format!("`{key}` is `{id}` ({origin}), but {denied}");
            return Err(Error::invalid(message).with_hint("leave one of the two out"));
        }
    }
    Ok(())
}

/// Whether what the profile names is there: a device of any engine, and of an engine that it names as well a device
/// that computes in the precision.
fn check_device(engines: &[Engine], profile: &Profile) -> Result<()> {
    let (device, backend) = (&profile.device.value, profile.backend.value.named());
    let by_themselves = engines.iter().filter(|one| one.release.is_none());
    let there: Vec<(&str, &Probe)> =
        by_themselves.filter_map(|one| Some((&*one.backend, one.found.as_ref().ok()?))).collect();
    let has = |(_, probe): &&(&str, &Probe)| probe.devices.iter().any(|one| device.named() == Some(&*one.id));
    let Some((id, probe)) = there.iter().find(has).or(there.first()) else { return Ok(()) };
    let precision = profile.precision.value.unwrap_or(Precision::F32);
    let arithmetic = Arithmetic { precision, allow_emulated: profile.allow_emulated.value };
    let is_named = (backend.is_some() || there.len() == 1) && profile.precision.value.is_some();
    match choose::device(id, probe, device, arithmetic) {
        Err(err) if is_named || err.kind() == ErrorKind::NotFound => Err(err),
        _ => Ok(()),
    }
}

/// Why an engine need not be asked, if so.
fn beside_the_point(entry: &Entry, model: &ModelFacts, profile: &Profile) -> Option<Absence> {
    let manifest = entry.manifest.as_ref()?;
    let unasked = |reason: String| Some(Absence { reason, remedy: None });
    if let Choice::Named(wanted) = &profile.backend.value
        && *wanted != entry.id
    {
        return unasked(format!("`backend` is `{wanted}` ({})", profile.backend.origin));
    }
    if let Some(denied) = profile.limits.denies_backend(&entry.id) {
        return unasked(denied);
    }
    let reads = |name: &String| model.files.iter().any(|file| file.format == *name);
    if manifest.formats.iter().any(reads) {
        return None;
    }
    unasked(format!("it reads {}, which this model has not", manifest.formats.join(", ")))
}
