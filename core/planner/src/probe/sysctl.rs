//! What macOS says through its program `sysctl`, which spares us its unsafe interface.

use std::{
    collections::BTreeSet,
    process::{Command, Stdio},
};

use drivetrain_contract::DeviceKind;

use super::{Cache, CpuSet, Found, Gpu, Hardware, hardware::Cpu, tree::field};

const PROGRAM: &str = "/usr/sbin/sysctl";
const SOURCE: &str = "sysctl";

/// Names asked for, as sysctl(3) and Apple's "Determining Instruction Set Characteristics" list them. Those that a
/// machine does not have are missing from the answer.
const NAMES: [&str; 11] = [
    "machdep.cpu.brand_string",
    "machdep.cpu.vendor",
    "hw.cpufamily",
    "hw.logicalcpu",
    "hw.memsize",
    "hw.optional.arm64",
    "hw.perflevel0.l1dcachesize",
    "hw.perflevel0.l2cachesize",
    "hw.perflevel0.cpusperl2",
    "hw.perflevel1.logicalcpu",
    "hw.physicalcpu",
];

/// Asks, and fills in what the answer says.
pub(super) fn complete(hardware: &mut Hardware) {
    let asked = Command::new(PROGRAM).args(NAMES).stdin(Stdio::null()).stderr(Stdio::null()).output();
    match asked {
        Ok(answer) => fill(hardware, &String::from_utf8_lossy(&answer.stdout)),
        Err(err) => hardware.notes.push(format!("`{PROGRAM}` cannot be run: {err}")),
    }
}

/// Lines of `name: value`.
fn fill(hardware: &mut Hardware, text: &str) {
    let word = |name| field(text, name).filter(|value| !value.is_empty()).map(str::to_owned);
    let number = |name| field(text, name)?.parse::<u64>().ok();
    let count = |name| number(name).and_then(|value| u32::try_from(value).ok());
    let is_apple = number("hw.optional.arm64") == Some(1);
    let cpu = &mut hardware.cpu;
    cpu.vendor = found(match word("machdep.cpu.vendor").as_deref() {
        Some("GenuineIntel") => Some("intel".to_owned()),
        _ => is_apple.then(|| "apple".to_owned()),
    });
    cpu.model = found(word("machdep.cpu.brand_string"));
    cpu.id = found(word("hw.cpufamily").map(|family| format!("family {family}")));
    cpu.isa = found(is_apple.then(|| BTreeSet::from(["neon".to_owned()])));
    cpu.cores = found(count("hw.physicalcpu"));
    if let (Some(logical), Some(cores)) = (count("hw.logicalcpu"), count("hw.physicalcpu").filter(|cores| *cores > 0)) {
        cpu.online = found(Some(CpuSet::first(logical)));
        cpu.threads_per_core = found(Some(logical.div_ceil(cores)));
        // Numbers are ours: macOS gives its processors none.
        cpu.efficiency = found(count("hw.perflevel1.logicalcpu").filter(|slow| *slow > 0).map(CpuSet::first));
    }
    cpu.caches = caches(text);
    hardware.memory.total = found(number("hw.memsize"));
    hardware.gpus.extend(cpu_gpu(&hardware.cpu));
}

/// The caches of a fast core.
fn caches(text: &str) -> Option<Found<Vec<Cache>>> {
    let number = |name| field(text, name)?.parse::<u64>().ok();
    let shared_by = number("hw.perflevel0.cpusperl2").and_then(|cpus| u32::try_from(cpus).ok()).unwrap_or(1);
    let l1 =
        number("hw.perflevel0.l1dcachesize").map(|bytes| Cache { level: 1, kind: "data".into(), bytes, shared_by: 1 });
    let l2 =
        number("hw.perflevel0.l2cachesize").map(|bytes| Cache { level: 2, kind: "unified".into(), bytes, shared_by });
    let caches: Vec<Cache> = l1.into_iter().chain(l2).collect();
    (!caches.is_empty()).then(|| Found::new(caches, SOURCE))
}

/// Every processor of Apple has a graphics unit that shares its memory.
fn cpu_gpu(cpu: &Cpu) -> Option<Found<Gpu>> {
    let vendor = cpu.vendor.as_ref().filter(|vendor| vendor.value == "apple")?;
    let gpu = Gpu {
        kind: DeviceKind::IntegratedGpu,
        vendor: vendor.value.clone(),
        name: cpu.model.as_ref()?.value.clone(),
        uuid: None,
        address: None,
        memory_total: None,
        memory_free: None,
        compute_capability: None,
        driver: None,
        cuda: None,
    };
    Some(Found::new(gpu, "the processor has one"))
}

fn found<T>(value: Option<T>) -> Option<Found<T>> {
    value.map(|value| Found::new(value, SOURCE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_apple_processor_is_understood() {
        let text = "machdep.cpu.brand_string: Apple M2 Pro\nhw.cpufamily: 3660830781\nhw.logicalcpu: 10\n\
                    hw.memsize: 17179869184\nhw.nperflevels: 2\nhw.optional.arm64: 1\n\
                    hw.perflevel0.l1dcachesize: 131072\nhw.perflevel0.l2cachesize: 16777216\n\
                    hw.perflevel0.cpusperl2: 3\nhw.perflevel1.logicalcpu: 4\nhw.physicalcpu: 10\n";
        let mut hardware = Hardware::unknown();
        fill(&mut hardware, text);
        assert_eq!(hardware.cpu.vendor.as_ref().unwrap().value, "apple");
        assert_eq!(hardware.cpu.efficiency.as_ref().unwrap().value.len(), 4);
        assert_eq!(hardware.cpu.threads_per_core.as_ref().unwrap().value, 1);
        assert_eq!(hardware.cpu.caches.as_ref().unwrap().value[1].shared_by, 3);
        assert_eq!((hardware.cpus(), hardware.memory_bytes()), (Some(10.0), Some(16 << 30)));
        assert_eq!(hardware.best_gpu().unwrap().name, "Apple M2 Pro");
    }

    #[test]
    fn answers_that_say_nothing_leave_nothing() {
        for text in ["", "hw.logicalcpu: many\nhw.physicalcpu: 0\n", "hw.logicalcpu: 99999999999\nhw.memsize: -1\n"] {
            let mut hardware = Hardware::unknown();
            fill(&mut hardware, text);
            assert_eq!(hardware.cpus(), None, "{text}");
            assert_eq!((hardware.memory_bytes(), hardware.gpus.len()), (None, 0), "{text}");
        }
    }
}
