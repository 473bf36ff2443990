//! Which candidates are worth a trial.

use std::{collections::BTreeSet, time::Duration};

use drivetrain_contract::{DeviceKind, Precision};

use serde::{Deserialize, Serialize};

use crate::{
    Goal,
    plan::{Budget, Candidate, Memory, Shape, Sifted, Situation},
    rules::RuleSet,
};

/// How many are tried at the most, the reference not counted: each takes about a second to load.
const MOST: usize = 8;
/// What is expected to be slower than this share of the fastest is not tried.
const HOPELESS: f64 = 0.3;

/// Seconds that it takes to start a process and load an engine without a model.
const LOAD_SECONDS: f64 = 1.0;
/// Bytes of a model that are read and rearranged in a second.
const READ_PER_SECOND: f64 = 200e6;
/// Seconds of laps without which nothing can be told.
const LAPS_SECONDS: f64 = 5.0;

/// A candidate that is worth a trial, and how it is to be run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contender {
    /// The candidate.
    pub candidate: Candidate,
    /// How it is run.
    pub shape: Shape,
    /// Whether the others' vectors are compared with its own.
    pub is_reference: bool,
    /// Whether it may win; one that may not is only compared with.
    pub competes: bool,
}

/// What takes part in a race, and what it is about.
#[derive(Clone, Debug)]
pub struct Field {
    /// Who takes part, the reference first.
    pub contenders: Vec<Contender>,
    /// What may be lost.
    pub budget: Budget,
    /// What matters most.
    pub goal: Goal,
    /// Most tokens of a text that the model reads; `None` is no limit.
    pub max_tokens: Option<usize>,
    /// Whether the winner is also tried with its threads split up otherwise: where nobody said how.
    pub varies_splits: bool,
}

/// The field for a situation. Its contenders are the candidates that are worth a trial: the reference first, then in the order in which they are likely to win.
///
/// Those that the rules put first are always among them. What must still be made is not: a trial makes nothing.
///
/// The reference computes in 32-bit floats. It is also there when it is no candidate itself, since what others lose is
/// not known without it; where no engine that may be used computes so, there is none.
pub fn field(situation: &Situation<'_>, rules: &RuleSet) -> Field {
    let sifted = Sifted::for_trial(situation, rules);
    // Files of one engine in one precision hardly differ in speed: the one that is preferred stands for all.
    let mut seen = BTreeSet::new();
    let mut is_new = |one: &Candidate| {
        let release = one.release.as_ref().map(|release| release.version.clone());
        seen.insert((one.backend.clone(), release, one.device.clone(), one.precision.name()))
    };
    let mut open: Vec<(f64, Contender)> = sifted
        .fitting()
        .filter(|(candidate, _)| candidate.file.target.is_none() && is_new(candidate))
        .map(|(candidate, shape)| {
            (
                predicted_speed(candidate),
                Contender { candidate: candidate.clone(), shape, is_reference: false, competes: true },
            )
        })
        .collect();
    let first = (!open.is_empty()).then(|| open.remove(0));
    // Of those that are expected to be equally fast, the order of the rules stays.
    open.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let best = open.iter().chain(&first).map(|(speed, _)| *speed).fold(0.0, f64::max);
    let likely = open.into_iter().filter(|(speed, _)| *speed >= HOPELESS * best);
    let mut chosen: Vec<Contender> = first.into_iter().chain(likely).map(|(_, one)| one).take(MOST).collect();
    if let Some(reference) = chosen.iter().position(|one| one.candidate.is_exact()) {
        let mut reference = chosen.remove(reference);
        reference.is_reference = true;
        chosen.insert(0, reference);
    } else if let Some((candidate, shape)) = sifted.reference() {
        chosen.insert(0, Contender { candidate, shape, is_reference: true, competes: false });
    }
    // They are all in memory at the same time; with fewer than two there is no race.
    let (most, mut held) = (sifted.most_bytes().unwrap_or(u64::MAX), 0u64);
    let mut n_kept = 0;
    chosen.retain(|one| {
        let bytes = Memory::expected(situation.model, &one.candidate.file, &one.shape).total();
        let fits = n_kept < 2 || held.saturating_add(bytes) <= most;
        held = held.saturating_add(if fits { bytes } else { 0 });
        n_kept += usize::from(fits);
        fits
    });
    let goal = sifted.goal();
    let (threads, sessions) = (&situation.profile.threads.value, &situation.profile.pipeline.sessions.value);
    let varies_splits = match goal {
        Goal::Throughput => sessions.count().is_none(),
        Goal::Latency => threads.count().is_none() && sessions.count().is_none(),
        Goal::Memory => false,
    };
    Field { contenders: chosen, budget: sifted.budget(), goal, max_tokens: situation.model.max_tokens, varies_splits }
}

impl Field {
    /// How long a race is expected to take: a second for each process and engine, what it takes to read the files, and
    /// laps.
    pub fn expected_time(&self) -> Duration {
        let bytes: u64 = self.contenders.iter().map(|one| one.candidate.file.bytes).sum();
        let reading = bytes as f64 / READ_PER_SECOND;
        Duration::from_secs_f64(LAPS_SECONDS + LOAD_SECONDS * self.contenders.len() as f64 + reading)
    }
}

/// How many times as fast as in 32-bit floats on the same kind of device a candidate is expected to be before anything
/// was measured. In the middle of what was measured for transformers with all engines (docs/tuning.md), on devices that
/// compute in the precision by themselves; a graphics processor counts as ten processors.
pub(crate) fn predicted_speed(candidate: &Candidate) -> f64 {
    let precision = match candidate.precision {
        Precision::F32 => 1.0,
        Precision::F16 | Precision::Bf16 => 1.7,
        Precision::Int8 => 2.5,
    };
    precision * if candidate.kind == DeviceKind::Gpu { 10.0 } else { 1.0 }
}
