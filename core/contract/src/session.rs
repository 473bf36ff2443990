//! A loaded model on a device.

use std::{num::NonZeroUsize, path::PathBuf};

use crate::{Batch, Call, Capabilities, Inputs, Output, OutputMut, Outputs, Precision, Result};

/// A loaded model on a device, ready to run.
pub trait Session: Send {
    /// What the session takes and gives.
    fn describe(&self) -> &SessionInfo;

    /// Shape of `output` for this batch.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unsupported`] for an output or a kind of input the session does not have.
    fn output_shape(&self, batch: &Batch<'_>, output: Output) -> Result<Vec<usize>>;

    /// Computes the wanted outputs of one batch into the caller's buffers.
    ///
    /// On failure the contents of the buffers are unspecified.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unsupported`] for an input kind or output it does not have, [`crate::ErrorKind::Invalid`]
    /// for an id outside the vocabulary or a buffer of another shape, [`crate::ErrorKind::Cancelled`] and
    /// [`crate::ErrorKind::Deadline`] as the call says.
    fn run(&mut self, batch: &Batch<'_>, outputs: &mut [OutputMut<'_>], call: &dyn Call) -> Result<()>;

    /// Memory in use. The default knows nothing.
    ///
    /// # Errors
    /// When the engine cannot be asked.
    fn memory(&self) -> Result<MemoryUse> {
        Ok(MemoryUse::default())
    }

    /// Gives back what memory it can without losing the model. The default has nothing to give.
    ///
    /// # Errors
    /// When the engine cannot be asked.
    fn trim(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Width of token ids and masks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum IndexType {
    /// 64-bit.
    #[default]
    I64,
    /// 32-bit.
    I32,
}

/// What a session takes and gives. Zero means unknown or unlimited.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SessionInfo {
    /// What this session can do.
    pub capabilities: Capabilities,
    /// The input tensors it wants.
    pub inputs: Inputs,
    /// The outputs it can give.
    pub outputs: Outputs,
    /// Width of ids and masks it wants.
    pub index_type: IndexType,
    /// Extent of `sentence_embedding`.
    pub dim: usize,
    /// Extent of `last_hidden_state`.
    pub hidden: usize,
    /// Extent of `logits`.
    pub labels: usize,
    /// Extent of `vocab_scores`.
    pub vocabulary: usize,
    /// Longest text in tokens.
    pub max_tokens: usize,
    /// Threads the session computes with, the caller included.
    pub threads: usize,
    /// Tokens in a batch, padding included, at which it is fastest.
    pub batch_tokens: usize,
    /// Precision it computes in.
    pub precision: Option<Precision>,
}

/// How a session is to be created.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// [`crate::Device::id`] of one of the backend's devices.
    pub device_id: String,
    /// Precision to compute in.
    pub precision: Precision,
    /// Threads to compute with, the calling one included.
    pub threads: NonZeroUsize,
    /// Whether idle threads may spin.
    pub may_spin: bool,
    /// Processors the session's own threads should keep to; empty is no wish.
    pub cpu_list: Vec<u32>,
    /// JSON object of the backend's own settings that differ from those it was opened with; empty is none.
    pub config_json: String,
    /// Where the engine may keep compiled models.
    pub cache_dir: Option<PathBuf>,
    /// Largest batch that will come; 0 is unknown.
    pub max_batch: usize,
    /// Longest text in tokens that will come; 0 is unknown.
    pub max_tokens: usize,
    /// Memory the session may take, in bytes; 0 is unlimited.
    pub memory_limit: u64,
    /// The sessions that will run side by side with this one, which a backend may let share one copy of the weights;
    /// none is this one alone.
    pub group: Option<SessionGroup>,
}

/// Sessions of one model, created with options that differ in nothing but their threads, that will run side by side.
///
/// An engine that runs one compiled model in several places at once compiles it for the whole group when the first
/// session is created, and gives the others a share of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionGroup {
    /// How many sessions; at least 2.
    pub sessions: NonZeroUsize,
    /// Threads of all of them together, the calling ones included.
    pub threads: NonZeroUsize,
}

impl SessionGroup {
    /// The group of so many sessions, if that is more than one and they have threads.
    pub fn new(sessions: usize, threads: usize) -> Option<Self> {
        let several = NonZeroUsize::new(sessions).filter(|sessions| sessions.get() > 1)?;
        Some(Self { sessions: several, threads: NonZeroUsize::new(threads)? })
    }
}

impl SessionOptions {
    /// Full precision on `device_id` with `threads` threads, everything else left to the backend.
    pub fn new(device_id: impl Into<String>, threads: NonZeroUsize) -> Self {
        Self {
            device_id: device_id.into(),
            precision: Precision::F32,
            threads,
            may_spin: false,
            cpu_list: Vec::new(),
            config_json: String::new(),
            cache_dir: None,
            max_batch: 0,
            max_tokens: 0,
            memory_limit: 0,
            group: None,
        }
    }
}

/// Memory of one session in bytes. Zero means unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct MemoryUse {
    /// Host memory of its own.
    pub host_private: u64,
    /// Host memory mapped from files, which the system may drop.
    pub host_mapped: u64,
    /// Device memory.
    pub device: u64,
    /// Highest memory for activations so far.
    pub peak_activation: u64,
}
