//! NVIDIA's cards, through the library of its driver (NVML), which is opened when it is there.

use std::{ffi::OsStr, sync::mpsc, thread, time::Duration};

use drivetrain_contract::DeviceKind;
use nvml_wrapper::{Device, Nvml, error::NvmlError};

use super::{ComputeCapability, Found, Gpu, Hardware};

const SOURCE: &str = "NVML";

/// A driver that was asleep wakes up in one to three seconds per card; one that is broken may never answer.
const LIMIT: Duration = Duration::from_secs(20);

/// Where the library is; that of WSL is in no folder the loader looks into.
#[cfg(target_os = "linux")]
const LIBRARIES: &[&str] = &["libnvidia-ml.so.1", "/usr/lib/wsl/lib/libnvidia-ml.so.1"];
#[cfg(windows)]
const LIBRARIES: &[&str] = &["nvml.dll"];
#[cfg(not(any(target_os = "linux", windows)))]
const LIBRARIES: &[&str] = &[];

/// Adds the cards that the driver tells of. No driver is no news; one that fails is noted.
pub(super) fn ask_driver(hardware: &mut Hardware) {
    match within(LIMIT, cards) {
        Ok(cards) => hardware.gpus.extend(cards.into_iter().map(|card| Found::new(card, SOURCE))),
        Err(why) => hardware.notes.push(format!("NVIDIA's driver is there, but tells nothing: {why}")),
    }
}

/// What `work` gives, unless it takes longer. Then it goes on by itself: nothing can stop it.
fn within<T: Send + 'static>(limit: Duration, work: fn() -> Result<T, String>) -> Result<T, String> {
    let (sender, receiver) = mpsc::channel();
    let started = thread::Builder::new().name("nvml".to_owned()).spawn(move || {
        // Nobody waits for an answer that comes too late.
        let _ = sender.send(work());
    });
    started.map_err(|err| format!("no thread to ask it from: {err}"))?;
    receiver.recv_timeout(limit).unwrap_or_else(|_| Err(format!("no answer within {} s", limit.as_secs())))
}

fn cards() -> Result<Vec<Gpu>, String> {
    let Some(nvml) = open()? else { return Ok(Vec::new()) };
    let told = |err: NvmlError| err.to_string();
    let driver = nvml.sys_driver_version().ok();
    let cuda = nvml.sys_cuda_driver_version().ok().map(|version| format!("{}.{}", version / 1000, version % 1000 / 10));
    let mut cards = Vec::new();
    for idx in 0..nvml.device_count().map_err(told)? {
        let device = nvml.device_by_index(idx).map_err(told)?;
        cards.push(Gpu { driver: driver.clone(), cuda: cuda.clone(), ..card(&device, idx) });
    }
    Ok(cards)
}

/// The library, opened; `None` where there is none.
fn open() -> Result<Option<Nvml>, String> {
    for library in LIBRARIES {
        match Nvml::builder().lib_path(OsStr::new(library)).init() {
            Ok(nvml) => return Ok(Some(nvml)),
            Err(NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound) => {}
            Err(err) => return Err(err.to_string()),
        }
    }
    Ok(None)
}

/// What one card tells; a question that it does not answer stays open.
fn card(device: &Device<'_>, idx: u32) -> Gpu {
    let memory = device.memory_info().ok();
    let capability = device.cuda_compute_capability().ok().and_then(|capability| {
        let (major, minor) = (u32::try_from(capability.major).ok()?, u32::try_from(capability.minor).ok()?);
        Some(ComputeCapability { major, minor })
    });
    Gpu {
        kind: DeviceKind::Gpu,
        vendor: "nvidia".to_owned(),
        name: device.name().unwrap_or_else(|_| format!("NVIDIA card {idx}")),
        uuid: device.uuid().ok(),
        address: device.pci_info().ok().map(|pci| address(&pci.bus_id)),
        memory_total: memory.as_ref().map(|memory| memory.total),
        memory_free: memory.as_ref().map(|memory| memory.free),
        compute_capability: capability,
        driver: None,
        cuda: None,
    }
}

/// A PCI address as Linux writes it: NVML has eight digits where four do, and capitals.
fn address(bus_id: &str) -> String {
    let short = bus_id.strip_prefix("0000").filter(|rest| rest.find(':') == Some(4)).unwrap_or(bus_id);
    short.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_linux() {
        assert_eq!(address("00000000:3B:00.0"), "0000:3b:00.0");
        assert_eq!(address("00010000:3B:00.0"), "00010000:3b:00.0");
        assert_eq!(address("0000:3B:00.0"), "0000:3b:00.0");
        assert_eq!(address(""), "");
    }

    #[test]
    fn who_does_not_answer_is_not_waited_for() {
        let late = within(Duration::from_millis(20), || {
            thread::sleep(Duration::from_secs(2));
            Ok(())
        });
        assert_eq!(late, Err("no answer within 0 s".to_owned()));
        assert_eq!(within(LIMIT, || Ok(7)), Ok(7));
    }

    #[test]
    fn no_card_is_no_news() {
        let mut hardware = Hardware::unknown();
        ask_driver(&mut hardware);
        assert!(hardware.gpus.is_empty() || hardware.notes.is_empty());
    }
}
