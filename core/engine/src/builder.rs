//! Everything an engine is made of, gathered and then built at once.

mod frozen;
mod side;

use std::{num::NonZeroUsize, path::PathBuf};

use drivetrain_contract::{Call, Error, ErrorKind, NoCall, Result};
use drivetrain_convert::Target;
use drivetrain_package::{Package, Prompts, hub::HubSettings};
use drivetrain_pipeline::{Draft, EmbedOptions, Embedder, Prompt};
use drivetrain_planner::{
    Goal, Profile, Side, Tune,
    plan::{Candidate, Shape},
};
use drivetrain_plugin_host::Registry;

use crate::{
    Engine, Event, Fetch, Locations,
    engine::Running,
    fetch_package,
    opening::{Opening, embed_options},
    planning::{InProcess, Look, Outlook, Prober, Tuning},
    spare::{Lost, Spare, is_callers},
};

/// Builds an [`Engine`].
pub struct EngineBuilder<'a> {
    profile: &'a Profile,
    locations: Option<Locations>,
    hub: Option<HubSettings>,
    call: &'a dyn Call,
    goal: Goal,
    lock: Option<PathBuf>,
    side: Option<Side>,
    options: EmbedOptions,
    prober: Option<Box<dyn Prober + 'a>>,
    tuner: Option<Box<dyn Tuning + 'a>>,
    observe: Box<dyn FnMut(Event<'_>) + 'a>,
    /// Whether another engine takes over from one that breaks.
    replaces: bool,
    /// What is not to be taken again.
    lost: &'a [Lost],
}

/// A model that is loaded.
pub(crate) struct Opened {
    pub(crate) embedder: Embedder,
    pub(crate) package: Package,
    pub(crate) running: Running,
    /// The candidate that was taken.
    pub(crate) runs: (Candidate, Shape),
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
            goal: Goal::Latency,
            lock: None,
            side: None,
            options: EmbedOptions::default(),
            prober: None,
            tuner: None,
            observe: Box::new(|_| {}),
            replaces: true,
            lost: &[],
        }
    }

    /// To plan again without what broke.
    pub(crate) fn anew(spare: &'a Spare) -> Self {
        Self {
            locations: Some(spare.locations.clone()),
            goal: spare.goal,
            side: spare.side,
            options: spare.options.clone(),
            lost: &spare.lost,
            ..Self::new(&spare.profile)
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

    /// What matters most where the profile leaves it open: latency, if nothing is said.
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

    /// Who asks engines what they find that have not been asked before, instead of this process.
    #[must_use]
    pub fn prober(mut self, prober: impl Prober + 'a) -> Self {
        self.prober = Some(Box::new(prober));
        self
    }

    /// Who tries candidates before there is a plan. Without one, what is known already has to do.
    #[must_use]
    pub fn tuner(mut self, tuner: impl Tuning + 'a) -> Self {
        self.tuner = Some(Box::new(tuner));
        self
    }

    /// Whether the next best engine takes over from one that breaks while it runs: so it is if nothing is said. Not where
    /// all vectors have to be of one engine.
    #[must_use]
    pub fn replaces(mut self, replaces: bool) -> Self {
        self.replaces = replaces;
        self
    }

    /// Called with what happens while the engine gets ready.
    #[must_use]
    pub fn on_event(mut self, observe: impl FnMut(Event<'_>) + 'a) -> Self {
        self.observe = Box::new(observe);
        self
    }

    /// Opens model, backend and session: as a plan has them, or where the profile says `plan.frozen` as a lock has them.
    ///
    /// # Errors
    /// Whatever keeps the profile from being run; the message says what, and the hint what to do.
    pub fn build(self) -> Result<Engine> {
        match self.side {
            Some(side) => {
                let profile = self.profile.for_side(side);
                EngineBuilder { profile: &profile, ..self }.build_one()
            }
            None => self.build_one(),
        }
    }

    /// The same with the profile as it is.
    fn build_one(mut self) -> Result<Engine> {
        let profile = self.profile;
        let locations = self.locations.take().map_or_else(Locations::from_environment, Ok)?;
        if profile.plan.frozen.value {
            return self.build_frozen(&locations);
        }
        let (goal, side, options, replaces) = (self.goal, self.side, self.options.clone(), self.replaces);
        let Opened { embedder, package, running, runs } = self.locations(locations.clone()).open()?;
        // Whoever names an engine means that one.
        let may_replace = replaces && profile.backend.value.named().is_none();
        let spare = may_replace.then(|| {
            let profile = profile.clone();
            Spare { profile, locations, goal, side, options, runs, lost: Vec::new() }
        });
        Ok(Engine::new(embedder, package, running, spare))
    }

    /// Plans, and opens the best that loads.
    pub(crate) fn open(mut self) -> Result<Opened> {
        let profile = self.profile;
        let locations = self.locations.take().map_or_else(Locations::from_environment, Ok)?;
        let fetch = Fetch { locations: &locations, hub: self.hub.as_ref(), call: self.call };
        let package = fetch_package(&profile.model.value, &fetch, &mut self.observe)?;
        // What is wrong with the tokenizer or the options is said before anything is planned, converted or loaded.
        let mut draft = Some(Draft::new(&package, &self.embed_options(package.prompts()))?);
        let registry = Registry::discover(&locations.plugin_search(&profile.plugins.value));
        let look = Look { profile, locations: &locations, registry: &registry, package: &package, goal: self.goal };
        let mut in_process = InProcess::new(profile, &locations);
        let mut given = self.prober.take();
        let prober: &mut dyn Prober = match &mut given {
            Some(prober) => &mut **prober,
            None => &mut in_process,
        };
        let mut outlook = Outlook::look(look, prober)?;
        match &mut self.tuner {
            Some(tuner) => tuner.tune(&mut outlook)?,
            None if profile.plan.tune.value == Tune::Always && outlook.trials().is_empty() => {
                log::warn!(
                    "`plan.tune` is `always`, and this program does not try candidates: `drivetrain plan --tune` does"
                );
            }
            None => {}
        }
        for Lost { candidate, shape, kind, why } in self.lost {
            outlook.give_up(candidate, *shape, why);
            outlook.keep_release(candidate);
            if *kind == ErrorKind::DeviceLost {
                outlook.lose_device(candidate);
            }
        }
        let opening =
            Opening { profile, locations: &locations, registry: &registry, package: &package, call: self.call };
        let mut first_failure = None;
        loop {
            let plan = match outlook.plan() {
                Ok(plan) => plan,
                Err(nothing_left) => return Err(first_failure.unwrap_or(nothing_left)),
            };
            if profile.backend.value.named().is_none() {
                (self.observe)(Event::Planned(&plan));
            }
            let mut drafted = match draft.take() {
                Some(draft) => draft,
                None => Draft::new(&package, &self.embed_options(package.prompts()))?,
            };
            drafted.set_threads(NonZeroUsize::new(plan.shape.threads).unwrap_or(NonZeroUsize::MIN));
            drafted.set_batch_tokens(plan.shape.batch_tokens.or(self.options.batch_tokens));
            let err = match opening.open((&plan.chosen, plan.shape), drafted, &mut self.observe) {
                Ok((embedder, running)) => {
                    return Ok(Opened { embedder, package, running, runs: (plan.chosen, plan.shape) });
                }
                Err(err) => err,
            };
            // That a smaller file cannot be made of the model is no reason to end: it is too far from the model, or the
            // disk is full. After an engine broke, nothing that another one says is a reason.
            let is_derived = plan.chosen.file.target.as_ref().is_some_and(|target| *target != Target::Onnx.name());
            let is_not_made = is_derived && matches!(err.kind(), ErrorKind::Model | ErrorKind::Io);
            let makes_way = is_the_engines(&err) || is_not_made || (!self.lost.is_empty() && !is_callers(&err));
            if !makes_way || profile.backend.value.named().is_some() {
                return Err(err);
            }
            log::warn!("{} does not run, the next best is taken: {}", plan.chosen, err.to_text());
            outlook.give_up(&plan.chosen, plan.shape, &err.to_text());
            outlook.keep_release(&plan.chosen);
            first_failure.get_or_insert(err);
        }
    }

    /// What was asked for, with the profile's numbers where it has some.
    fn embed_options(&self, prompts: &Prompts) -> EmbedOptions {
        EmbedOptions { prompt: self.prompt_among(prompts), ..embed_options(self.profile, self.options.clone()) }
    }
}

/// Whether another engine may do what this one does not: what is wrong with the model, its files or what was asked for
/// is to be said instead.
fn is_the_engines(err: &Error) -> bool {
    use ErrorKind::{Abi, Dependency, DeviceLost, Internal, OutOfMemory, Panic, Unsupported};
    matches!(err.kind(), Abi | Dependency | DeviceLost | Internal | OutOfMemory | Panic | Unsupported)
}
