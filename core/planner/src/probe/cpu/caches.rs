//! Caches of a processor.

use super::{CpuSet, Found, Tree};
use crate::probe::Cache;

/// More than any processor has.
const MAX_CACHES: usize = 16;

pub(super) fn caches(tree: &Tree, cpu: u32) -> Option<Found<Vec<Cache>>> {
    let source = format!("/sys/devices/system/cpu/cpu{cpu}/cache");
    let mut caches: Vec<Cache> =
        (0..MAX_CACHES).map_while(|idx| cache(tree, &format!("{source}/index{idx}"))).collect();
    caches.sort_by_key(|cache| cache.level);
    (!caches.is_empty()).then(|| Found::new(caches, source))
}

fn cache(tree: &Tree, folder: &str) -> Option<Cache> {
    let shared: Option<CpuSet> = tree.value(&format!("{folder}/shared_cpu_list"));
    Some(Cache {
        level: tree.value(&format!("{folder}/level"))?,
        kind: tree.value::<String>(&format!("{folder}/type"))?.to_lowercase(),
        bytes: bytes(tree.read(&format!("{folder}/size"))?.trim())?,
        shared_by: shared.map_or(1, |shared| u32::try_from(shared.len()).unwrap_or(u32::MAX).max(1)),
    })
}

/// A size such as `1024K`.
fn bytes(text: &str) -> Option<u64> {
    let unit = |suffix: char, bytes: u64| text.strip_suffix(suffix)?.parse::<u64>().ok()?.checked_mul(bytes);
    unit('K', 1 << 10).or_else(|| unit('M', 1 << 20)).or_else(|| text.parse().ok())
}
