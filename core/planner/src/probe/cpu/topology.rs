//! Which logical processors share a core, and which are of the slower kind.

use std::collections::BTreeMap;

use super::{CpuSet, Found, Tree};

/// Slower than this share of the fastest is the slower kind: middle cores of phones reach about nine tenths of the
/// largest, small ones less than half.
const SLOW_BELOW: f64 = 0.6;

/// Cores of a machine.
#[derive(Debug, Default)]
pub(super) struct Topology {
    pub(super) cores: Option<Found<u32>>,
    pub(super) threads_per_core: Option<Found<u32>>,
}

/// Cores, and the most logical processors of one.
pub(super) fn topology(tree: &Tree, cpus: &CpuSet) -> Topology {
    let cores = cores(tree, cpus);
    let Some(threads) = cores.values().copied().max() else { return Topology::default() };
    let source = "/sys/devices/system/cpu/cpu*/topology";
    Topology {
        cores: Some(Found::new(count(cores.len()), source)),
        threads_per_core: Some(Found::new(threads, source)),
    }
}

/// Cores of which at least one logical processor is among `cpus`.
pub(in crate::probe) fn usable_cores(tree: &Tree, cpus: &CpuSet) -> Option<Found<u32>> {
    topology(tree, cpus).cores
}

/// The cores by the list of their logical processors, with how many of these are among `cpus`.
fn cores(tree: &Tree, cpus: &CpuSet) -> BTreeMap<String, u32> {
    let mut cores = BTreeMap::new();
    for cpu in cpus.iter() {
        let siblings = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
        if let Some(siblings) = tree.read(&siblings) {
            *cores.entry(siblings).or_insert(0) += 1;
        }
    }
    cores
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The processors of the slower kind; `None` where all are alike.
///
/// Intel's have a device of their own (`cpu_atom` beside `cpu_core`); Arm's tell how fast each is, 1024 for the fastest
/// (`Documentation/devicetree/bindings/cpu/cpu-capacity.txt` of Linux).
pub(super) fn efficiency(tree: &Tree, cpus: &CpuSet) -> Option<Found<CpuSet>> {
    let source = "/sys/devices/cpu_atom/cpus";
    if let Some(atoms) = tree.value::<CpuSet>(source) {
        let slow = atoms.and(cpus);
        return (!slow.is_empty() && slow != *cpus).then(|| Found::new(slow, source));
    }
    let capacity = |cpu| tree.value::<u32>(&format!("/sys/devices/system/cpu/cpu{cpu}/cpu_capacity"));
    // Where the first tells nothing, none does.
    capacity(cpus.iter().next()?)?;
    let capacities: Vec<(u32, u32)> = cpus.iter().filter_map(|cpu| Some((cpu, capacity(cpu)?))).collect();
    let limit = f64::from(capacities.iter().map(|(_, capacity)| *capacity).max()?) * SLOW_BELOW;
    let slow: CpuSet = capacities.iter().filter(|(_, at)| f64::from(*at) < limit).map(|(cpu, _)| *cpu).collect();
    (!slow.is_empty()).then(|| Found::new(slow, "/sys/devices/system/cpu/cpu*/cpu_capacity"))
}
