//! Execution providers as data: which devices the loaded library offers, and how each is switched on.

use std::{fs, path::Path};

use drivetrain_contract::{Capabilities, Device, DeviceKind, Error, Precisions, Result};
use ort::ep::{self, ExecutionProvider, ExecutionProviderDispatch};

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

/// Where the NVIDIA driver lists its cards on Linux, one folder each, named by PCI address.
const NVIDIA_CARDS: &str = "/proc/driver/nvidia/gpus";

/// One execution provider this crate knows.
struct Provider {
    /// Part of the device id before the number.
    device: &'static str,
    name: &'static str,
    kind: DeviceKind,
    cards: Cards,
    precisions: Precisions,
    offered: fn() -> ort::Result<bool>,
    dispatch: fn(index: i32) -> ExecutionProviderDispatch,
}

/// How many devices a provider has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cards {
    /// One, without a number.
    One,
    /// Numbered; only the first can be told to exist.
    First,
    /// Numbered, and counted by the NVIDIA driver.
    Nvidia,
}

const FLOATS: Precisions = Precisions::F32.union(Precisions::F16);

/// Best first; the processor comes after all of them.
///
/// Providers that would send data elsewhere (Azure) are not here.
const PROVIDERS: &[Provider] = &[
    Provider {
        device: "tensorrt",
        name: "NVIDIA TensorRT",
        kind: DeviceKind::Gpu,
        cards: Cards::Nvidia,
        precisions: FLOATS.union(Precisions::I8),
        offered: ep::TensorRT::is_available,
        dispatch: |index| ep::TensorRT::default().with_device_id(index).build(),
    },
    Provider {
        device: "cuda",
        name: "NVIDIA CUDA",
        kind: DeviceKind::Gpu,
        cards: Cards::Nvidia,
        precisions: FLOATS,
        offered: ep::CUDA::is_available,
        dispatch: |index| ep::CUDA::default().with_device_id(index).build(),
    },
    Provider {
        device: "migraphx",
        name: "AMD MIGraphX",
        kind: DeviceKind::Gpu,
        cards: Cards::First,
        precisions: FLOATS,
        offered: ep::MIGraphX::is_available,
        dispatch: |index| ep::MIGraphX::default().with_device_id(index).build(),
    },
    Provider {
        device: "rocm",
        name: "AMD ROCm",
        kind: DeviceKind::Gpu,
        cards: Cards::First,
        precisions: FLOATS,
        offered: ep::ROCm::is_available,
        dispatch: |index| ep::ROCm::default().with_device_id(index).build(),
    },
    Provider {
        device: "dml",
        name: "DirectML",
        kind: DeviceKind::Gpu,
        cards: Cards::First,
        precisions: FLOATS,
        offered: ep::DirectML::is_available,
        dispatch: |index| ep::DirectML::default().with_device_id(index).build(),
    },
    Provider {
        device: "coreml",
        name: "Apple CoreML",
        kind: DeviceKind::Accelerator,
        cards: Cards::One,
        precisions: FLOATS,
        offered: ep::CoreML::is_available,
        dispatch: |_| ep::CoreML::default().build(),
    },
    Provider {
        device: "openvino",
        name: "OpenVINO (inside ONNX Runtime)",
        kind: DeviceKind::Cpu,
        cards: Cards::One,
        precisions: FLOATS.union(Precisions::I8),
        offered: ep::OpenVINO::is_available,
        dispatch: |_| ep::OpenVINO::default().build(),
    },
    Provider {
        device: "xnnpack",
        name: "XNNPACK",
        kind: DeviceKind::Cpu,
        cards: Cards::One,
        precisions: Precisions::F32,
        offered: ep::XNNPACK::is_available,
        dispatch: |_| ep::XNNPACK::default().build(),
    },
];

/// What sessions can do on the processor or elsewhere; only on the processor do equal inputs give equal bits.
pub(crate) fn capabilities(on_processor: bool) -> Capabilities {
    if on_processor { CAPABILITIES | Capabilities::DETERMINISTIC } else { CAPABILITIES }
}

/// The devices of the loaded library, best first.
pub(crate) fn devices() -> Result<Vec<Device>> {
    let mut devices = Vec::new();
    for provider in PROVIDERS {
        if (provider.offered)().map_err(|err| Error::dependency("ONNX Runtime names no providers").with_source(err))? {
            devices.extend(provider.devices(Path::new(NVIDIA_CARDS)));
        }
    }
    devices.sort_by_key(|device| device.tier == 0);
    let usable = devices.iter().filter(|device| device.tier > 0).count();
    devices.insert(usable, cpu());
    Ok(devices)
}

/// What switches `device_id` on; `None` for the processor, which needs nothing.
///
/// # Errors
/// `NotFound` for a device the library does not offer, listing those it does; `Unsupported` for one that is offered but
/// not there.
pub(crate) fn dispatch(device_id: &str) -> Result<Option<ExecutionProviderDispatch>> {
    let devices = devices()?;
    let Some(device) = devices.iter().find(|device| device.id == device_id) else {
        let offered: Vec<&str> = devices.iter().map(|device| device.id.as_str()).collect();
        return Err(Error::not_found(format!("this ONNX Runtime has no device `{device_id}`"))
            .with_hint(format!("it has {}", offered.join(", "))));
    };
    if device.tier == 0 {
        return Err(Error::unsupported(format!("device `{device_id}` cannot be used: {}", device.reason)));
    }
    Ok(switch(device_id))
}

fn switch(device_id: &str) -> Option<ExecutionProviderDispatch> {
    let (name, index) = device_id.split_once(':').unwrap_or((device_id, "0"));
    let provider = PROVIDERS.iter().find(|provider| provider.device == name)?;
    Some((provider.dispatch)(index.parse().ok()?).error_on_failure())
}

/// The processor. Files in half precision run, but ONNX Runtime computes most of them in f32.
fn cpu() -> Device {
    let precisions = Precisions::F32 | Precisions::I8 | Precisions::U8;
    Device { precisions_emulated: Precisions::F16, ..Device::cpu("processor", precisions, capabilities(true)) }
}

impl Provider {
    fn devices(&self, nvidia_cards: &Path) -> Vec<Device> {
        match self.cards {
            Cards::One => vec![self.device(self.device.to_owned())],
            Cards::First => vec![self.device(format!("{}:0", self.device))],
            Cards::Nvidia => self.nvidia_devices(pci_addresses(nvidia_cards)),
        }
    }

    /// CUDA numbers cards by speed, the driver by address, so the address is known for a single card only.
    fn nvidia_devices(&self, addresses: Option<Vec<String>>) -> Vec<Device> {
        let first = self.device(format!("{}:0", self.device));
        let Some(addresses) = addresses else {
            let reason = "the NVIDIA driver does not tell which cards there are".to_owned();
            return vec![Device { tier: 1, reason, ..first }];
        };
        match addresses.as_slice() {
            [] => vec![Device { tier: 0, reason: "the NVIDIA driver has no card".to_owned(), ..first }],
            [address] => vec![Device { fingerprint: address.clone().into_bytes(), ..first }],
            many => (0..many.len()).map(|idx| self.device(format!("{}:{idx}", self.device))).collect(),
        }
    }

    fn device(&self, id: String) -> Device {
        Device {
            kind: self.kind,
            fingerprint: format!("onnxruntime/{id}").into_bytes(),
            id,
            name: self.name.to_owned(),
            precisions_emulated: Precisions::empty(),
            ..Device::cpu("", self.precisions, CAPABILITIES)
        }
    }
}

/// PCI addresses of the cards, ascending; `None` where the driver has no such folder.
fn pci_addresses(folder: &Path) -> Option<Vec<String>> {
    let mut addresses: Vec<String> =
        fs::read_dir(folder).ok()?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    addresses.sort();
    Some(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuda(cards: Option<&[&str]>) -> Vec<(String, i32, Vec<u8>)> {
        let folder = tempfile::tempdir().unwrap();
        let cards_folder = folder.path().join("gpus");
        for card in cards.unwrap_or_default() {
            fs::create_dir_all(cards_folder.join(card)).unwrap();
        }
        if cards == Some(&[]) {
            fs::create_dir(&cards_folder).unwrap();
        }
        let provider = PROVIDERS.iter().find(|provider| provider.device == "cuda").unwrap();
        let devices = provider.devices(&cards_folder);
        devices.into_iter().map(|device| (device.id, device.tier, device.fingerprint)).collect()
    }

    #[test]
    fn cards_are_counted_where_the_driver_lists_them() {
        assert_eq!(cuda(Some(&["0000:65:00.0"])), [("cuda:0".to_owned(), 50, b"0000:65:00.0".to_vec())]);
        let two: Vec<String> = cuda(Some(&["0000:65:00.0", "0000:17:00.0"])).into_iter().map(|(id, ..)| id).collect();
        assert_eq!(two, ["cuda:0", "cuda:1"]);
        assert_eq!(cuda(Some(&[]))[0].1, 0);
        assert_eq!(cuda(None)[0].1, 1);
    }

    #[test]
    fn every_device_id_finds_its_provider_and_the_processor_needs_none() {
        for provider in PROVIDERS {
            for device in provider.devices(Path::new("/nowhere")) {
                assert!(switch(&device.id).is_some(), "{}", device.id);
                assert_eq!(device.kind, provider.kind);
            }
        }
        assert!(switch(&cpu().id).is_none());
    }
}
