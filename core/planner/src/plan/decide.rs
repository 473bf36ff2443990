//! From what is known to a plan.

use std::num::NonZeroUsize;

use drivetrain_contract::{Capabilities, Device, DeviceKind, Error, ErrorKind, Result};
use serde::Serialize;

use super::{
    Candidate, Engine, Memory, ModelFacts, Reason, Shape,
    candidate::{Possible, possible},
    memory, order, refuse,
};
use crate::{
    Goal, MemoryLimit, Profile,
    probe::Hardware,
    rules::{Facts, RuleSet, Walk},
};

/// All that a plan depends on.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The machine.
    pub hardware: &'a Hardware,
    /// The engines, those that are not there included, in the order in which they are preferred.
    pub engines: &'a [Engine],
    /// The model.
    pub model: &'a ModelFacts,
    /// What the user wants.
    pub profile: &'a Profile,
    /// What matters most where the profile leaves it open.
    pub goal: Goal,
}

/// How to run a model, and why so.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Name of the model.
    pub model: String,
    /// What was chosen.
    pub chosen: Candidate,
    /// How it is run.
    pub shape: Shape,
    /// What it is expected to take of main memory.
    pub memory: Memory,
    /// What matters most.
    pub goal: Goal,
    /// The way through the rules; `None` where they have nothing for the model's task.
    pub walk: Option<Walk>,
    /// Everything else that was looked at, likeliest first.
    pub rejected: Vec<Rejected>,
}

/// Something that was not chosen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rejected {
    /// Id of the backend.
    pub backend: String,
    /// The candidate, unless the whole engine is out.
    pub candidate: Option<Candidate>,
    /// Why.
    pub reason: Reason,
}

/// Decides.
///
/// # Errors
/// [`ErrorKind::Unsupported`] when nothing is left to run the model, with what would change that, and
/// [`ErrorKind::OutOfMemory`] when only the limit on memory stands against it, with what it would have to be.
pub fn plan(situation: &Situation<'_>, rules: &RuleSet) -> Result<Plan> {
    let Situation { hardware, engines, model, profile, .. } = situation;
    let goal = profile.workload.goal.value.unwrap_or(situation.goal);
    let walk = rules.walk(model.task, &facts(situation, goal)).ok();
    let (mut open, mut rejected) = (Vec::new(), absent(engines, model));
    for possible in possible(engines, model) {
        match refuse::refusal(&possible, model, profile) {
            Some(reason) => rejected.push(Rejected::candidate(possible.candidate, reason)),
            None => open.push(possible),
        }
    }
    order::sort(&mut open, walk.as_ref());
    let most = memory_limit(hardware, profile);
    let mut chosen = None;
    let mut passed_over = Vec::new();
    for possible in open {
        let (shape, file) = (wanted_shape(hardware, profile, goal, &possible), &possible.candidate.file);
        match memory::fit(model, file, shape, most) {
            Ok(shape) if chosen.is_none() => chosen = Some((possible.candidate, shape)),
            Ok(_) => {
                let choice = order::named(&possible, walk.as_ref()).map(|(_, choice)| choice.name.clone());
                passed_over.push(Rejected::candidate(possible.candidate, Reason::Later { choice }));
            }
            Err(needs) => {
                let reason = Reason::Memory { needs: needs.total(), most: most.unwrap_or_default() };
                passed_over.push(Rejected::candidate(possible.candidate, reason));
            }
        }
    }
    passed_over.append(&mut rejected);
    let Some((chosen, shape)) = chosen else { return Err(nothing_left(model, &passed_over)) };
    let memory = Memory::expected(model, &chosen.file, &shape);
    Ok(Plan { model: model.name.clone(), chosen, shape, memory, goal, walk, rejected: passed_over })
}

impl Rejected {
    fn candidate(candidate: Candidate, reason: Reason) -> Self {
        Self { backend: candidate.backend.clone(), candidate: Some(candidate), reason }
    }
}

/// Engines that are out as a whole.
fn absent(engines: &[Engine], model: &ModelFacts) -> Vec<Rejected> {
    let out = |engine: &Engine| {
        let reason = match &engine.found {
            Err(absence) => Reason::Absent(absence.clone()),
            Ok(probe) => {
                let reads = |file: &super::ModelFile| probe.formats.iter().any(|format| format.format == file.format);
                if model.files.iter().any(reads) {
                    return None;
                }
                Reason::NoFile { reads: probe.formats.iter().map(|format| format.format.clone()).collect() }
            }
        };
        Some(Rejected { backend: engine.backend.clone(), candidate: None, reason })
    };
    engines.iter().filter_map(out).collect()
}

/// What rules may ask.
fn facts(situation: &Situation<'_>, goal: Goal) -> Facts {
    let Situation { hardware, engines, model, profile, .. } = situation;
    let usable = |device: &Device| device.tier > 0 && profile.device.value.named().is_none_or(|name| name == device.id);
    let probes = engines.iter().filter_map(|engine| engine.found.as_ref().ok());
    let mut kinds: Vec<DeviceKind> =
        probes.flat_map(|probe| &probe.devices).filter(|device| usable(device)).map(|device| device.kind).collect();
    kinds.sort_by_key(|kind| *kind != DeviceKind::Gpu);
    Facts {
        device: kinds.into_iter().find(|kind| matches!(kind, DeviceKind::Gpu | DeviceKind::Cpu)),
        architecture: model.architecture.clone(),
        text_chars: profile.workload.text_length.value.map(|length| f64::from(length.chars())),
        max_loss: Some(refuse::loss_allowed(profile)),
        goal: Some(goal.name().to_owned()),
        ..hardware.facts()
    }
}

/// Bytes of main memory that may be used, where that is known.
fn memory_limit(hardware: &Hardware, profile: &Profile) -> Option<u64> {
    let all = hardware.memory_bytes();
    match profile.limits.memory.value {
        MemoryLimit::Auto => hardware.memory_available_bytes().or(all),
        MemoryLimit::Bytes(bytes) => Some(bytes),
        MemoryLimit::Share(share) => all.map(|all| (all as f64 * share) as u64),
    }
}

/// Most bytes of weights that sessions beyond the first may add where the profile does not name their number.
const MORE_WEIGHTS: u64 = 2 << 30;

/// Sessions, threads and batch as the profile has them, and else as they were measured to be best.
fn wanted_shape(hardware: &Hardware, profile: &Profile, goal: Goal, possible: &Possible<'_>) -> Shape {
    let cores = hardware.limits.cores.as_ref().map_or(f64::INFINITY, |cores| f64::from(cores.value));
    // Two threads on one core wait for each other's arithmetic.
    let usable = hardware.cpus().map_or(1, |cpus| cpus.min(cores).ceil().max(1.0) as usize);
    let threads = profile.threads.value.resolve(NonZeroUsize::new(usable).unwrap_or(NonZeroUsize::MIN));
    let auto = match goal {
        Goal::Throughput if is_spread(possible) => {
            let room = MORE_WEIGHTS / possible.candidate.file.bytes.max(1);
            NonZeroUsize::MIN.saturating_add(usize::try_from(room).unwrap_or(usize::MAX)).min(threads)
        }
        _ => NonZeroUsize::MIN,
    };
    let sessions = profile.pipeline.sessions.value.resolve(auto).min(threads).get();
    let batch_tokens = profile.pipeline.batch_tokens.value.count().map(NonZeroUsize::get);
    Shape { sessions, threads: threads.get(), batch_tokens }
}

/// Whether sessions side by side are faster than one with all threads: on the processor, where threads that share a run
/// wait for each other.
fn is_spread(possible: &Possible<'_>) -> bool {
    let capabilities = possible.device.capabilities;
    possible.candidate.kind == DeviceKind::Cpu && capabilities.contains(Capabilities::MULTI_INSTANCE)
}

/// The error for a model that nothing can run, with the first thing that can be done about it.
fn nothing_left(model: &ModelFacts, rejected: &[Rejected]) -> Error {
    let least = rejected.iter().filter_map(|rejected| match rejected.reason {
        Reason::Memory { needs, .. } => Some(needs),
        _ => None,
    });
    if let Some(needs) = least.min() {
        let mib = needs.div_ceil(1 << 20);
        return Error::new(ErrorKind::OutOfMemory, format!("the model `{}` needs at least {mib} MiB", model.name))
            .with_hint(format!("raise `limits.memory` to `{mib}MiB`, or take a smaller model"));
    }
    let mut why: Vec<String> = Vec::new();
    for Rejected { backend, reason, .. } in rejected {
        let words = format!("{backend}: {reason}");
        if !why.contains(&words) {
            why.push(words);
        }
    }
    let error = Error::unsupported(format!("nothing here can run the model `{}`: {}", model.name, why.join("; ")));
    match rejected.iter().find_map(|rejected| rejected.reason.remedy()) {
        Some(remedy) => error.with_hint(remedy),
        None => error.with_hint("`drivetrain doctor` says what is there"),
    }
}

impl Rejected {
    /// What was rejected, in words.
    pub fn what(&self) -> String {
        self.candidate.as_ref().map_or_else(|| self.backend.clone(), Candidate::to_string)
    }
}
