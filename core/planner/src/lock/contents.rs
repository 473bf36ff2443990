//! What a lock holds.

use std::collections::{BTreeMap, BTreeSet};

use drivetrain_contract::{Device, DeviceKind, Error, Precision, Probe, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{LockedFile, checked, measured};
use crate::{
    Goal,
    plan::{Candidate, Memory, ModelFile, Plan, Shape},
    probe::{Found, Gpu, Hardware},
    profile::Limits,
    rules::device_word,
};

/// A plan, and what it depends on.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The model.
    pub model: LockedModel,
    /// How it is run.
    pub plan: LockedPlan,
    /// The engine that runs it.
    pub engine: LockedEngine,
    /// The machine it is run on.
    pub machine: LockedMachine,
    /// What was measured, by names that end in their unit: `ns_per_token`. Empty where nothing was.
    #[serde(default)]
    pub measured: BTreeMap<String, f64>,
}

/// A model by what its vectors depend on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedModel {
    /// What it is called here.
    pub name: String,
    /// What it is for, as [`drivetrain_package::Task::name`] says.
    pub task: String,
    /// Every file that vectors depend on, by its path in the package.
    #[serde(deserialize_with = "checked::files")]
    pub files: BTreeMap<String, LockedFile>,
}

/// How a model is run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPlan {
    /// Id of the backend.
    pub backend: String,
    /// Id of the device.
    pub device: String,
    /// What the device is.
    pub kind: DeviceKind,
    /// Precision to compute in.
    pub precision: Precision,
    /// The file to load, by its path in the package.
    #[serde(deserialize_with = "checked::inner_path")]
    pub file: String,
    /// Its format, one of [`mod@drivetrain_contract::format`].
    pub format: String,
    /// What the file's weights are stored in.
    pub stored: Precision,
    /// What matters most.
    pub goal: Goal,
    /// Sessions side by side.
    #[serde(deserialize_with = "checked::sessions")]
    pub sessions: usize,
    /// Threads of all of them together.
    #[serde(deserialize_with = "checked::threads")]
    pub threads: usize,
    /// Most tokens in a batch, padding included; `None` is what the engine is fastest with.
    #[serde(default, deserialize_with = "checked::batch_tokens")]
    pub batch_tokens: Option<usize>,
    /// Main memory it is expected to take.
    pub memory_bytes: u64,
}

/// An engine by what its vectors and its speed depend on.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedEngine {
    /// Version of the plugin.
    pub plugin: String,
    /// Version of the engine behind it, where it has one.
    pub version: Option<String>,
    /// Settings that it is opened with, but for those that say where its library is.
    #[serde(default)]
    pub settings: Map<String, Value>,
}

/// A machine by what speed and rounding depend on.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedMachine {
    /// Operating system and kind of processor: `linux-x86_64`.
    pub platform: String,
    /// Who made the processor.
    pub cpu_vendor: Option<String>,
    /// What a person calls it.
    pub cpu_model: Option<String>,
    /// What tells models apart where names do not.
    pub cpu_id: Option<String>,
    /// Extensions of the instruction set that can be used.
    pub isa: Option<BTreeSet<String>>,
    /// Processors' worth of time that may be used: 1.5 under a quota of one and a half.
    pub cpus: Option<f64>,
    /// Cores that may be used.
    pub cores: Option<u32>,
    /// Main memory that may be used.
    pub memory_bytes: Option<u64>,
    /// The card, where the plan is on one.
    pub gpu: Option<LockedGpu>,
}

/// A device beside the processor.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedGpu {
    /// What a person calls it.
    pub name: String,
    /// Version of its driver, where that is known.
    pub driver: Option<String>,
}

impl Lock {
    /// A plan, with what it depends on as it is now.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::NotFound`] when the file that the plan loads is not among the model's: what is
    /// still to be made has no hash.
    pub fn of(plan: &Plan, model: LockedModel, engine: LockedEngine, machine: LockedMachine) -> Result<Self> {
        let file = &plan.chosen.file;
        if !model.files.contains_key(&file.path) {
            let message = format!("`{}` of the model `{}` is not there to be locked", file.path, plan.model);
            let error = Error::not_found(message);
            return Err(match &file.target {
                Some(target) => error.with_hint(format!("make it first: `drivetrain convert MODEL --to {target}`")),
                None => error,
            });
        }
        let measured = plan.figures.as_ref().map(measured::measured).unwrap_or_default();
        let plan = LockedPlan::of(&plan.chosen, plan.shape, plan.memory, plan.goal);
        Ok(Self { model, plan, engine, machine, measured })
    }

    /// What is run, with the release of the engine's library that is loaded by itself.
    pub fn candidate(&self) -> Candidate {
        let LockedPlan { backend, device, kind, precision, file, format, stored, .. } = self.plan.clone();
        let bytes = self.model.files.get(&file).map_or(0, |file| file.bytes);
        let file = ModelFile { format, precision: stored, path: file, bytes, target: None };
        Candidate { backend, release: None, device, kind, precision, file }
    }

    /// How it is run.
    pub fn shape(&self) -> Shape {
        let LockedPlan { sessions, threads, batch_tokens, .. } = self.plan;
        Shape { sessions, threads, batch_tokens }
    }
}

impl LockedPlan {
    /// What was chosen, how it is run, what that takes, and what for.
    pub fn of(chosen: &Candidate, shape: Shape, memory: Memory, goal: Goal) -> Self {
        // Of a release the lock keeps the version, which is the engine's.
        let Candidate { backend, release: _, device, kind, precision, file } = chosen.clone();
        let Shape { sessions, threads, batch_tokens } = shape;
        let (format, stored, file) = (file.format, file.precision, file.path);
        let memory_bytes = memory.total();
        Self {
            backend,
            device,
            kind,
            precision,
            file,
            format,
            stored,
            goal,
            sessions,
            threads,
            batch_tokens,
            memory_bytes,
        }
    }
}

impl LockedPlan {
    /// What a profile's limits have against it, if anything.
    pub fn denied_by(&self, limits: &Limits) -> Option<String> {
        let device = || limits.denies_device(&[&self.device, device_word(self.kind)]);
        limits.denies_backend(&self.backend).or_else(device)
    }
}

impl LockedEngine {
    /// An engine by its plugin's version and what it said when it was asked.
    pub fn of(plugin: &str, probe: &Probe, settings: Map<String, Value>) -> Self {
        Self { plugin: plugin.to_owned(), version: probe.engine_version.clone(), settings }
    }
}

impl LockedMachine {
    /// The machine that a plan on `device` runs on; only a device that is no processor is looked at.
    pub fn of(hardware: &Hardware, device: Option<&Device>) -> Self {
        let text = |found: &Option<Found<String>>| found.as_ref().map(|found| found.value.clone());
        let cpu = &hardware.cpu;
        Self {
            platform: hardware.platform.clone(),
            cpu_vendor: text(&cpu.vendor),
            cpu_model: text(&cpu.model),
            cpu_id: text(&cpu.id),
            isa: cpu.isa.as_ref().map(|isa| isa.value.clone()),
            cpus: hardware.cpus(),
            cores: hardware.limits.cores.as_ref().map(|cores| cores.value),
            memory_bytes: hardware.memory_bytes(),
            gpu: device.filter(|device| device.kind != DeviceKind::Cpu).map(|device| LockedGpu::of(hardware, device)),
        }
    }
}

impl LockedGpu {
    /// An engine tells a card's name and its address or, where it does not know that, a name of its own for it; the
    /// driver is known by the card.
    fn of(hardware: &Hardware, device: &Device) -> Self {
        let gpus = || hardware.gpus.iter().map(|gpu| &gpu.value);
        let has_address = |gpu: &&Gpu| gpu.address.as_ref().is_some_and(|one| one.as_bytes() == device.fingerprint);
        let gpu = gpus().find(has_address).or_else(|| gpus().find(|gpu| gpu.name == device.name));
        // Where nothing tells which of several cards it is, their drivers are the same but for other vendors' cards.
        let gpu = gpu.or_else(|| hardware.best_gpu().filter(|gpu| gpu.kind == device.kind));
        Self { name: device.name.clone(), driver: gpu.and_then(|gpu| gpu.driver.clone()) }
    }
}
