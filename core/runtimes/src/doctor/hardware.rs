//! The machine, as far as it decides how fast engines are.

use std::{env::consts, fs, path::Path, thread};

use serde::Serialize;

/// Extensions of the instruction set that engines make use of, as Linux spells them.
const FEATURES: [&str; 15] = [
    "avx2",
    "avx512f",
    "avx_vnni",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "avx10",
    "amx_int8",
    "amx_bf16",
    "asimddp",
    "asimdhp",
    "i8mm",
    "bf16",
    "sve",
    "sve2",
];

/// Processor, memory and cards. What the system does not tell is empty or 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Hardware {
    /// Operating system and processor, as Rust names them: `linux-x86_64`.
    pub platform: String,
    /// Name of the processor.
    pub processor: String,
    /// Processors that this process may use.
    pub processors: usize,
    /// Extensions of the instruction set that engines make use of.
    pub features: Vec<String>,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Memory in bytes that can be had now.
    pub memory_available_bytes: u64,
    /// NVIDIA cards that the driver lists.
    pub nvidia_cards: Vec<String>,
}

impl Hardware {
    /// What this machine is.
    pub fn of_this_machine() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let (cpuinfo, meminfo) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
        Self {
            platform: format!("{}-{}", consts::OS, consts::ARCH),
            processor: field(&cpuinfo, &["model name", "Model"]).unwrap_or_default().to_owned(),
            processors: thread::available_parallelism().map_or(0, |count| count.get()),
            features: features(&cpuinfo),
            memory_bytes: kilobytes(&meminfo, "MemTotal"),
            memory_available_bytes: kilobytes(&meminfo, "MemAvailable"),
            nvidia_cards: nvidia_cards(Path::new("/proc/driver/nvidia/gpus")),
        }
    }
}

/// The value behind the first line that begins with one of the names.
fn field<'t>(text: &'t str, names: &[&str]) -> Option<&'t str> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        names.contains(&name.trim()).then(|| value.trim())
    })
}

fn features(cpuinfo: &str) -> Vec<String> {
    let there: Vec<&str> = field(cpuinfo, &["flags", "Features"]).unwrap_or_default().split_whitespace().collect();
    FEATURES.iter().filter(|feature| there.contains(feature)).map(|&feature| feature.to_owned()).collect()
}

fn kilobytes(meminfo: &str, name: &str) -> u64 {
    let number = field(meminfo, &[name]).and_then(|value| value.strip_suffix("kB")?.trim().parse::<u64>().ok());
    number.unwrap_or(0).saturating_mul(1024)
}

/// The cards by the name in the `information` of each.
fn nvidia_cards(folder: &Path) -> Vec<String> {
    let Ok(entries) = folder.read_dir() else { return Vec::new() };
    let mut cards: Vec<String> = entries
        .flatten()
        .map(|card| {
            let information = fs::read_to_string(card.path().join("information")).unwrap_or_default();
            let address = card.file_name().to_string_lossy().into_owned();
            field(&information, &["Model"]).map_or(address, str::to_owned)
        })
        .collect();
    cards.sort();
    cards
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_proc_are_understood() {
        let intel = "processor\t: 0\nmodel name\t: A Processor\nflags\t\t: fpu avx2 avx512f avx512_bf16 amx_tile\n";
        assert_eq!(field(intel, &["model name"]), Some("A Processor"));
        assert_eq!(features(intel), ["avx2", "avx512f", "avx512_bf16"]);
        assert_eq!(features("Features\t: fp asimd asimddp i8mm bf16"), ["asimddp", "i8mm", "bf16"]);
        assert_eq!(kilobytes("MemTotal:       16 kB\nMemFree: 3 kB\n", "MemTotal"), 16 * 1024);
        for broken in ["", "MemTotal", "MemTotal: many kB", "MemTotal: 18446744073709551615 MB"] {
            assert_eq!(kilobytes(broken, "MemTotal"), 0, "{broken}");
        }
    }

    #[test]
    fn cards_are_named_as_the_driver_names_them() {
        let folder = tempfile::tempdir().unwrap();
        for (address, information) in [("0000:17:00.0", "Model: \t\t A Card\nIRQ: 1\n"), ("0000:65:00.0", "")] {
            fs::create_dir(folder.path().join(address)).unwrap();
            fs::write(folder.path().join(address).join("information"), information).unwrap();
        }
        assert_eq!(nvidia_cards(folder.path()), ["0000:65:00.0", "A Card"]);
        assert_eq!(nvidia_cards(&folder.path().join("none")), [""; 0]);
    }

    #[test]
    fn this_machine_has_a_processor() {
        assert!(Hardware::of_this_machine().processors > 0);
    }
}
