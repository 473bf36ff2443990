//! The devices libtorch computes on.

use std::{fs, path::Path};

use drivetrain_contract::{Capabilities, Device, DeviceKind, Error, Precision, Precisions, Result};
use tch::{Cuda, Kind};

/// What sessions can do on any device. Which outputs there are depends on the model.
const CAPABILITIES: Capabilities = Capabilities::PADDED_IN
    .union(Capabilities::DYNAMIC_LENGTH)
    .union(Capabilities::DYNAMIC_BATCH)
    .union(Capabilities::POOLED_OUT)
    .union(Capabilities::TOKENS_OUT)
    .union(Capabilities::CANCEL_MID_RUN)
    .union(Capabilities::MULTI_INSTANCE)
    .union(Capabilities::HONOURS_THREADS);

/// Precisions that sessions can be had in.
pub(crate) const PRECISIONS: Precisions = Precisions::F32.union(Precisions::F16).union(Precisions::BF16);

/// Where the NVIDIA driver lists its cards on Linux, one folder each, named by PCI address.
const NVIDIA_CARDS: &str = "/proc/driver/nvidia/gpus";

/// Every device there is, best first.
pub(crate) fn devices() -> Vec<Device> {
    let n_cards = usize::try_from(Cuda::device_count()).unwrap_or(0);
    let cards = cards(Path::new(NVIDIA_CARDS));
    let mut devices: Vec<Device> = (0..n_cards).map(|idx| cuda(idx, n_cards, &cards)).collect();
    if tch::utils::has_mps() {
        devices.push(mps());
    }
    devices.push(cpu());
    devices
}

/// What sessions can do on a device.
pub(crate) fn capabilities(device: tch::Device) -> Capabilities {
    match device {
        tch::Device::Cpu => CAPABILITIES | Capabilities::DETERMINISTIC,
        _ => CAPABILITIES,
    }
}

/// The device of this id.
///
/// # Errors
/// `NotFound` for one that is not there, with those that are.
pub(crate) fn find(id: &str) -> Result<tch::Device> {
    let devices = devices();
    if !devices.iter().any(|device| device.id == id) {
        let known: Vec<&str> = devices.iter().map(|device| device.id.as_str()).collect();
        return Err(Error::not_found(format!("this libtorch has no device `{id}`"))
            .with_hint(format!("it has {}", known.join(", "))));
    }
    Ok(match id.strip_prefix("cuda:").and_then(|number| number.parse().ok()) {
        Some(number) => tch::Device::Cuda(number),
        None if id == "mps" => tch::Device::Mps,
        None => tch::Device::Cpu,
    })
}

/// What libtorch calls a precision.
///
/// # Errors
/// `Unsupported` for int8.
pub(crate) fn kind(precision: Precision) -> Result<Kind> {
    match precision {
        Precision::F32 => Ok(Kind::Float),
        Precision::F16 => Ok(Kind::Half),
        Precision::Bf16 => Ok(Kind::BFloat16),
        Precision::Int8 => Err(crate::error::no_artifact(precision)),
    }
}

/// The processor. Half precisions work everywhere; where it has no instructions for them, they are slower than f32.
fn cpu() -> Device {
    let native = Precisions::F32 | half_instructions();
    Device {
        precisions_emulated: PRECISIONS.difference(native),
        ..Device::cpu("processor", native, capabilities(tch::Device::Cpu))
    }
}

#[cfg(target_arch = "x86_64")]
fn half_instructions() -> Precisions {
    let mut native = Precisions::empty();
    // Without AVX-512 libtorch has only slow paths for either.
    native.set(Precisions::BF16, std::arch::is_x86_feature_detected!("avx512bf16"));
    native.set(Precisions::F16, std::arch::is_x86_feature_detected!("avx512fp16"));
    native
}

#[cfg(target_arch = "aarch64")]
fn half_instructions() -> Precisions {
    let mut native = Precisions::empty();
    native.set(Precisions::BF16, std::arch::is_aarch64_feature_detected!("bf16"));
    native.set(Precisions::F16, std::arch::is_aarch64_feature_detected!("fp16"));
    native
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn half_instructions() -> Precisions {
    Precisions::empty()
}

fn mps() -> Device {
    Device {
        kind: DeviceKind::IntegratedGpu,
        id: "mps".to_owned(),
        fingerprint: b"mps".to_vec(),
        ..Device::cpu("Apple GPU", PRECISIONS, CAPABILITIES)
    }
}

/// CUDA numbers cards by speed, the driver by address, so name and address are known for a single card only.
fn cuda(idx: usize, n_cards: usize, cards: &[Card]) -> Device {
    let only = match cards {
        [only] if n_cards == 1 => Some(only),
        _ => None,
    };
    let id = format!("cuda:{idx}");
    Device {
        kind: DeviceKind::Gpu,
        fingerprint: only.map_or_else(|| format!("libtorch/{id}"), |card| card.address.clone()).into_bytes(),
        id,
        tier: 100,
        ..Device::cpu(only.map_or("NVIDIA CUDA", |card| &card.model), PRECISIONS, CAPABILITIES)
    }
}

/// A card as the driver knows it.
#[derive(Debug, PartialEq, Eq)]
struct Card {
    address: String,
    model: String,
}

fn cards(folder: &Path) -> Vec<Card> {
    let card = |entry: fs::DirEntry| {
        let facts = fs::read_to_string(entry.path().join("information")).unwrap_or_default();
        let model = facts.lines().find_map(|line| line.strip_prefix("Model:"));
        Card {
            address: entry.file_name().to_string_lossy().into_owned(),
            model: model.map_or("NVIDIA CUDA", str::trim).to_owned(),
        }
    };
    fs::read_dir(folder).into_iter().flatten().flatten().map(card).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_there_and_others_are_named() {
        assert_eq!(find("cpu").unwrap(), tch::Device::Cpu);
        let err = find("cuda:99").unwrap_err();
        assert_eq!(err.kind(), drivetrain_contract::ErrorKind::NotFound);
        assert!(err.to_text().contains("cpu"), "{}", err.to_text());
        let cpu = cpu();
        assert_eq!(cpu.precisions_native | cpu.precisions_emulated, PRECISIONS);
        assert!(!cpu.precisions_native.intersects(cpu.precisions_emulated));
    }

    #[test]
    fn a_single_card_has_a_name_and_an_address() {
        let folder = tempfile::tempdir().unwrap();
        let card = folder.path().join("0000:3b:00.0");
        fs::create_dir(&card).unwrap();
        fs::write(card.join("information"), "Model: \t\t NVIDIA H200\nIRQ:   1\n").unwrap();
        let cards = cards(folder.path());
        let device = cuda(0, 1, &cards);
        assert_eq!((device.name.as_str(), device.id.as_str()), ("NVIDIA H200", "cuda:0"));
        assert_eq!(device.fingerprint, b"0000:3b:00.0");
        assert_eq!(cuda(1, 2, &cards).fingerprint, b"libtorch/cuda:1");
        assert_eq!(cuda(0, 1, &[]).name, "NVIDIA CUDA");
    }
}
