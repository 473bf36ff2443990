//! The table of functions a plugin hands out.

use core::{
    ffi::CStr,
    marker::{PhantomData, PhantomPinned},
};

use crate::{
    DtCall, DtError, DtEstimate, DtHost, DtMemory, DtModel, DtSessionDesc, DtSessionInfo, DtSink, DtStr, DtTensor,
};

/// The symbol a plugin exports; its type is [`DtEntryV1`].
pub const ENTRY_SYMBOL: &CStr = c"drivetrain_plugin_v1";

/// Returns the plugin's static table, or null after writing why to `err`. `host` outlives the plugin.
pub type DtEntryV1 = unsafe extern "C" fn(host: *const DtHost, err: *mut DtError) -> *const DtPlugin;

/// An opened backend, owned by the plugin. Opaque: not `repr(C)`, so the header only declares it.
#[derive(Debug)]
pub struct DtBackend {
    _opaque: [u8; 0],
    _marker: PhantomData<(*mut u8, PhantomPinned)>,
}

/// A loaded model, owned by the plugin.
#[derive(Debug)]
pub struct DtSession {
    _opaque: [u8; 0],
    _marker: PhantomData<(*mut u8, PhantomPinned)>,
}

/// The plugin's functions, in static storage.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DtPlugin {
    /// Size of this struct.
    pub struct_size: u32,
    /// `DT_ABI_LEVEL` the plugin was built with.
    pub abi_level: u32,
    /// Lowest level of a host it can work with.
    pub min_host_level: u32,
    /// 0.
    pub reserved: u32,
    /// Short, stable name, equal to `id` in plugin.toml.
    pub id: DtStr,
    /// Version of the adapter.
    pub version: DtStr,
    /// Who made it.
    pub vendor: DtStr,
    /// SPDX expression.
    pub license: DtStr,
    /// JSON Schema of `[backends.<id>]`.
    pub config_schema_json: DtStr,
    /// Opens the engine; `config_json` is the user's table `[backends.<id>]` with resolved library paths.
    pub open: Option<
        unsafe extern "C" fn(
            host: *const DtHost,
            config_json: DtStr,
            out: *mut *mut DtBackend,
            err: *mut DtError,
        ) -> i32,
    >,
    /// Closes it and joins every thread the plugin started; no session may be left.
    pub close: Option<unsafe extern "C" fn(backend: *mut DtBackend)>,
    /// Reports devices and formats; idempotent, under two seconds, builds no engine.
    pub probe: Option<unsafe extern "C" fn(backend: *mut DtBackend, sink: *const DtSink, err: *mut DtError) -> i32>,
    /// Guesses what a model would cost. Optional.
    pub estimate: Option<
        unsafe extern "C" fn(
            backend: *mut DtBackend,
            model: *const DtModel,
            desc: *const DtSessionDesc,
            out: *mut DtEstimate,
            err: *mut DtError,
        ) -> i32,
    >,
    /// Loads a model onto a device. `out` counts only if the status is 0.
    pub session_create: Option<
        unsafe extern "C" fn(
            backend: *mut DtBackend,
            model: *const DtModel,
            desc: *const DtSessionDesc,
            call: *const DtCall,
            out: *mut *mut DtSession,
            err: *mut DtError,
        ) -> i32,
    >,
    /// Frees a session.
    pub session_destroy: Option<unsafe extern "C" fn(session: *mut DtSession)>,
    /// Says what a session takes and gives.
    pub session_info:
        Option<unsafe extern "C" fn(session: *mut DtSession, out: *mut DtSessionInfo, err: *mut DtError) -> i32>,
    /// Announces the shape of an output: writes at most `DT_MAX_DIMS` extents to `dims` and their number to `ndim`.
    /// The inputs are those `run` will get, but not yet 64-byte aligned.
    pub output_shape: Option<
        unsafe extern "C" fn(
            session: *mut DtSession,
            inputs: *const *const DtTensor,
            n_inputs: usize,
            output: DtStr,
            dims: *mut i64,
            ndim: *mut i32,
            err: *mut DtError,
        ) -> i32,
    >,
    /// Computes outputs from inputs.
    pub run: Option<
        unsafe extern "C" fn(
            session: *mut DtSession,
            inputs: *const *const DtTensor,
            n_inputs: usize,
            outputs: *const *mut DtTensor,
            n_outputs: usize,
            call: *const DtCall,
            err: *mut DtError,
        ) -> i32,
    >,
    /// Reports memory in use. Optional.
    pub memory: Option<unsafe extern "C" fn(session: *mut DtSession, out: *mut DtMemory, err: *mut DtError) -> i32>,
    /// Gives back what memory it can. Optional.
    pub trim: Option<unsafe extern "C" fn(session: *mut DtSession, err: *mut DtError) -> i32>,
}
