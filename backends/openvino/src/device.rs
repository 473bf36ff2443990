//! Devices as the loaded library lists them, under the contract's names.

use std::cmp::Reverse;

use drivetrain_contract::{Capabilities, Device, DeviceKind, Error, Precision, Precisions, Result};

use crate::{
    error,
    native::{Core, Failure},
};

/// What sessions can do on any device. Which outputs there are depends on the graph.
const CAPABILITIES: Capabilities = Capabilities::PADDED_IN
    .union(Capabilities::DYNAMIC_LENGTH)
    .union(Capabilities::DYNAMIC_BATCH)
    .union(Capabilities::POOLED_OUT)
    .union(Capabilities::TOKENS_OUT)
    .union(Capabilities::LOGITS_OUT)
    .union(Capabilities::VOCABULARY_OUT)
    .union(Capabilities::CANCEL_MID_RUN)
    .union(Capabilities::MULTI_INSTANCE)
    .union(Capabilities::HONOURS_THREADS);

/// The library's device that chooses one of the others.
const AUTO: &str = "AUTO";

/// A device under both its names.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The library's name: `GPU.0`.
    pub(crate) native: String,
    /// What the contract says of it.
    pub(crate) device: Device,
    /// What the library says it computes in: `FP32 INT8 BF16`.
    listed: String,
}

/// What can be asked of a device.
trait Ask {
    fn ask(&self, device: &str, key: &str) -> Result<String, Failure>;
}

impl Ask for Core {
    fn ask(&self, device: &str, key: &str) -> Result<String, Failure> {
        self.property(device, key)
    }
}

/// The devices of the loaded library, best first.
pub(crate) fn devices(core: &Core) -> Result<Vec<Found>> {
    let mut devices: Vec<Found> =
        core.devices().map_err(error::ask)?.into_iter().map(|native| Found::new(core, native)).collect();
    // It is not listed, but there wherever its plugin is.
    if core.ask(AUTO, "SUPPORTED_PROPERTIES").is_ok() {
        devices.push(Found::new(core, AUTO.to_owned()));
    }
    devices.sort_by_key(|found| (Reverse(found.device.tier), rank(found.device.kind)));
    Ok(devices)
}

/// The device of this id.
///
/// # Errors
/// `NotFound` with those there are.
pub(crate) fn find(core: &Core, device_id: &str) -> Result<Found> {
    let devices = devices(core)?;
    devices.iter().find(|found| found.device.id == device_id).cloned().ok_or_else(|| {
        let known: Vec<&str> = devices.iter().map(|found| found.device.id.as_str()).collect();
        Error::not_found(format!("this OpenVINO has no device `{device_id}`"))
            .with_hint(format!("it has {}", known.join(", ")))
    })
}

/// What sessions can do on a device of this kind; only on the processor do equal inputs give equal bits.
pub(crate) fn capabilities(kind: DeviceKind) -> Capabilities {
    match kind {
        DeviceKind::Cpu => CAPABILITIES | Capabilities::DETERMINISTIC,
        _ => CAPABILITIES,
    }
}

impl Found {
    fn new(core: &impl Ask, native: String) -> Self {
        let ask = |key| core.ask(&native, key).ok().filter(|value| !value.is_empty());
        let listed = ask("OPTIMIZATION_CAPABILITIES").unwrap_or_default();
        let kind = kind(&native, ask("DEVICE_TYPE").as_deref());
        let (tier, reason) = match native.as_str() {
            AUTO => (1, "chooses one of the other devices by itself; name that instead"),
            _ if kind == DeviceKind::Npu => (1, "made for graphs of one shape; others may be refused"),
            _ => (50, ""),
        };
        let precisions = native_precisions(&listed);
        let half = Precisions::F16 | Precisions::BF16;
        let fingerprint = match kind {
            DeviceKind::Cpu => b"cpu".to_vec(),
            _ => ask("DEVICE_UUID").unwrap_or_else(|| format!("openvino/{native}")).into_bytes(),
        };
        let device = Device {
            kind,
            id: id(&native),
            name: ask("FULL_DEVICE_NAME").unwrap_or_else(|| native.clone()),
            fingerprint,
            memory_total: ask("GPU_DEVICE_TOTAL_MEM_SIZE").and_then(|bytes| bytes.parse().ok()).unwrap_or(0),
            precisions_emulated: if kind == DeviceKind::Cpu { half - precisions } else { Precisions::empty() },
            tier,
            reason: reason.to_owned(),
            ..Device::cpu("", precisions, capabilities(kind))
        };
        Self { native, device, listed }
    }

    /// Fails for a precision that the library does not list for this device: it would compute in another one.
    pub(crate) fn check_precision(&self, precision: Precision) -> Result<()> {
        let native = self.device.precisions_native;
        // What nothing is known of is left to the library.
        if self.listed.is_empty() || native.contains(precision.set()) {
            return Ok(());
        }
        let (id, listed) = (&self.device.id, self.listed.split_whitespace().collect::<Vec<_>>().join(", "));
        Err(Error::unsupported(format!(
            "device `{id}` does not compute in {precision} itself: of its capabilities OpenVINO lists {listed}"
        ))
        .with_hint(format!(
            "it computes in {}; `allow_emulated = true` in `[backends.openvino]` takes what it makes of {precision}",
            names(native)
        )))
    }
}

/// The precisions one can ask for, as they are asked for.
fn names(set: Precisions) -> String {
    let names: Vec<&str> =
        Precision::ALL.iter().filter(|one| set.contains(one.set())).map(|precision| precision.name()).collect();
    names.join(", ")
}

/// `GPU.1` → `gpu:1`. A sole graphics unit has no number there, and 0 here.
fn id(native: &str) -> String {
    match native {
        "GPU" => "gpu:0".to_owned(),
        _ => native.to_lowercase().replace('.', ":"),
    }
}

fn kind(native: &str, device_type: Option<&str>) -> DeviceKind {
    match (native.split('.').next(), device_type) {
        (Some("CPU"), _) => DeviceKind::Cpu,
        (Some("GPU"), Some("integrated")) => DeviceKind::IntegratedGpu,
        (Some("GPU"), _) => DeviceKind::Gpu,
        (Some("NPU"), _) => DeviceKind::Npu,
        _ => DeviceKind::Accelerator,
    }
}

/// A graphics card before the processor, and that before what shares its memory.
fn rank(kind: DeviceKind) -> u32 {
    match kind {
        DeviceKind::Gpu => 0,
        DeviceKind::Cpu => 1,
        DeviceKind::IntegratedGpu => 2,
        _ => 3,
    }
}

fn native_precisions(listed: &str) -> Precisions {
    let precision = |word: &str| match word {
        "FP32" => Precisions::F32,
        "FP16" => Precisions::F16,
        "BF16" => Precisions::BF16,
        "INT8" => Precisions::I8 | Precisions::U8,
        _ => Precisions::empty(),
    };
    listed.split([' ', ',']).map(precision).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::Code;

    struct Says(&'static [(&'static str, &'static str)]);

    impl Ask for Says {
        fn ask(&self, _: &str, key: &str) -> Result<String, Failure> {
            let value = self.0.iter().find(|(known, _)| *known == key);
            value.map(|(_, value)| (*value).to_owned()).ok_or_else(|| Failure::new(Code::NOT_FOUND, ""))
        }
    }

    #[test]
    fn names_are_those_of_the_contract() {
        for (native, expect) in [("CPU", "cpu"), ("GPU", "gpu:0"), ("GPU.1", "gpu:1"), ("NPU", "npu"), (AUTO, "auto")] {
            assert_eq!(Found::new(&Says(&[]), native.to_owned()).device.id, expect);
        }
    }

    #[test]
    fn precisions_are_those_listed() {
        let cpu = Says(&[("OPTIMIZATION_CAPABILITIES", "FP32 INT8 BIN BF16 EXPORT_IMPORT"), ("FULL_DEVICE_NAME", "X")]);
        let found = Found::new(&cpu, "CPU".to_owned());
        assert_eq!(found.device.precisions_native.names(), "f32, bf16, i8, u8");
        assert_eq!(found.device.precisions_emulated, Precisions::F16);
        assert_eq!((found.device.name.as_str(), found.device.kind), ("X", DeviceKind::Cpu));
        assert!(found.check_precision(Precision::Bf16).is_ok() && found.check_precision(Precision::Int8).is_ok());
        let text = found.check_precision(Precision::F16).unwrap_err().to_text();
        assert!(
            text.contains("FP32, INT8, BIN, BF16") && text.contains("computes in f32, bf16, int8; `allow"),
            "{text}"
        );
        assert!(Found::new(&Says(&[]), AUTO.to_owned()).check_precision(Precision::F16).is_ok());
    }

    #[test]
    fn graphics_cards_come_first_and_what_shares_memory_after_the_processor() {
        let kind_of = |device_type| Found::new(&Says(device_type), "GPU.0".to_owned()).device.kind;
        assert_eq!(kind_of(&[("DEVICE_TYPE", "integrated")]), DeviceKind::IntegratedGpu);
        assert_eq!(kind_of(&[("DEVICE_TYPE", "discrete")]), DeviceKind::Gpu);
        assert!(rank(DeviceKind::Gpu) < rank(DeviceKind::Cpu));
        assert!(rank(DeviceKind::Cpu) < rank(DeviceKind::IntegratedGpu));
    }
}
