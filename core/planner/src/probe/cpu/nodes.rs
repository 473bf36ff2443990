//! Parts of a machine with memory of their own.

use super::{CpuSet, Found, Tree};
use crate::probe::{Node, tree::kilobytes};

const FOLDER: &str = "/sys/devices/system/node";

pub(super) fn nodes(tree: &Tree) -> Option<Found<Vec<Node>>> {
    let ids: CpuSet = tree.value(&format!("{FOLDER}/online"))?;
    let nodes: Vec<Node> = ids.iter().filter_map(|id| node(tree, id)).collect();
    (!nodes.is_empty()).then(|| Found::new(nodes, FOLDER))
}

fn node(tree: &Tree, id: u32) -> Option<Node> {
    let cpus = tree.value(&format!("{FOLDER}/node{id}/cpulist"))?;
    Some(Node { id, cpus, memory_bytes: memory(tree, id) })
}

/// A line such as `Node 0 MemTotal:       24684084 kB`.
fn memory(tree: &Tree, id: u32) -> Option<u64> {
    let text = tree.read(&format!("{FOLDER}/node{id}/meminfo"))?;
    text.lines().find_map(|line| kilobytes(line.split_once("MemTotal:")?.1.trim()))
}
