//! Two locks, compared fact by fact.

use std::collections::{BTreeMap, BTreeSet};

use drivetrain_contract::{Error, Result};

use super::{Difference, Lock, LockedEngine, LockedFile, LockedGpu, LockedMachine, LockedModel, LockedPlan};
use crate::rules::device_word;

/// Differences that a message names.
const SHOWN: usize = 4;

/// Something a lock says.
struct Fact<'a> {
    value: Value<'a>,
    may_differ: bool,
}

/// How it is compared and shown.
enum Value<'a> {
    Text(String),
    Set(&'a BTreeSet<String>),
    File(LockedFile),
}

/// Facts by their names.
#[derive(Default)]
pub(super) struct Facts<'a>(BTreeMap<String, Fact<'a>>);

impl Lock {
    /// What differs, by name: this lock is what was, the other one what is now.
    pub fn differences(&self, now: &Lock) -> Vec<Difference> {
        let needs = self.plan.memory_bytes;
        self.facts(needs).differences(&now.facts(needs))
    }

    /// Makes sure that nothing differs that has to be the same. Messages call this lock `label`.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Unsupported`] with the first differences.
    pub fn check(&self, label: &str, now: &Lock) -> Result<()> {
        let differences = self.differences(now);
        let refused: Vec<String> =
            differences.iter().filter(|one| !one.may_differ).map(Difference::to_string).collect();
        if refused.is_empty() {
            return Ok(());
        }
        let (locked, here) = (&self.model.name, &now.model.name);
        if locked != here && self.model.files != now.model.files {
            let message = format!("`{label}` is of the model `{locked}`, and this is `{here}`");
            return Err(Error::unsupported(message).with_hint("name the model with `-m`, or the lock with `--lock`"));
        }
        let more = match refused.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let shown = refused[..refused.len().min(SHOWN)].join("; ");
        Err(Error::unsupported(format!("not as `{label}` says: {shown}{more}")).with_hint(format!(
            "if that is meant, `drivetrain plan --lock {label}` with this model and these settings renews it; else run \
                 without `--frozen`"
        )))
    }

    /// `needs` is the memory that the plan to be run takes.
    fn facts(&self, needs: u64) -> Facts<'_> {
        let mut facts = Facts::default();
        facts.model(&self.model);
        facts.plan(&self.plan);
        facts.engine(&self.engine);
        facts.machine(&self.machine, needs);
        facts.measured(&self.measured);
        facts
    }
}

impl<'a> Facts<'a> {
    pub(super) fn plan(&mut self, plan: &LockedPlan) {
        self.must("plan.backend", &plan.backend);
        self.must("plan.device", &plan.device);
        self.must("plan.kind", device_word(plan.kind));
        self.must("plan.precision", &plan.precision);
        self.must("plan.file", &plan.file);
        self.must("plan.format", &plan.format);
        self.must("plan.stored", &plan.stored);
        self.must("plan.goal", plan.goal.name());
        self.must("plan.sessions", &plan.sessions);
        self.must("plan.threads", &plan.threads);
        self.must_if("plan.batch_tokens", plan.batch_tokens.as_ref());
        self.may_differ("plan.memory".to_owned(), &mebibytes(plan.memory_bytes));
    }

    pub(super) fn measured(&mut self, figures: &BTreeMap<String, f64>) {
        figures.iter().for_each(|(name, figure)| self.may_differ(format!("measured.{name}"), figure));
    }

    /// Something that a run which is frozen does not mind.
    pub(super) fn may_differ(&mut self, name: String, value: &(impl ToString + ?Sized)) {
        self.0.insert(name, Fact { value: Value::Text(value.to_string()), may_differ: true });
    }

    /// What differs, in alphabetical order.
    pub(super) fn differences(&self, now: &Self) -> Vec<Difference> {
        let names: BTreeSet<&String> = self.0.keys().chain(now.0.keys()).collect();
        let differences = names.into_iter().map(|name| difference(name, self.0.get(name), now.0.get(name)));
        differences.flatten().collect()
    }

    fn model(&mut self, model: &LockedModel) {
        self.may_differ("model.name".to_owned(), &model.name);
        self.must("model.task", &model.task);
        for (path, file) in &model.files {
            self.insert(format!("model.files.{path}"), Value::File(*file));
        }
    }

    fn engine(&mut self, engine: &LockedEngine) {
        self.must("engine.plugin", &engine.plugin);
        self.must_if("engine.version", engine.version.as_ref());
        for (name, value) in &engine.settings {
            self.insert(format!("engine.settings.{name}"), Value::Text(value.to_string()));
        }
    }

    fn machine(&mut self, machine: &'a LockedMachine, needs: u64) {
        self.must("machine.platform", &machine.platform);
        self.must_if("machine.cpu_vendor", machine.cpu_vendor.as_ref());
        self.must_if("machine.cpu_model", machine.cpu_model.as_ref());
        self.must_if("machine.cpu_id", machine.cpu_id.as_ref());
        self.must_if("machine.cpus", machine.cpus.as_ref());
        self.must_if("machine.cores", machine.cores.as_ref());
        if let Some(isa) = &machine.isa {
            self.insert("machine.isa".to_owned(), Value::Set(isa));
        }
        if let Some(bytes) = machine.memory_bytes {
            let value = Value::Text(mebibytes(bytes));
            self.0.insert("machine.memory".to_owned(), Fact { value, may_differ: bytes >= needs });
        }
        if let Some(LockedGpu { name, driver }) = &machine.gpu {
            self.must("machine.gpu.name", name);
            self.must_if("machine.gpu.driver", driver.as_ref());
        }
    }

    fn must(&mut self, name: &str, value: &(impl ToString + ?Sized)) {
        self.insert(name.to_owned(), Value::Text(value.to_string()));
    }

    fn must_if(&mut self, name: &str, value: Option<&impl ToString>) {
        if let Some(value) = value {
            self.must(name, value);
        }
    }

    fn insert(&mut self, name: String, value: Value<'a>) {
        self.0.insert(name, Fact { value, may_differ: false });
    }
}

fn difference(name: &str, before: Option<&Fact<'_>>, now: Option<&Fact<'_>>) -> Option<Difference> {
    let (was, is) = (before.map(|fact| &fact.value), now.map(|fact| &fact.value));
    let (shown_before, shown_now) = (was.and_then(|value| value.shown(is)), is.and_then(|value| value.shown(was)));
    let may_differ = [before, now].into_iter().flatten().all(|fact| fact.may_differ);
    (shown_before != shown_now).then(|| Difference {
        name: name.to_owned(),
        before: shown_before,
        now: shown_now,
        may_differ,
    })
}

impl Value<'_> {
    /// The value as it is shown beside another: two that are shown alike are the same.
    fn shown(&self, other: Option<&Value<'_>>) -> Option<String> {
        match (self, other) {
            (Value::Text(text), _) => Some(text.clone()),
            (Value::Set(set), other) => {
                let is_in_other = |member: &String| matches!(other, Some(Value::Set(other)) if other.contains(member));
                let only: Vec<&str> = set.iter().filter(|member| !is_in_other(member)).map(String::as_str).collect();
                (!only.is_empty()).then(|| only.join(" "))
            }
            (Value::File(file), Some(Value::File(other))) if file.bytes == other.bytes && file != other => {
                let (short, full) = (file.sha256.short(), file.sha256.to_string());
                Some(format!("sha256 {}", if short == other.sha256.short() { full } else { short }))
            }
            (Value::File(file), _) => Some(format!("{} bytes", file.bytes)),
        }
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}
