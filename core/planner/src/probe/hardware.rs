//! The machine as plain data: what it has, and how much of it this process may use.

use std::{collections::BTreeSet, path::Path};

use drivetrain_contract::DeviceKind;
use serde::{Deserialize, Serialize};

use super::{CpuSet, Found, cgroup, cpu, found, isa, memory, nvml, sysctl, tree::Tree};

/// What is known of a machine. What could not be found out is `None`, and nothing there is normal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hardware {
    /// Version of this format.
    pub version: u32,
    /// Operating system and kind of processor, as Rust names them: `linux-x86_64`.
    pub platform: String,
    /// The processors.
    pub cpu: Cpu,
    /// Main memory.
    pub memory: Memory,
    /// How much of both this process may use.
    pub limits: Limits,
    /// Graphics units that tell of themselves without an engine: NVIDIA's through NVML, Apple's. Plugins know more.
    pub gpus: Vec<Found<Gpu>>,
    /// What should have told something and did not, in words.
    pub notes: Vec<String>,
}

/// The processors of a machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cpu {
    /// Who made them: `amd`, `apple`, `arm` for all others of its kind, `intel`, or another name.
    pub vendor: Option<Found<String>>,
    /// What a person calls them.
    pub model: Option<Found<String>>,
    /// What tells models apart where names do not: `GenuineIntel 6/143/8`, `0x41/0xd40 r1p1`.
    pub id: Option<Found<String>>,
    /// Extensions of the instruction set that processor and operating system both allow, by their names in rules.
    pub isa: Option<Found<BTreeSet<String>>>,
    /// Logical processors that are switched on. Outside Linux the numbers stand for their count only.
    pub online: Option<Found<CpuSet>>,
    /// Cores: logical processors that share one are one.
    pub cores: Option<Found<u32>>,
    /// Logical processors in the core that has the most: 2 with SMT, 1 without.
    pub threads_per_core: Option<Found<u32>>,
    /// Logical processors of the slower kind; `None` where all are alike.
    pub efficiency: Option<Found<CpuSet>>,
    /// Caches of the first fast processor that this process may use, smallest level first.
    pub caches: Option<Found<Vec<Cache>>>,
    /// Parts of the machine with memory of their own.
    pub nodes: Option<Found<Vec<Node>>>,
}

/// A cache of one processor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// 1 is nearest to the processor.
    pub level: u32,
    /// `data`, `instruction` or `unified`.
    pub kind: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Logical processors that share it.
    pub shared_by: u32,
}

/// A part of the machine with memory of its own (NUMA).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Its number.
    pub id: u32,
    /// Its logical processors.
    pub cpus: CpuSet,
    /// Its memory in bytes, where known.
    pub memory_bytes: Option<u64>,
}

/// Main memory in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// What the machine has.
    pub total: Option<Found<u64>>,
    /// What could be had when it was asked, without anything being swapped.
    pub available: Option<Found<u64>>,
}

/// How much this process may use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Logical processors that the process may run on.
    pub affinity: Option<Found<CpuSet>>,
    /// Logical processors that its control group may run on.
    pub cpuset: Option<Found<CpuSet>>,
    /// Cores of which it may use at least one logical processor.
    pub cores: Option<Found<u32>>,
    /// Processor time in processors: 1.5 is one and a half. The least of all control groups above the process.
    pub cpu_quota: Option<Found<f64>>,
    /// Most memory in bytes. The least of all control groups above the process.
    pub memory: Option<Found<u64>>,
    /// What was left of it, in bytes, with what the system can drop counted as left.
    pub memory_available: Option<Found<u64>>,
}

/// A graphics unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gpu {
    /// With memory of its own, or sharing the host's.
    pub kind: DeviceKind,
    /// Who made it: `amd`, `apple`, `intel`, `nvidia`, or another name.
    pub vendor: String,
    /// What a person calls it.
    pub name: String,
    /// The name no other has, for life.
    pub uuid: Option<String>,
    /// PCI address as Linux writes it: `0000:3b:00.0`.
    pub address: Option<String>,
    /// Memory in bytes.
    pub memory_total: Option<u64>,
    /// Memory in bytes that was free when it was asked.
    pub memory_free: Option<u64>,
    /// What its processors can do.
    pub compute_capability: Option<ComputeCapability>,
    /// Version of the driver.
    pub driver: Option<String>,
    /// Newest version of CUDA that the driver supports: `12.8`.
    pub cuda: Option<String>,
}

/// NVIDIA's version of what a card's processors can do: 7.5 for a T4, 9.0 for an H200.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComputeCapability {
    /// Before the point.
    pub major: u32,
    /// Behind it.
    pub minor: u32,
}

impl ComputeCapability {
    /// As one number: 7.5.
    pub fn as_number(self) -> f64 {
        f64::from(self.major) + f64::from(self.minor) / 10.0
    }
}

impl Hardware {
    /// Version of the format that this program writes, the only one there is so far.
    pub const VERSION: u32 = 1;

    /// Finds out what this machine is. Takes milliseconds; where there are NVIDIA cards whose driver has to wake up,
    /// seconds.
    pub fn of_this_machine() -> Self {
        let mut hardware = Self::under(Path::new("/"));
        if cfg!(target_os = "macos") {
            sysctl::complete(&mut hardware);
        }
        isa::ask_processor(&mut hardware.cpu);
        cpu::ask_system(&mut hardware.limits);
        nvml::ask_driver(&mut hardware);
        hardware
    }

    /// What the files of Linux below `root` say, which stands for `/`: what the processor and drivers would tell
    /// themselves is left out.
    pub fn under(root: &Path) -> Self {
        let tree = Tree::new(root);
        let mut limits = cgroup::limits(&tree);
        limits.affinity = cpu::affinity(&tree);
        let mut hardware = Self { limits, memory: memory::memory(&tree), ..Self::unknown() };
        hardware.cpu = cpu::cpu(&tree, &hardware.limits);
        hardware.limits.cores = cpu::usable_cores(&tree, &hardware.usable());
        hardware
    }

    /// A machine of which nothing is known.
    pub fn unknown() -> Self {
        Self {
            version: Self::VERSION,
            platform: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
            cpu: Cpu::default(),
            memory: Memory::default(),
            limits: Limits::default(),
            gpus: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The logical processors that this process may run on; empty where nothing is known.
    pub fn usable(&self) -> CpuSet {
        usable(&self.cpu, &self.limits)
    }

    /// Processors' worth of time that this process may use: 1.5 under a quota of one and a half.
    pub fn cpus(&self) -> Option<f64> {
        let usable = self.usable().len() as f64;
        let quota = found::value(&self.limits.cpu_quota);
        [(usable > 0.0).then_some(usable), quota].into_iter().flatten().reduce(f64::min)
    }

    /// Main memory that this process may use, in bytes.
    pub fn memory_bytes(&self) -> Option<u64> {
        least(found::value(&self.memory.total), found::value(&self.limits.memory))
    }

    /// Main memory that could be had when it was asked, in bytes.
    pub fn memory_available_bytes(&self) -> Option<u64> {
        let left = least(found::value(&self.memory.available), found::value(&self.limits.memory_available))?;
        // Of a limit whose use is not known, all may be left, but no more.
        least(Some(left), self.memory_bytes())
    }

    /// The graphics unit with the most memory; one with memory of its own before one without.
    pub fn best_gpu(&self) -> Option<&Gpu> {
        let gpus = self.gpus.iter().map(|gpu| &gpu.value);
        // Of several that are alike the first, as engines number them.
        gpus.rev().max_by_key(|gpu| (gpu.kind == DeviceKind::Gpu, gpu.memory_total))
    }
}

/// What is in all of the sets that are known. A control group's set that contradicts the others is of another machine's
/// numbering (a sandbox may pass the host's through) and is left out.
pub(super) fn usable(cpu: &Cpu, limits: &Limits) -> CpuSet {
    let mut usable: Option<CpuSet> = None;
    for set in [&limits.affinity, &cpu.online, &limits.cpuset].into_iter().flatten() {
        let both = usable.as_ref().map_or_else(|| set.value.clone(), |usable| usable.and(&set.value));
        if !both.is_empty() {
            usable = Some(both);
        }
    }
    usable.unwrap_or_default()
}

fn least(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.into_iter().chain(b).min()
}
