//! Names of processors of Arm's kind, which `/proc/cpuinfo` has numbers for only.
//!
//! Source: `arch/arm64/include/asm/cputype.h` of Linux.

/// Number of Apple among those who make such processors.
pub(super) const APPLE: &str = "0x61";

/// Implementer, part, name.
const PARTS: [(&str, &str, &str); 17] = [
    ("0x41", "0xd03", "Arm Cortex-A53"),
    ("0x41", "0xd05", "Arm Cortex-A55"),
    ("0x41", "0xd08", "Arm Cortex-A72"),
    ("0x41", "0xd0b", "Arm Cortex-A76"),
    ("0x41", "0xd0c", "Arm Neoverse N1"),
    ("0x41", "0xd0d", "Arm Cortex-A77"),
    ("0x41", "0xd40", "Arm Neoverse V1"),
    ("0x41", "0xd41", "Arm Cortex-A78"),
    ("0x41", "0xd44", "Arm Cortex-X1"),
    ("0x41", "0xd47", "Arm Cortex-A710"),
    ("0x41", "0xd48", "Arm Cortex-X2"),
    ("0x41", "0xd49", "Arm Neoverse N2"),
    ("0x41", "0xd4f", "Arm Neoverse V2"),
    ("0x41", "0xd84", "Arm Neoverse V3"),
    ("0x41", "0xd8e", "Arm Neoverse N3"),
    ("0xc0", "0xac3", "AmpereOne"),
    ("0xc0", "0xac4", "AmpereOne A"),
];

/// What a person calls it.
pub(super) fn name(implementer: &str, part: &str) -> Option<&'static str> {
    PARTS.iter().find(|known| (known.0, known.1) == (implementer, part)).map(|known| known.2)
}
