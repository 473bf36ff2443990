//! What control groups allow this process, in both versions of their interface.
//!
//! A group's limit binds everything below it, so the least of a group and all above it counts, as far up as can be seen
//! from here. Sources: the kernel's `cgroup-v1/` and `cgroup-v2.rst`, proc(5), cgroups(7).

mod place;
mod v1;
mod v2;

use place::{Controller, Group};

use super::{CpuSet, Found, Limits, tree::Tree};

/// The limits of the groups this process is in. All else stays unknown.
pub(super) fn limits(tree: &Tree) -> Limits {
    let groups: Vec<Group> = place::groups(tree);
    let mut limits = Limits::default();
    for group in &groups {
        let found = match group.controller {
            Controller::All => v2::limits(tree, group),
            _ => v1::limits(tree, group),
        };
        limits.cpu_quota = least(limits.cpu_quota, found.cpu_quota);
        limits.memory = least(limits.memory, found.memory);
        limits.memory_available = least(limits.memory_available, found.memory_available);
        limits.cpuset = limits.cpuset.or(found.cpuset);
    }
    limits
}

/// The smaller of two, where both are known.
fn least<T: PartialOrd>(a: Option<Found<T>>, b: Option<Found<T>>) -> Option<Found<T>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.value < a.value { b } else { a }),
        (a, b) => a.or(b),
    }
}

/// The least of what `read` finds in the folders of a group and all above it.
fn least_upwards<T: PartialOrd>(group: &Group, read: impl Fn(&str) -> Option<Found<T>>) -> Option<Found<T>> {
    group.folders().map(|folder| read(&folder)).fold(None, least)
}

/// The nearest set of processors that is not empty, which is not the least but what is in force.
fn cpuset(tree: &Tree, group: &Group, file: &str) -> Option<Found<CpuSet>> {
    group.folders().find_map(|folder| {
        let source = format!("{folder}/{file}");
        let cpus: CpuSet = tree.value(&source)?;
        (!cpus.is_empty()).then(|| Found::new(cpus, source))
    })
}

/// A quota in microseconds of every period, in processors.
fn processors(quota: u64, period: u64) -> Option<f64> {
    (quota > 0 && period > 0).then(|| quota as f64 / period as f64)
}

/// A number behind a name in `memory.stat`.
fn stat(tree: &Tree, path: &str, name: &str) -> Option<u64> {
    tree.read(path)?.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests;
