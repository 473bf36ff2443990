//! What a plugin reports of this machine.

use core::ffi::c_void;

use crate::{DtBytes, DtStr};

/// One device a backend could run on.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DtDeviceInfo {
    /// Size of this struct.
    pub struct_size: u32,
    /// `DT_DEV_*`.
    pub kind: i32,
    /// The backend's own name for it: `cpu`, `cuda:0`.
    pub id: DtStr,
    /// What a person calls it.
    pub name: DtStr,
    /// Equal bytes mean the same physical device, across plugins (PCI address, UUID).
    pub fingerprint: DtBytes,
    /// Total memory in bytes; 0 is unknown.
    pub memory_total: u64,
    /// Free memory in bytes; 0 is unknown.
    pub memory_free: u64,
    /// `DT_P_*` the hardware computes in.
    pub precisions_native: u64,
    /// `DT_P_*` that work but are computed in another precision.
    pub precisions_emulated: u64,
    /// `DT_C_*`.
    pub capabilities: u64,
    /// 0 cannot, 1 servable, 50 capable, 100 preferred.
    pub tier: i32,
    /// 0.
    pub reserved: i32,
    /// Why the tier is 0 or 1, shown to the user.
    pub reason: DtStr,
}

/// One artifact format a backend reads.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DtFormat {
    /// Size of this struct.
    pub struct_size: u32,
    /// Higher is better.
    pub preference: i32,
    /// `onnx`, `openvino-ir`, `torchscript`, `safetensors`, `static`, or a name of the plugin's own.
    pub format: DtStr,
    /// `DT_P_*` of weights it accepts in this format.
    pub precisions: u64,
}

/// Takes what a probe finds. Only the thread that called `probe` may call the functions, and only until it returns.
/// Pointers given to them need to be valid for that call only.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DtSink {
    /// Size of this struct.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Passed to every function.
    pub ctx: *mut c_void,
    /// Takes a device, best first.
    pub device: Option<unsafe extern "C" fn(ctx: *mut c_void, device: *const DtDeviceInfo)>,
    /// Takes a format, best first.
    pub format: Option<unsafe extern "C" fn(ctx: *mut c_void, format: *const DtFormat)>,
    /// Takes the version of the engine behind the adapter.
    pub engine_version: Option<unsafe extern "C" fn(ctx: *mut c_void, version: DtStr)>,
}
