//! Machines as rules see them.

use drivetrain_contract::DeviceKind;

use crate::rules::Facts;

fn isa(words: &[&str]) -> Option<std::collections::BTreeSet<String>> {
    Some(words.iter().map(|word| (*word).to_owned()).collect())
}

fn cpu(vendor: &str, cpus: f64, memory_gib: f64) -> Facts {
    Facts {
        device: Some(DeviceKind::Cpu),
        cpu_vendor: Some(vendor.to_owned()),
        cpus: Some(cpus),
        memory_gib: Some(memory_gib),
        ..Facts::default()
    }
}

fn nvidia(memory_gib: f64, compute_capability: f64) -> Facts {
    Facts {
        device: Some(DeviceKind::Gpu),
        device_memory_gib: Some(memory_gib),
        gpu_vendor: Some("nvidia".to_owned()),
        compute_capability: Some(compute_capability),
        flash_attention: Some(compute_capability >= 8.0),
        ..cpu("intel", 16.0, 128.0)
    }
}

pub(super) fn intel_amx_server() -> Facts {
    Facts {
        isa: isa(&["avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_int8", "amx_bf16"]),
        ..cpu("intel", 64.0, 256.0)
    }
}

pub(super) fn intel_laptop() -> Facts {
    Facts { isa: isa(&["avx2", "avx_vnni"]), ..cpu("intel", 10.0, 16.0) }
}

pub(super) fn amd_zen5() -> Facts {
    Facts { isa: isa(&["avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni"]), ..cpu("amd", 32.0, 64.0) }
}

pub(super) fn arm_server() -> Facts {
    Facts { isa: isa(&["neon", "dotprod", "i8mm", "bf16", "sve"]), ..cpu("arm", 64.0, 128.0) }
}

/// A graphics unit without memory of its own, which the published figures say nothing of.
pub(super) fn apple_m() -> Facts {
    Facts {
        device: Some(DeviceKind::IntegratedGpu),
        gpu_vendor: Some("apple".to_owned()),
        isa: isa(&["neon", "dotprod", "i8mm"]),
        ..cpu("apple", 10.0, 24.0)
    }
}

pub(super) fn small_container() -> Facts {
    Facts { isa: isa(&["avx2"]), ..cpu("amd", 1.0, 0.5) }
}

pub(super) fn t4() -> Facts {
    nvidia(16.0, 7.5)
}

pub(super) fn l4() -> Facts {
    nvidia(24.0, 8.9)
}

pub(super) fn h200() -> Facts {
    nvidia(141.0, 9.0)
}
