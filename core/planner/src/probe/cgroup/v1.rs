//! Limits of control groups of version 1, where each kind has a hierarchy of its own.

use super::{Controller, Found, Group, Limits, Tree, cpuset, least_upwards, processors, stat};

/// No limit is written as the largest number of bytes that is a whole number of pages.
const NO_LIMIT: u64 = 1 << 62;

pub(super) fn limits(tree: &Tree, group: &Group) -> Limits {
    let none = Limits::default();
    match group.controller {
        Controller::Cpu => Limits { cpu_quota: least_upwards(group, |folder| quota(tree, folder)), ..none },
        Controller::Cpuset => {
            let effective = cpuset(tree, group, "cpuset.effective_cpus");
            Limits { cpuset: effective.or_else(|| cpuset(tree, group, "cpuset.cpus")), ..none }
        }
        Controller::Memory => Limits {
            memory: least_upwards(group, |folder| memory(tree, folder)),
            memory_available: least_upwards(group, |folder| available(tree, folder)),
            ..none
        },
        Controller::All => none,
    }
}

/// A quota of -1 is none.
fn quota(tree: &Tree, folder: &str) -> Option<Found<f64>> {
    let source = format!("{folder}/cpu.cfs_quota_us");
    let quota = tree.value(&source)?;
    let period = tree.value(&format!("{folder}/cpu.cfs_period_us"))?;
    Some(Found::new(processors(quota, period)?, source))
}

fn memory(tree: &Tree, folder: &str) -> Option<Found<u64>> {
    let source = format!("{folder}/memory.limit_in_bytes");
    let limit = tree.value(&source).filter(|limit| *limit < NO_LIMIT)?;
    Some(Found::new(limit, source))
}

fn available(tree: &Tree, folder: &str) -> Option<Found<u64>> {
    let limit = memory(tree, folder)?;
    let used: u64 = tree.value(&format!("{folder}/memory.usage_in_bytes"))?;
    let droppable = stat(tree, &format!("{folder}/memory.stat"), "total_inactive_file").unwrap_or(0);
    let left = limit.value.saturating_sub(used.saturating_sub(droppable));
    Some(Found::new(left, format!("{}, {folder}/memory.usage_in_bytes", limit.source)))
}
