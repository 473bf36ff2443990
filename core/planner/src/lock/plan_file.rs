//! Either form in which a plan is written down.

use std::path::Path;

use drivetrain_contract::{Error, Result};
use serde::Deserialize;
use serde_json::Value;

use super::{Difference, Lock, LockedPlan, compare::Facts, measured::measured, read};
use crate::{
    Goal,
    plan::{Candidate, Memory, Reason, Shape},
    tune::Figures,
};

/// A plan in a file: a lock, or what `drivetrain plan --json` prints.
#[derive(Clone, Debug, PartialEq)]
pub enum PlanFile {
    /// A lock.
    Lock(Box<Lock>),
    /// What was printed.
    Plan(Box<PlanRecord>),
}

/// What is read of a plan that was printed as JSON. Members that are not known are left unread.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct PlanRecord {
    model: String,
    chosen: Candidate,
    shape: Shape,
    memory: Memory,
    goal: Goal,
    #[serde(default)]
    figures: Value,
    #[serde(default)]
    rejected: Vec<RejectedRecord>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct RejectedRecord {
    backend: String,
    candidate: Option<Candidate>,
    reason: Value,
}

impl PlanFile {
    /// The plan in a file; a pipe will do.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::NotFound`] when it is not there, [`drivetrain_contract::ErrorKind::Io`] when it
    /// cannot be read, and as [`PlanFile::parse`].
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&path.display().to_string(), &read::text(path)?)
    }

    /// The plan in a text that messages call `label`.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] with line and column when it is neither.
    pub fn parse(label: &str, text: &str) -> Result<Self> {
        // No TOML document begins with a brace.
        if !text.trim_start().starts_with('{') {
            return Lock::parse(label, text).map(|lock| Self::Lock(Box::new(lock)));
        }
        let plan = serde_json::from_str(text).map_err(|err| {
            let (line, column) = (err.line(), err.column());
            Error::invalid(format!("`{label}`:{line}:{column}: not a plan as `drivetrain plan --json` prints it"))
                .with_source(err)
        })?;
        Ok(Self::Plan(Box::new(plan)))
    }

    /// What differs, by name. Of a lock and a plan that was printed, what both say is compared.
    pub fn differences(&self, now: &Self) -> Vec<Difference> {
        match (self, now) {
            (Self::Lock(before), Self::Lock(now)) => before.differences(now),
            (Self::Plan(before), Self::Plan(now)) => {
                let mut sides = [before, now].map(|plan| (self::facts(&plan.model, &plan.locked()), plan));
                sides.iter_mut().for_each(|(facts, plan)| plan.add_others(facts));
                let [(before, _), (now, _)] = sides;
                before.differences(&now)
            }
            _ => self.shared().differences(&now.shared()),
        }
    }

    /// What both forms say.
    fn shared(&self) -> Facts<'static> {
        match self {
            Self::Lock(lock) => facts(&lock.model.name, &lock.plan),
            Self::Plan(plan) => facts(&plan.model, &plan.locked()),
        }
    }
}

impl PlanRecord {
    fn locked(&self) -> LockedPlan {
        LockedPlan::of(&self.chosen, self.shape, self.memory, self.goal)
    }

    /// Figures, and why each of the others was not chosen.
    fn add_others(&self, facts: &mut Facts<'_>) {
        if let Ok(figures) = Figures::deserialize(&self.figures) {
            facts.measured(&measured(&figures));
        }
        for RejectedRecord { backend, candidate, reason } in &self.rejected {
            let what = candidate.as_ref().map_or_else(|| backend.clone(), Candidate::to_string);
            // A reason that a later version has is shown as it is written.
            let known = Reason::deserialize(reason).map(|reason| reason.to_string());
            facts.may_differ(format!("rejected.{what}"), &known.unwrap_or_else(|_| reason.to_string()));
        }
    }
}

fn facts(model: &str, plan: &LockedPlan) -> Facts<'static> {
    let mut facts = Facts::default();
    facts.may_differ("model.name".to_owned(), model);
    facts.plan(plan);
    facts
}
