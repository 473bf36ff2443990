//! Takes what a probe reports.

use std::ffi::c_void;

use drivetrain_contract::{Capabilities, Device, DeviceKind, Error, FormatSupport, Precisions, Probe, Result};
use drivetrain_plugin_abi::{DtDeviceInfo, DtFormat, DtSink, DtStr};

use crate::{
    caught::Caught,
    sized,
    text::{bytes, text},
};

/// What one probe reported, and what was wrong with it.
pub(crate) struct ProbeSink<'a> {
    plugin: &'a str,
    probe: Probe,
    wrong: Option<Error>,
    caught: Caught,
}

impl<'a> ProbeSink<'a> {
    pub(crate) fn new(plugin: &'a str) -> Self {
        Self { plugin, probe: Probe::default(), wrong: None, caught: Caught::default() }
    }

    /// The struct for the plugin; valid as long as `self` stays where it is and is not touched.
    pub(crate) fn raw(&mut self) -> DtSink {
        DtSink {
            struct_size: size_of::<DtSink>() as u32,
            reserved: 0,
            ctx: std::ptr::from_mut(self).cast(),
            device: Some(take_device),
            format: Some(take_format),
            engine_version: Some(take_engine_version),
        }
    }

    /// What was reported.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Abi`] if a part of it could not be read.
    pub(crate) fn finish(self) -> Result<Probe> {
        self.caught.resume();
        match self.wrong {
            Some(err) => Err(err),
            None => Ok(self.probe),
        }
    }

    /// Runs one call-back on the sink behind `ctx`. No panic leaves it; the first error is kept.
    ///
    /// # Safety
    /// `ctx` is the context of [`ProbeSink::raw`], and only the thread that called `probe` uses it.
    unsafe fn take(ctx: *mut c_void, body: impl FnOnce(&str, &mut Probe) -> Result<()>) {
        // SAFETY: promised by the caller.
        let Some(sink) = (unsafe { ctx.cast::<ProbeSink<'_>>().as_mut() }) else { return };
        let Self { plugin, probe, wrong, caught } = sink;
        if let Some(Err(err)) = caught.run(|| body(plugin, probe)) {
            wrong.get_or_insert(err);
        }
    }
}

unsafe extern "C" fn take_device(ctx: *mut c_void, device: *const DtDeviceInfo) {
    let take = |plugin: &str, probe: &mut Probe| {
        // SAFETY: the interface promises a device, and texts and bytes in it, that are valid for the call.
        probe.devices.push(unsafe { read_device(sized::read(device, plugin)?) });
        Ok(())
    };
    // SAFETY: by the rules of the interface this is called with the sink's context, by the thread that probes.
    unsafe { ProbeSink::take(ctx, take) }
}

unsafe extern "C" fn take_format(ctx: *mut c_void, format: *const DtFormat) {
    let take = |plugin: &str, probe: &mut Probe| {
        // SAFETY: as above.
        let raw = unsafe { sized::read(format, plugin) }?;
        probe.formats.push(FormatSupport {
            // SAFETY: as above.
            format: unsafe { text(raw.format) }.into_owned(),
            precisions: Precisions::from_bits_truncate(raw.precisions),
            preference: raw.preference,
        });
        Ok(())
    };
    // SAFETY: as above.
    unsafe { ProbeSink::take(ctx, take) }
}

unsafe extern "C" fn take_engine_version(ctx: *mut c_void, version: DtStr) {
    let take = |_: &str, probe: &mut Probe| {
        // SAFETY: as above.
        probe.engine_version = Some(unsafe { text(version) }.into_owned());
        Ok(())
    };
    // SAFETY: as above.
    unsafe { ProbeSink::take(ctx, take) }
}

/// # Safety
/// Texts and bytes in `raw` are valid for reads, or null or empty.
unsafe fn read_device(raw: DtDeviceInfo) -> Device {
    // SAFETY: promised by the caller.
    unsafe {
        Device {
            kind: DeviceKind::from_code(raw.kind),
            id: text(raw.id).into_owned(),
            name: text(raw.name).into_owned(),
            fingerprint: bytes(raw.fingerprint).to_vec(),
            memory_total: raw.memory_total,
            memory_free: raw.memory_free,
            precisions_native: Precisions::from_bits_truncate(raw.precisions_native),
            precisions_emulated: Precisions::from_bits_truncate(raw.precisions_emulated),
            capabilities: Capabilities::from_bits_truncate(raw.capabilities),
            tier: raw.tier,
            reason: text(raw.reason).into_owned(),
        }
    }
}
