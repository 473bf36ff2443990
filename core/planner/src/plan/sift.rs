//! Candidates that are left, and why the others are not.

use drivetrain_contract::{Capabilities, Device, DeviceKind, Precision};

use super::{
    Budget, Candidate, Engine, Memory, ModelFile, Reason, Rejected, Shape, Situation, budget,
    candidate::{Possible, possible},
    memory, order, refuse,
    shape::wanted_shape,
};
use crate::{
    Goal,
    rules::{Facts, RuleSet, Walk, device_word},
    tune::{Outcome, Trial},
};

/// Candidates that are left, in the order in which to try them, and why the others are not.
pub(crate) struct Sifted<'a> {
    situation: Situation<'a>,
    goal: Goal,
    budget: Budget,
    /// The way through the rules, if they have one for the task.
    pub(super) walk: Option<Walk>,
    pub(super) open: Vec<Open<'a>>,
    pub(super) rejected: Vec<Rejected>,
    /// Bytes of main memory that may be used, where that is known.
    pub(super) most: Option<u64>,
}

/// A candidate that may be had, with its shape or, where that is too much, with what it needs of memory.
pub(super) struct Open<'a> {
    pub(super) possible: Possible<'a>,
    pub(super) fit: Result<Shape, Memory>,
}

impl<'a> Sifted<'a> {
    /// For a plan: what was tried counts by what came of it, and everything else by what is expected of it.
    pub(super) fn for_plan(situation: &Situation<'a>, rules: &RuleSet) -> Self {
        Self::new(situation, rules, |budget, candidate| match trial_of(situation.trials, candidate) {
            Some(Trial { outcome: Outcome::Failed { why, .. }, .. }) => Some(Reason::Failed { problem: why.clone() }),
            Some(Trial { outcome: Outcome::Ran(figures), .. }) => budget.refusal(candidate, figures),
            None => budget.expected_refusal(candidate),
        })
    }

    /// For a trial: what may turn out to lose little enough is left.
    pub(crate) fn for_trial(situation: &Situation<'a>, rules: &RuleSet) -> Self {
        Self::new(situation, rules, Budget::hopeless)
    }

    fn new(situation: &Situation<'a>, rules: &RuleSet, loses: impl Fn(&Budget, &Candidate) -> Option<Reason>) -> Self {
        let Situation { hardware, engines, model, profile, .. } = *situation;
        let goal = profile.workload.goal.value.unwrap_or(situation.goal);
        let budget = Budget::of(profile, goal);
        // A model that exists in 8 bits only is its own reference, of which nothing is lost.
        let has_reference = model.files.iter().any(|file| file.precision != Precision::Int8);
        let counts = |reason: &Reason| has_reference || matches!(reason, Reason::Failed { .. });
        let walk = rules.walk(model.task, &facts(situation, goal)).ok();
        let (mut open, mut rejected) = (Vec::new(), absent(engines, &model.files));
        for possible in possible(engines, model) {
            let refusal = refuse::refusal(&possible, model, profile)
                .or_else(|| loses(&budget, &possible.candidate).filter(counts));
            match refusal {
                Some(reason) => rejected.push(Rejected::candidate(possible.candidate, reason)),
                None => open.push(possible),
            }
        }
        order::sort(&mut open, walk.as_ref());
        let most = profile.limits.memory_bytes(hardware);
        let fitted = |possible: Possible<'a>| {
            let shape = wanted_shape(hardware, profile, goal, &possible);
            let fit = memory::fit(model, &possible.candidate.file, shape, most);
            Open { possible, fit }
        };
        let open = open.into_iter().map(fitted).collect();
        Self { situation: *situation, goal, budget, walk, open, rejected, most }
    }

    /// What matters most.
    pub(crate) fn goal(&self) -> Goal {
        self.goal
    }

    /// Bytes of main memory that may be used, where that is known.
    pub(crate) fn most_bytes(&self) -> Option<u64> {
        self.most
    }

    /// What may be lost.
    pub(crate) fn budget(&self) -> Budget {
        self.budget
    }

    /// Those that fit into memory, each with the shape in which it does.
    pub(crate) fn fitting(&self) -> impl Iterator<Item = (&Candidate, Shape)> {
        self.open.iter().filter_map(|open| Some((&open.possible.candidate, open.fit.ok()?)))
    }

    /// What others are compared with where no candidate that is left computes in 32-bit floats: the first one that
    /// does, wanted or not, on the processor.
    pub(crate) fn reference(&self) -> Option<(Candidate, Shape)> {
        let Situation { hardware, engines, model, profile, .. } = self.situation;
        let is_exact = |possible: &Possible<'_>| {
            let candidate = &possible.candidate;
            candidate.is_exact() && candidate.kind == DeviceKind::Cpu && candidate.file.target.is_none()
        };
        let possible = possible(engines, model).into_iter().find(is_exact)?;
        let shape = wanted_shape(hardware, profile, self.goal, &possible);
        let fit = memory::fit(model, &possible.candidate.file, shape, self.most);
        Some((possible.candidate, fit.ok()?))
    }
}

/// The trial of a candidate.
pub(super) fn trial_of<'t>(trials: &'t [Trial], candidate: &Candidate) -> Option<&'t Trial> {
    trials.iter().find(|trial| trial.candidate == *candidate)
}

/// Engines that are out as a whole.
fn absent(engines: &[Engine], files: &[ModelFile]) -> Vec<Rejected> {
    let out = |engine: &Engine| {
        let reason = match &engine.found {
            Err(absence) => Reason::Absent(engine.absence(absence)),
            Ok(probe) => {
                let reads = |file: &ModelFile| probe.formats.iter().any(|format| format.format == file.format);
                if files.iter().any(reads) {
                    return None;
                }
                Reason::NoFile { reads: probe.formats.iter().map(|format| format.format.clone()).collect() }
            }
        };
        Some(Rejected { backend: engine.backend.clone(), candidate: None, figures: None, reason })
    };
    engines.iter().filter_map(out).collect()
}

/// What rules may ask.
fn facts(situation: &Situation<'_>, goal: Goal) -> Facts {
    let Situation { hardware, engines, model, profile, .. } = situation;
    let usable = |device: &Device| {
        device.tier > 0
            && profile.device.value.named().is_none_or(|name| name == device.id)
            && profile.limits.denies_device(&[&device.id, device_word(device.kind)]).is_none()
    };
    let probes = engines.iter().filter_map(|engine| engine.found.as_ref().ok());
    let devices: Vec<&Device> = probes.flat_map(|probe| &probe.devices).filter(|device| usable(device)).collect();
    let mut kinds: Vec<DeviceKind> = devices.iter().map(|device| device.kind).collect();
    kinds.sort_by_key(|kind| *kind != DeviceKind::Gpu);
    let machine = hardware.facts();
    // What an engine runs without padding on a card, it runs with flash attention.
    let has_flash =
        |device: &&Device| device.kind == DeviceKind::Gpu && device.capabilities.contains(Capabilities::PACKED_IN);
    let flash_attention = machine.flash_attention.or_else(|| devices.iter().any(has_flash).then_some(true));
    Facts {
        device: kinds.into_iter().find(|kind| matches!(kind, DeviceKind::Gpu | DeviceKind::Cpu)),
        architecture: model.architecture.clone(),
        text_chars: profile.workload.text_length.value.map(|length| f64::from(length.chars())),
        max_loss: Some(budget::loss_allowed(profile)),
        goal: Some(goal.name().to_owned()),
        flash_attention,
        ..machine
    }
}
