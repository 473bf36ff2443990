//! Takes what a probe reports.

use std::{ffi::c_void, slice};

use drivetrain_contract::{Capabilities, Device, DeviceKind, FormatSupport, Precisions, Probe};
use drivetrain_plugin_abi::{DtBytes, DtDeviceInfo, DtFormat, DtSink, DtStr};

/// A sink that writes into `probe`, for the duration of one call.
pub(crate) fn sink(probe: &mut Probe) -> DtSink {
    DtSink {
        struct_size: size_of::<DtSink>() as u32,
        reserved: 0,
        ctx: std::ptr::from_mut(probe).cast(),
        device: Some(take_device),
        format: Some(take_format),
        engine_version: Some(take_engine_version),
    }
}

unsafe extern "C" fn take_device(ctx: *mut c_void, device: *const DtDeviceInfo) {
    // SAFETY: `ctx` is the probe given to `sink`, and the interface promises a valid device for the call.
    let (Some(probe), Some(raw)) = (unsafe { (ctx.cast::<Probe>().as_mut(), device.as_ref()) }) else { return };
    if (raw.struct_size as usize) < size_of::<DtDeviceInfo>() {
        return;
    }
    // SAFETY: the interface promises texts and bytes that are valid for the call.
    let device = unsafe {
        Device {
            kind: DeviceKind::from_code(raw.kind),
            id: text(raw.id),
            name: text(raw.name),
            fingerprint: bytes(raw.fingerprint),
            memory_total: raw.memory_total,
            memory_free: raw.memory_free,
            precisions_native: Precisions::from_bits_truncate(raw.precisions_native),
            precisions_emulated: Precisions::from_bits_truncate(raw.precisions_emulated),
            capabilities: Capabilities::from_bits_truncate(raw.capabilities),
            tier: raw.tier,
            reason: text(raw.reason),
        }
    };
    probe.devices.push(device);
}

unsafe extern "C" fn take_format(ctx: *mut c_void, format: *const DtFormat) {
    // SAFETY: as above.
    let (Some(probe), Some(raw)) = (unsafe { (ctx.cast::<Probe>().as_mut(), format.as_ref()) }) else { return };
    if (raw.struct_size as usize) < size_of::<DtFormat>() {
        return;
    }
    probe.formats.push(FormatSupport {
        // SAFETY: as above.
        format: unsafe { text(raw.format) },
        precisions: Precisions::from_bits_truncate(raw.precisions),
        preference: raw.preference,
    });
}

unsafe extern "C" fn take_engine_version(ctx: *mut c_void, version: DtStr) {
    // SAFETY: as above.
    if let Some(probe) = unsafe { ctx.cast::<Probe>().as_mut() } {
        // SAFETY: as above.
        probe.engine_version = Some(unsafe { text(version) });
    }
}

/// # Safety
/// `text` is valid for reads, or null or empty.
unsafe fn text(text: DtStr) -> String {
    // SAFETY: promised by the caller.
    let bytes = unsafe { bytes(DtBytes { ptr: text.ptr.cast(), len: text.len }) };
    String::from_utf8_lossy(&bytes).into_owned()
}

/// # Safety
/// `bytes` is valid for reads, or null or empty.
unsafe fn bytes(bytes: DtBytes) -> Vec<u8> {
    if bytes.ptr.is_null() || bytes.len == 0 {
        return Vec::new();
    }
    // SAFETY: promised by the caller.
    unsafe { slice::from_raw_parts(bytes.ptr, bytes.len) }.to_vec()
}
