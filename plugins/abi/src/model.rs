//! Models, sessions, estimates and memory figures.

use core::ffi::c_char;

use crate::{DT_REASON_TEXT, DtBytes, DtStr};

/// One file of a model: a path, or bytes in memory when `data.ptr` is not null.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DtArtifact {
    /// Size of this struct.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// `onnx`, `static`, `tokenizer`, …
    pub format: DtStr,
    /// Absolute path; empty for bytes in memory.
    pub path: DtStr,
    /// Bytes that stay where they are, unchanged, for the life of the process.
    pub data: DtBytes,
    /// One bit of `DT_P_*`: precision of the weights inside.
    pub precision: u64,
}

/// A model: its artifacts and what they compute.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DtModel {
    /// Size of this struct.
    pub struct_size: u32,
    /// Number of artifacts.
    pub n_artifacts: u32,
    /// Pointers, so that the element may grow.
    pub artifacts: *const *const DtArtifact,
    /// `{"config": …, "modules": […], "max_seq_length": n}`.
    pub description_json: DtStr,
}

/// How a session is to be created.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DtSessionDesc {
    /// Size of this struct.
    pub struct_size: u32,
    /// Threads to compute with, the calling one included; at least 1.
    pub threads: u32,
    /// Id of one of the devices the probe reported.
    pub device_id: DtStr,
    /// One bit of `DT_P_*`: precision to compute in.
    pub precision: u64,
    /// JSON object of settings that differ from those given to `open`; empty is none.
    pub config_json: DtStr,
    /// Folder for compiled models; empty is none.
    pub cache_dir: DtStr,
    /// Largest batch that will come; 0 is unknown.
    pub max_batch: u32,
    /// Longest text in tokens that will come; 0 is unknown.
    pub max_tokens: u32,
    /// Memory the session may take, in bytes; 0 is unlimited.
    pub memory_limit: u64,
    /// Processors the session's own threads should keep to.
    pub cpu_list: *const u32,
    /// Number of processors in `cpu_list`; 0 is no wish.
    pub n_cpu: usize,
    /// Whether idle threads may spin: 1 or 0.
    pub may_spin: u32,
    /// 0.
    pub reserved: u32,
    /// Sessions of this model that will run side by side, this one included; 0 and 1 are this one alone.
    pub group_sessions: u32,
    /// Threads of all those sessions together; 0 is unknown.
    pub group_threads: u32,
}

/// What a session takes and gives. Zero means unknown or unlimited.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DtSessionInfo {
    /// Size of this struct.
    pub struct_size: u32,
    /// `DT_INDEX_*`: width of ids and masks it wants.
    pub index_type: i32,
    /// `DT_C_*`.
    pub capabilities: u64,
    /// `DT_IN_*` it wants.
    pub inputs: u64,
    /// `DT_OUT_*` it can give.
    pub outputs: u64,
    /// One bit of `DT_P_*`: precision it computes in.
    pub precision: u64,
    /// Extent of `sentence_embedding`.
    pub dim: u32,
    /// Extent of `last_hidden_state`.
    pub hidden: u32,
    /// Extent of `logits`.
    pub labels: u32,
    /// Extent of `vocab_scores`.
    pub vocabulary: u32,
    /// Longest text in tokens.
    pub max_tokens: u32,
    /// Threads it computes with, the caller included.
    pub threads: u32,
    /// Tokens in a batch, padding included, at which it is fastest.
    pub batch_tokens: u32,
}

/// What running a model would cost. Zero means unknown.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DtEstimate {
    /// Size of this struct.
    pub struct_size: u32,
    /// `DT_VERDICT_*`.
    pub verdict: i32,
    /// `DT_BASIS_*`.
    pub basis: i32,
    /// Index of the artifact it would use.
    pub artifact_index: u32,
    /// Cost of one run in nanoseconds, whatever its size.
    pub fixed_ns: f64,
    /// Cost of one token in nanoseconds.
    pub ns_per_token: f64,
    /// Time to create the session in nanoseconds.
    pub load_ns: u64,
    /// Host memory after loading, in bytes.
    pub host_bytes: u64,
    /// Device memory after loading, in bytes.
    pub device_bytes: u64,
    /// Bytes of `reason` in use.
    pub reason_len: u32,
    /// 0.
    pub reserved: u32,
    /// UTF-8: why the verdict is what it is.
    pub reason: [c_char; DT_REASON_TEXT],
}

/// Memory of one session in bytes. Zero means unknown.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DtMemory {
    /// Size of this struct.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Host memory of its own.
    pub host_private: u64,
    /// Host memory mapped from files.
    pub host_mapped: u64,
    /// Device memory.
    pub device: u64,
    /// Highest memory for activations so far.
    pub peak_activation: u64,
}
