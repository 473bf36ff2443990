//! Devices as a backend reports them, and what each can do.

use crate::Precisions;

bitflags::bitflags! {
    /// What a device of a backend, or a session on it, can do. The bits are those of the plugin ABI.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
    pub struct Capabilities: u64 {
        /// Takes padded tokens: ids and mask `[batch, length]`.
        const PADDED_IN = 1;
        /// Takes packed tokens: ids `[tokens]` and offsets `[batch + 1]`.
        const PACKED_IN = 2;
        /// The length may differ from run to run.
        const DYNAMIC_LENGTH = 4;
        /// The batch size may differ from run to run.
        const DYNAMIC_BATCH = 8;
        /// Gives pooled vectors: `sentence_embedding`.
        const POOLED_OUT = 16;
        /// Gives token vectors: `last_hidden_state`.
        const TOKENS_OUT = 32;
        /// Reserved: calls on one session never overlap.
        const CONCURRENT_RUN = 64;
        /// A run can be stopped before it ends.
        const CANCEL_MID_RUN = 128;
        /// Survives `fork` without `exec`.
        const FORK_SAFE = 256;
        /// Several sessions may exist in one process.
        const MULTI_INSTANCE = 512;
        /// Obeys the thread budget.
        const HONOURS_THREADS = 1024;
        /// The same input gives the same bits.
        const DETERMINISTIC = 2048;
        /// Takes UTF-8 text and tokenises it itself.
        const TEXT_IN = 4096;
        /// Gives classification logits.
        const LOGITS_OUT = 8192;
        /// Gives one score for each vocabulary entry.
        const VOCABULARY_OUT = 16384;
        /// A text's vector does not depend on its neighbours in the batch.
        const BATCH_INVARIANT = 32768;
    }
}

impl Capabilities {
    /// The kinds of input by name, as shown in tables: `text, padded`.
    pub fn input_kinds(self) -> Vec<&'static str> {
        [(Self::TEXT_IN, "text"), (Self::PACKED_IN, "packed"), (Self::PADDED_IN, "padded")]
            .into_iter()
            .filter(|(flag, _)| self.contains(*flag))
            .map(|(_, name)| name)
            .collect()
    }
}

/// The kind of hardware behind a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeviceKind {
    /// The host's processor.
    Cpu = 0,
    /// A graphics card with memory of its own.
    Gpu = 1,
    /// A graphics unit that shares the host's memory.
    IntegratedGpu = 2,
    /// A neural processing unit.
    Npu = 3,
    /// Any other accelerator; also what an unknown kind reads as.
    Accelerator = 4,
}

impl DeviceKind {
    /// The kind for a number of the plugin ABI; unknown numbers are [`DeviceKind::Accelerator`].
    pub fn from_code(code: i32) -> Self {
        match code {
            0 => Self::Cpu,
            1 => Self::Gpu,
            2 => Self::IntegratedGpu,
            3 => Self::Npu,
            _ => Self::Accelerator,
        }
    }
}

/// One device a backend could run on, with what it can do there.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Device {
    /// Kind of hardware.
    pub kind: DeviceKind,
    /// The backend's own name for it, as given to `--device`: `cpu`, `cuda:0`, `GPU.1`.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// Equal bytes mean the same physical device, across backends (PCI address, UUID).
    pub fingerprint: Vec<u8>,
    /// Total memory in bytes; 0 when unknown.
    pub memory_total: u64,
    /// Free memory in bytes when probed; 0 when unknown.
    pub memory_free: u64,
    /// Precisions the hardware computes in.
    pub precisions_native: Precisions,
    /// Precisions that work, but are computed in another one.
    pub precisions_emulated: Precisions,
    /// What sessions on this device can do.
    pub capabilities: Capabilities,
    /// 0 cannot, 1 servable, 50 capable, 100 preferred.
    pub tier: i32,
    /// Why the tier is 0 or 1, shown to the user.
    pub reason: String,
}

impl Device {
    /// The host's processor, with the given abilities, at tier 50.
    pub fn cpu(name: impl Into<String>, precisions: Precisions, capabilities: Capabilities) -> Self {
        Self {
            kind: DeviceKind::Cpu,
            id: "cpu".to_owned(),
            name: name.into(),
            fingerprint: b"cpu".to_vec(),
            memory_total: 0,
            memory_free: 0,
            precisions_native: precisions,
            precisions_emulated: Precisions::empty(),
            capabilities,
            tier: 50,
            reason: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_device_kinds_are_accelerators() {
        assert_eq!(DeviceKind::from_code(1), DeviceKind::Gpu);
        assert_eq!(DeviceKind::from_code(99), DeviceKind::Accelerator);
    }

    #[test]
    fn input_kinds_are_named_in_order_of_preference() {
        let caps = Capabilities::PADDED_IN | Capabilities::TEXT_IN;
        assert_eq!(caps.input_kinds(), ["text", "padded"]);
    }
}
