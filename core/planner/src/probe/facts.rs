//! What rules may ask of a machine.

use drivetrain_contract::DeviceKind;

use super::{Found, Gpu, Hardware};
use crate::rules::Facts;

/// Cards of this version and newer can run flash attention (the requirements of the package `flash-attn`: Ampere).
const FLASH_ATTENTION_FROM: u32 = 8;

impl Hardware {
    /// What rules may ask of this machine, its best device taken. All that models, texts and users decide stays open;
    /// so does flash attention, except where the card rules it out.
    pub fn facts(&self) -> Facts {
        let gpu = self.best_gpu();
        let capability = gpu.and_then(|gpu| gpu.compute_capability);
        Facts {
            device: Some(gpu.map_or(DeviceKind::Cpu, |gpu| gpu.kind)),
            device_memory_gib: gpu.and_then(|gpu| gpu.memory_total).map(gib),
            gpu_vendor: gpu.map(|gpu| gpu.vendor.clone()),
            compute_capability: capability.map(super::ComputeCapability::as_number),
            flash_attention: gpu.filter(|gpu| is_too_old_for_flash(gpu)).map(|_| false),
            cpu_vendor: value(&self.cpu.vendor),
            isa: value(&self.cpu.isa),
            cpus: self.cpus(),
            memory_gib: self.memory_bytes().map(gib),
            ..Facts::default()
        }
    }
}

fn is_too_old_for_flash(gpu: &Gpu) -> bool {
    gpu.compute_capability.is_some_and(|capability| capability.major < FLASH_ATTENTION_FROM)
}

fn value<T: Clone>(found: &Option<Found<T>>) -> Option<T> {
    found.as_ref().map(|found| found.value.clone())
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / (1u64 << 30) as f64
}
