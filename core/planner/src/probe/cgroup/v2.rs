//! Limits of control groups of version 2.

use super::{Found, Group, Limits, Tree, cpuset, least, least_upwards, processors, stat};

pub(super) fn limits(tree: &Tree, group: &Group) -> Limits {
    Limits {
        cpu_quota: least_upwards(group, |folder| quota(tree, folder)),
        cpuset: cpuset(tree, group, "cpuset.cpus.effective"),
        memory: least_upwards(group, |folder| memory(tree, folder)),
        memory_available: least_upwards(group, |folder| available(tree, folder)),
        ..Limits::default()
    }
}

/// `cpu.max` is `150000 100000`: so many microseconds of each period; or `max 100000`.
fn quota(tree: &Tree, folder: &str) -> Option<Found<f64>> {
    let source = format!("{folder}/cpu.max");
    let text = tree.read(&source)?;
    let mut numbers = text.split_whitespace().map(str::parse);
    let quota = numbers.next()?.ok()?;
    // The period may be left out; then it is the default.
    let period = numbers.next().map_or(Some(100_000), Result::ok)?;
    Some(Found::new(processors(quota, period)?, source))
}

/// Beyond `memory.max` processes are killed, beyond `memory.high` they are slowed down until they give memory back.
fn memory(tree: &Tree, folder: &str) -> Option<Found<u64>> {
    let limit = |file: &str| {
        let source = format!("{folder}/{file}");
        Some(Found::new(tree.value(&source)?, source))
    };
    least(limit("memory.max"), limit("memory.high"))
}

fn available(tree: &Tree, folder: &str) -> Option<Found<u64>> {
    let limit = memory(tree, folder)?;
    let used: u64 = tree.value(&format!("{folder}/memory.current"))?;
    let droppable = stat(tree, &format!("{folder}/memory.stat"), "inactive_file").unwrap_or(0);
    let left = limit.value.saturating_sub(used.saturating_sub(droppable));
    Some(Found::new(left, format!("{}, {folder}/memory.current", limit.source)))
}
