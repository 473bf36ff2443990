//! The static table of a backend.

use std::marker::PhantomData;

use drivetrain_contract::OpenBackend;
use drivetrain_plugin_abi::{DT_ABI_LEVEL, DtError, DtHost, DtPlugin, DtStr};

use crate::thunks;

/// The entry of backend `B`: what a linked backend registers and an exported one calls.
///
/// # Safety
/// `host` and `err` are as the interface promises: valid for reads and writes respectively, or null.
pub unsafe extern "C" fn entry<B: OpenBackend>(_host: *const DtHost, _err: *mut DtError) -> *const DtPlugin {
    &Table::<B>::PLUGIN
}

struct Table<B>(PhantomData<B>);

impl<B: OpenBackend> Table<B> {
    const PLUGIN: DtPlugin = DtPlugin {
        struct_size: size_of::<DtPlugin>() as u32,
        abi_level: DT_ABI_LEVEL,
        min_host_level: 1,
        reserved: 0,
        id: DtStr::new(B::INFO.id),
        version: DtStr::new(B::INFO.version),
        vendor: DtStr::new(B::INFO.vendor),
        license: DtStr::new(B::INFO.license),
        config_schema_json: DtStr::new(B::INFO.config_schema_json),
        open: Some(thunks::open::<B>),
        close: Some(thunks::close::<B>),
        probe: Some(thunks::probe::<B>),
        estimate: Some(thunks::estimate::<B>),
        session_create: Some(thunks::session_create::<B>),
        session_destroy: Some(thunks::session_destroy),
        session_info: Some(thunks::session_info),
        output_shape: Some(thunks::output_shape),
        run: Some(thunks::run),
        memory: Some(thunks::memory),
        trim: Some(thunks::trim),
    };
}
