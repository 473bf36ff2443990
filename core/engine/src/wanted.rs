//! The artifacts that a planner could want on this machine.

use drivetrain_contract::{Precision, Precisions, Probe, Result, format};
use drivetrain_convert::{Target, onnx::Int8Preset};

use crate::Workbench;

/// Formats of graphs, each with what its backends are asked for.
const FORMATS: [&str; 2] = [format::ONNX, format::OPENVINO_IR];

/// For every backend that works here, what its devices compute in by themselves, in the format the backend likes best:
/// what is only emulated is never faster than what it is emulated by.
///
/// # Errors
/// What a backend that opened before fails with.
pub fn targets_here(bench: &mut Workbench) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for runner in FORMATS.iter().flat_map(|format| bench.runners(format)).collect::<Vec<_>>() {
        if !seen.contains(&runner.backend) {
            targets.extend(targets_of(bench.probe(&runner.backend)?));
            seen.push(runner.backend);
        }
    }
    targets.sort_by_key(|target| Target::all().iter().position(|other| other == target));
    targets.dedup();
    Ok(targets)
}

fn targets_of(probe: &Probe) -> Vec<Target> {
    let liked = probe.formats.iter().filter(|support| FORMATS.contains(&&*support.format));
    let Some(liked) = liked.max_by_key(|support| support.preference) else { return Vec::new() };
    let devices = probe.devices.iter().filter(|device| device.tier > 0);
    let native = devices.fold(Precisions::empty(), |all, device| all | device.precisions_native);
    let stored = Precision::ALL.into_iter().filter(|one| (native & liked.precisions).contains(one.set()));
    stored.filter_map(|precision| target(&liked.format, precision)).collect()
}

/// The artifact that an engine is given to compute in a precision.
fn target(format: &str, precision: Precision) -> Option<Target> {
    match (format == format::OPENVINO_IR, precision) {
        (false, Precision::F32) => Some(Target::Onnx),
        (false, Precision::F16) => Some(Target::OnnxFp16),
        (false, Precision::Bf16) => Some(Target::OnnxBf16),
        (false, Precision::Int8) => Some(Target::OnnxInt8(Int8Preset::of_this_machine())),
        (true, Precision::F32) => Some(Target::Openvino),
        (true, Precision::F16) => Some(Target::OpenvinoFp16),
        // It is computed from 32-bit floats.
        (true, Precision::Bf16) => None,
        (true, Precision::Int8) => Some(Target::OpenvinoInt8),
    }
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::{Capabilities, Device, FormatSupport};

    use super::*;

    fn check(formats: &[&str], native: Precisions, expect: &[Target]) {
        let support = |(idx, format): (i32, &&str)| FormatSupport {
            format: (*format).to_owned(),
            precisions: Precisions::all(),
            preference: 100 - idx,
        };
        let mut idle = Device::cpu("idle", Precisions::all(), Capabilities::empty());
        idle.tier = 0;
        let probe = Probe {
            devices: vec![Device::cpu("processor", native, Capabilities::empty()), idle],
            formats: (0..).zip(formats).map(support).collect(),
            engine_version: None,
        };
        assert_eq!(targets_of(&probe), expect);
    }

    #[test]
    fn each_engine_is_served_in_what_its_devices_compute_in() {
        let (onnx, ir) = (format::ONNX, format::OPENVINO_IR);
        let int8 = Target::OnnxInt8(Int8Preset::of_this_machine());
        let cpu = Precisions::F32 | Precisions::I8 | Precisions::U8;
        check(&[onnx], cpu, &[Target::Onnx, int8]);
        check(&[onnx], Precisions::F32 | Precisions::F16, &[Target::Onnx, Target::OnnxFp16]);
        check(&[ir, onnx], cpu | Precisions::BF16, &[Target::Openvino, Target::OpenvinoInt8]);
        check(&[format::SAFETENSORS, format::STATIC], Precisions::all(), &[]);
    }
}
