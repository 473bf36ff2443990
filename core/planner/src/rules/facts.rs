//! What is known of a machine, a model and a workload when rules are asked.

use std::collections::BTreeSet;

use drivetrain_contract::DeviceKind;
use serde::Serialize;

use super::{Fact, device};

/// What is known of a machine, a model and a workload. What is not known stays `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Facts {
    /// The kind of the device to run on: the best one there is, unless the user named another.
    pub device: Option<DeviceKind>,
    /// Memory of that device, in GiB.
    pub device_memory_gib: Option<f64>,
    /// Who made the graphics unit: `amd`, `apple`, `intel`, `nvidia`, or another name.
    pub gpu_vendor: Option<String>,
    /// NVIDIA's compute capability of it: 7.5 for a T4, 9.0 for an H200.
    pub compute_capability: Option<f64>,
    /// Whether model, device and engine can use flash attention for everything there is to encode: for a model of
    /// several vectors also its queries.
    pub flash_attention: Option<bool>,
    /// Who made the processor: `amd`, `apple`, `arm` for all others of its kind, `intel`, or another name.
    pub cpu_vendor: Option<String>,
    /// Extensions of the instruction set that processor and operating system both allow.
    pub isa: Option<BTreeSet<String>>,
    /// Processors the process may use; 1.5 under a quota of one and a half.
    pub cpus: Option<f64>,
    /// Main memory the process may use, in GiB.
    pub memory_gib: Option<f64>,
    /// `model_type` of the model's `config.json`: `bert`, `modernbert`.
    pub architecture: Option<String>,
    /// Length of a usual text in characters: the median.
    pub text_chars: Option<f64>,
    /// Texts that usually come together.
    pub batch_size: Option<f64>,
    /// The share of its quality that the model may lose: 0.004 is 0.4 %.
    pub max_loss: Option<f64>,
    /// What matters most: `latency`, `memory` or `throughput`.
    pub goal: Option<String>,
}

/// A fact that is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'f> {
    Word(&'f str),
    Words(&'f BTreeSet<String>),
    Number(f64),
    Flag(bool),
}

impl Facts {
    /// What is known of `fact`.
    pub(super) fn get(&self, fact: Fact) -> Option<Value<'_>> {
        // Whatever failed to be computed is not known.
        let number = |number: Option<f64>| number.filter(|number| !number.is_nan()).map(Value::Number);
        match fact {
            Fact::Device => self.device.map(|kind| Value::Word(device::name(kind))),
            Fact::DeviceMemoryGib => number(self.device_memory_gib),
            Fact::GpuVendor => self.gpu_vendor.as_deref().map(Value::Word),
            Fact::ComputeCapability => number(self.compute_capability),
            Fact::FlashAttention => self.flash_attention.map(Value::Flag),
            Fact::CpuVendor => self.cpu_vendor.as_deref().map(Value::Word),
            Fact::Isa => self.isa.as_ref().map(Value::Words),
            Fact::Cpus => number(self.cpus),
            Fact::MemoryGib => number(self.memory_gib),
            Fact::Architecture => self.architecture.as_deref().map(Value::Word),
            Fact::TextChars => number(self.text_chars),
            Fact::BatchSize => number(self.batch_size),
            Fact::MaxLoss => number(self.max_loss),
            Fact::Goal => self.goal.as_deref().map(Value::Word),
        }
    }
}
