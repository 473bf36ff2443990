//! From what is known to a plan.

use drivetrain_contract::{Error, ErrorKind, Result};
use serde::Serialize;

use super::{
    Candidate, Engine, Memory, ModelFacts, Reason, Shape,
    candidate::Possible,
    order,
    sift::{Open, Sifted, trial_of},
};
use crate::{
    Goal, Profile,
    probe::Hardware,
    rules::{RuleSet, Walk},
    tune::{Figures, Trial, predicted_speed},
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
    /// What was found out by trial, on this machine and for this goal. Without any the rules decide.
    pub trials: &'a [Trial],
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
    /// How many times as fast as in 32-bit floats on a processor it was expected to be before anything was measured.
    pub expected_speed: f64,
    /// What was measured of it, if it was tried.
    pub figures: Option<Figures>,
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
    /// What was measured of it, if it was tried.
    pub figures: Option<Figures>,
    /// Why.
    pub reason: Reason,
}

/// Decides.
///
/// # Errors
/// [`ErrorKind::Unsupported`] when nothing is left to run the model, with what would change that,
/// [`ErrorKind::Dependency`] when an engine is not there that could be had, [`ErrorKind::Io`] when the disk is too full
/// for a file that is still to be made, and
/// [`ErrorKind::OutOfMemory`] when only the limit on memory stands against it, with what it would have to be.
pub fn plan(situation: &Situation<'_>, rules: &RuleSet) -> Result<Plan> {
    let Situation { model, trials, .. } = *situation;
    let sifted = Sifted::for_plan(situation, rules);
    let goal = sifted.goal();
    let tried = best_tried(&sifted.open, goal, trials);
    let Some(best) = tried.or_else(|| sifted.open.iter().position(|open| open.fit.is_ok())) else {
        let needy = sifted.open.iter().filter_map(|open| open.fit.err());
        return Err(nothing_left(model, needy.map(|needs| needs.total()).min(), &sifted.rejected));
    };
    let Sifted { walk, mut open, rejected: sorted_out, most, .. } = sifted;
    let Open { possible: chosen, fit } = open.remove(best);
    let trial = trial_of(trials, &chosen.candidate);
    let shape = tried.and(trial).map(|trial| trial.shape).or(fit.ok()).unwrap_or(Shape::SMALLEST);
    let against = Against { candidate: &chosen.candidate, trial: tried.and(trial), goal, walk: walk.as_ref(), most };
    let mut rejected: Vec<Rejected> = open.into_iter().map(|other| against.reject(other, trials)).collect();
    rejected.extend(sorted_out);
    for one in &mut rejected {
        let trial = one.candidate.as_ref().and_then(|candidate| trial_of(trials, candidate));
        one.figures = trial.and_then(Trial::figures).cloned();
    }
    Ok(Plan {
        model: model.name.clone(),
        shape,
        memory: Memory::expected(model, &chosen.candidate.file, &shape),
        expected_speed: predicted_speed(&chosen.candidate),
        figures: trial.and_then(Trial::figures).cloned(),
        goal,
        rejected,
        walk,
        chosen: chosen.candidate,
    })
}

/// The one that did best of those that were tried.
fn best_tried(open: &[Open<'_>], goal: Goal, trials: &[Trial]) -> Option<usize> {
    let costs = open.iter().enumerate().filter(|(_, open)| open.fit.is_ok()).filter_map(|(idx, open)| {
        let trial = trial_of(trials, &open.possible.candidate)?;
        Some((idx, cost(trial, goal)?))
    });
    Some(costs.min_by(|(_, one), (_, other)| one.total_cmp(other))?.0)
}

/// What is to be little: bytes for those who want to spare memory, else time.
fn cost(trial: &Trial, goal: Goal) -> Option<f64> {
    match goal {
        Goal::Memory => trial.figures()?.peak_bytes.map(|bytes| bytes as f64),
        Goal::Latency | Goal::Throughput => trial.seconds_per_text(),
    }
}

/// What was chosen, which the others are held against.
struct Against<'c> {
    candidate: &'c Candidate,
    /// Its own, if it was chosen for what that showed.
    trial: Option<&'c Trial>,
    goal: Goal,
    walk: Option<&'c Walk>,
    most: Option<u64>,
}

impl Against<'_> {
    fn reject(&self, other: Open<'_>, trials: &[Trial]) -> Rejected {
        let reason = match other.fit {
            Err(needs) => Reason::Memory { needs: needs.total(), most: self.most.unwrap_or_default() },
            Ok(_) => self.reason(&other.possible, trials),
        };
        Rejected::candidate(other.possible.candidate, reason)
    }

    fn reason(&self, other: &Possible<'_>, trials: &[Trial]) -> Reason {
        let Some(own) = self.trial.and_then(|trial| cost(trial, self.goal)) else {
            if other.candidate.release.is_some() {
                return Reason::OtherRelease;
            }
            let choice = order::named(other, self.walk).map(|(_, choice)| choice.name.clone());
            return Reason::Later { choice };
        };
        let trial = trial_of(trials, &other.candidate);
        let others = trial.and_then(|trial| cost(trial, self.goal));
        match (others, self.goal) {
            (None, _) if trial.is_some() => Reason::Untimed,
            (Some(cost), Goal::Memory) => Reason::Larger { times: cost / own },
            (Some(cost), _) => Reason::Slower { times: own / cost },
            (None, _) => Reason::Untried {
                expected: predicted_speed(&other.candidate) / predicted_speed(self.candidate),
                target: other.candidate.file.target.clone(),
            },
        }
    }
}

impl Rejected {
    pub(super) fn candidate(candidate: Candidate, reason: Reason) -> Self {
        Self { backend: candidate.backend.clone(), candidate: Some(candidate), figures: None, reason }
    }
}

/// The error for a model that nothing can run, with the first thing that can be done about it: memory, if what needs
/// least of it would do.
fn nothing_left(model: &ModelFacts, least: Option<u64>, rejected: &[Rejected]) -> Error {
    if let Some(needs) = least {
        let mib = needs.div_ceil(1 << 20);
        return Error::new(ErrorKind::OutOfMemory, format!("the model `{}` needs at least {mib} MiB", model.name))
            .with_hint(format!("raise `limits.memory` to `{mib}MiB`, or take a smaller model"));
    }
    if let Some(obstacle) = model.obstacle.as_ref().filter(|_| model.files.iter().all(|file| model.is_obstructed(file)))
    {
        let error = Error::unsupported(&obstacle.reason);
        return obstacle.remedy.iter().fold(error, |error, remedy| error.with_hint(remedy));
    }
    let mut why: Vec<String> = Vec::new();
    for Rejected { backend, reason, .. } in rejected {
        let words = format!("{backend}: {reason}");
        if !why.contains(&words) {
            why.push(words);
        }
    }
    // An engine that is known and not there, which can be mended, is what is missing.
    let is_missing = rejected.iter().any(|one| matches!(&one.reason, Reason::Absent(one) if one.remedy.is_some()));
    let is_full = rejected.iter().any(|one| matches!(one.reason, Reason::Disk { is_full: true, .. }));
    let kind = match (is_missing, is_full) {
        (_, true) => ErrorKind::Io,
        (true, false) => ErrorKind::Dependency,
        (false, false) => ErrorKind::Unsupported,
    };
    let message = format!("nothing here can run the model `{}`: {}", model.name, why.join("; "));
    let error = Error::new(kind, message);
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
