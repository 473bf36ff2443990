//! What Linux says of the processors, and on which of them this process may run.

mod caches;
mod cpuinfo;
mod nodes;
mod parts;
mod topology;

pub(super) use topology::usable_cores;

use std::thread;

use super::{
    Cpu, CpuSet, Found, Limits, hardware, isa,
    tree::{Tree, field},
};

/// Everything there is to know; caches are those of a processor that this process may use.
pub(super) fn cpu(tree: &Tree, limits: &Limits) -> Cpu {
    let mut cpu = cpuinfo::cpu(tree);
    cpu.online = online(tree);
    if let Some(online) = &cpu.online {
        let topology = topology::topology(tree, &online.value);
        (cpu.cores, cpu.threads_per_core) = (topology.cores, topology.threads_per_core);
        cpu.efficiency = topology::efficiency(tree, &online.value);
    }
    let usable = hardware::usable(&cpu, limits);
    let slow = cpu.efficiency.as_ref().map(|slow| &slow.value);
    let fast = usable.iter().find(|cpu| slow.is_none_or(|slow| !slow.contains(*cpu)));
    cpu.caches = fast.or(usable.iter().next()).and_then(|cpu| caches::caches(tree, cpu));
    cpu.nodes = nodes::nodes(tree);
    cpu
}

fn online(tree: &Tree) -> Option<Found<CpuSet>> {
    let source = "/sys/devices/system/cpu/online";
    let cpus: CpuSet = tree.value(source)?;
    (!cpus.is_empty()).then(|| Found::new(cpus, source))
}

/// The processors the process may run on, which are those of its first thread.
pub(super) fn affinity(tree: &Tree) -> Option<Found<CpuSet>> {
    let source = "/proc/self/status";
    let cpus: CpuSet = field(&tree.read(source)?, "Cpus_allowed_list")?.parse().ok()?;
    (!cpus.is_empty()).then(|| Found::new(cpus, source))
}

/// Asks the operating system for the number of processors where no file told more.
pub(super) fn ask_system(limits: &mut Limits) {
    if limits.affinity.is_none()
        && let Ok(count) = thread::available_parallelism()
    {
        let count = u32::try_from(count.get()).unwrap_or(u32::MAX);
        limits.affinity = Some(Found::new(CpuSet::first(count), "the operating system"));
    }
}

#[cfg(test)]
mod tests;
