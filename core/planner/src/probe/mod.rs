//! The machine: what it has, how much of it this process may use, and what plugins said when they were asked.
//!
//! [`Hardware`] is plain data in which each fact has its source, so that planning can be tested on machines that are
//! not there. Nothing here starts an engine: what plugins find is asked in a process of its own, by whoever runs one,
//! and kept in [`PluginRecords`].

mod cgroup;
mod cpu;
mod cpu_set;
mod facts;
#[cfg(test)]
mod fake;
mod found;
mod hardware;
mod identity;
mod isa;
#[cfg(test)]
pub(crate) mod machines;
mod memory;
mod nvml;
mod plugins;
mod sysctl;
#[cfg(test)]
mod tests;
mod tree;

pub use cpu_set::CpuSet;
pub use found::Found;
pub use hardware::{Cache, ComputeCapability, Cpu, Gpu, Hardware, Limits, Memory, Node};
pub use identity::Identity;
pub use plugins::{FileStamp, PluginKey, PluginOutcome, PluginRecords};
