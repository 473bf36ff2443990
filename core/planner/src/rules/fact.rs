//! What a question can be about: a closed set.

use serde::Serialize;

use super::device;

/// Something a question can be about.
///
/// The set is closed, so that a slip of the pen is an error and not a fact that is never known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fact {
    /// [`super::Facts::device`]
    Device,
    /// [`super::Facts::device_memory_gib`]
    DeviceMemoryGib,
    /// [`super::Facts::gpu_vendor`]
    GpuVendor,
    /// [`super::Facts::compute_capability`]
    ComputeCapability,
    /// [`super::Facts::flash_attention`]
    FlashAttention,
    /// [`super::Facts::cpu_vendor`]
    CpuVendor,
    /// [`super::Facts::isa`]
    Isa,
    /// [`super::Facts::cpus`]
    Cpus,
    /// [`super::Facts::memory_gib`]
    MemoryGib,
    /// [`super::Facts::architecture`]
    Architecture,
    /// [`super::Facts::text_chars`]
    TextChars,
    /// [`super::Facts::batch_size`]
    BatchSize,
    /// [`super::Facts::max_loss`]
    MaxLoss,
    /// [`super::Facts::goal`]
    Goal,
}

/// What a fact can be, and so how it is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One word: `is`. An empty list is any word.
    Word(&'static [&'static str]),
    /// Several words at once: `has`.
    Words(&'static [&'static str]),
    /// A number: `below` or `at_least`.
    Number,
    /// Yes or no: asked by naming it.
    Flag,
}

const CPU_VENDORS: &[&str] = &["amd", "apple", "arm", "intel"];
const GPU_VENDORS: &[&str] = &["amd", "apple", "intel", "nvidia"];
const GOALS: &[&str] = &["latency", "memory", "throughput"];
/// Names of Linux's /proc/cpuinfo where it has one, of Arm's manuals otherwise.
pub(crate) const ISA: &[&str] = &[
    "amx_bf16",
    "amx_int8",
    "amx_tile",
    "avx2",
    "avx512_bf16",
    "avx512_fp16",
    "avx512_vnni",
    "avx512bw",
    "avx512dq",
    "avx512f",
    "avx512vl",
    "avx_vnni",
    "bf16",
    "dotprod",
    "f16c",
    "fma",
    "fp16",
    "i8mm",
    "neon",
    "sve",
    "sve2",
];

impl Fact {
    /// Every fact, the device's first.
    pub const ALL: [Fact; 14] = [
        Fact::Device,
        Fact::DeviceMemoryGib,
        Fact::GpuVendor,
        Fact::ComputeCapability,
        Fact::FlashAttention,
        Fact::CpuVendor,
        Fact::Isa,
        Fact::Cpus,
        Fact::MemoryGib,
        Fact::Architecture,
        Fact::TextChars,
        Fact::BatchSize,
        Fact::MaxLoss,
        Fact::Goal,
    ];

    /// The name in rules, which is that of the field of [`super::Facts`].
    pub fn name(self) -> &'static str {
        match self {
            Fact::Device => "device",
            Fact::DeviceMemoryGib => "device_memory_gib",
            Fact::GpuVendor => "gpu_vendor",
            Fact::ComputeCapability => "compute_capability",
            Fact::FlashAttention => "flash_attention",
            Fact::CpuVendor => "cpu_vendor",
            Fact::Isa => "isa",
            Fact::Cpus => "cpus",
            Fact::MemoryGib => "memory_gib",
            Fact::Architecture => "architecture",
            Fact::TextChars => "text_chars",
            Fact::BatchSize => "batch_size",
            Fact::MaxLoss => "max_loss",
            Fact::Goal => "goal",
        }
    }

    pub(super) fn kind(self) -> Kind {
        match self {
            Fact::Device => Kind::Word(&device::NAMES),
            Fact::GpuVendor => Kind::Word(GPU_VENDORS),
            Fact::CpuVendor => Kind::Word(CPU_VENDORS),
            Fact::Architecture => Kind::Word(&[]),
            Fact::Goal => Kind::Word(GOALS),
            Fact::Isa => Kind::Words(ISA),
            Fact::FlashAttention => Kind::Flag,
            Fact::DeviceMemoryGib
            | Fact::ComputeCapability
            | Fact::Cpus
            | Fact::MemoryGib
            | Fact::TextChars
            | Fact::BatchSize
            | Fact::MaxLoss => Kind::Number,
        }
    }
}

impl Kind {
    /// The keys that ask about such a fact.
    pub(super) fn operators(self) -> &'static [&'static str] {
        match self {
            Kind::Word(_) => &["is"],
            Kind::Words(_) => &["has"],
            Kind::Number => &["below", "at_least"],
            Kind::Flag => &[],
        }
    }

    /// The words it can be; none is any.
    pub(super) fn words(self) -> &'static [&'static str] {
        match self {
            Kind::Word(words) | Kind::Words(words) => words,
            Kind::Number | Kind::Flag => &[],
        }
    }
}
