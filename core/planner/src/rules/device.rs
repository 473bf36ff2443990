//! The words for kinds of devices.

use drivetrain_contract::DeviceKind;

/// Every kind a rule can name, as it is written.
pub(super) const NAMES: [&str; 5] = ["cpu", "gpu", "integrated_gpu", "npu", "accelerator"];

const KINDS: [DeviceKind; NAMES.len()] =
    [DeviceKind::Cpu, DeviceKind::Gpu, DeviceKind::IntegratedGpu, DeviceKind::Npu, DeviceKind::Accelerator];

/// The word for a kind.
pub(crate) fn name(kind: DeviceKind) -> &'static str {
    // A kind that is newer than these words is some accelerator, as it is to the plugin ABI.
    KINDS.iter().position(|known| *known == kind).map_or("accelerator", |idx| NAMES[idx])
}

/// The kind for a word.
pub(super) fn kind(name: &str) -> Option<DeviceKind> {
    NAMES.iter().position(|known| *known == name).map(|idx| KINDS[idx])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_contract() {
        for word in NAMES {
            let found = kind(word).unwrap();
            assert_eq!(name(found), word);
            assert_eq!(serde_json::to_value(found).unwrap(), word);
        }
        assert_eq!(kind("GPU"), None);
    }
}
