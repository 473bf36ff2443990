//! The contract's types, written into the host's structs and call-backs.

use std::slice;

use drivetrain_contract::{
    Device, Error, Estimate, FormatSupport, IndexType, MemoryUse, Output, OutputMut, Probe, Result, SessionInfo,
};
use drivetrain_plugin_abi::{
    DLDataType, DT_MAX_DIMS, DT_REASON_TEXT, DtBytes, DtDeviceInfo, DtEstimate, DtFormat, DtMemory, DtSessionInfo,
    DtSink, DtStr, DtTensor,
};

use crate::{
    read::{broken, element_count, shape, text},
    sized,
};

/// # Safety
/// `sink` is null or valid during the call.
pub(crate) unsafe fn probe(probe: &Probe, sink: *const DtSink) -> Result<()> {
    // SAFETY: promised by the caller.
    let sink = unsafe { sized::read(sink) }?;
    if let Some(take) = sink.device {
        // SAFETY: the host takes what it needs during the call.
        probe.devices.iter().for_each(|device| unsafe { take(sink.ctx, &device_info(device)) });
    }
    if let Some(take) = sink.format {
        // SAFETY: as above.
        probe.formats.iter().for_each(|support| unsafe { take(sink.ctx, &format(support)) });
    }
    if let (Some(take), Some(version)) = (sink.engine_version, &probe.engine_version) {
        // SAFETY: as above.
        unsafe { take(sink.ctx, DtStr::new(version)) };
    }
    Ok(())
}

fn device_info(device: &Device) -> DtDeviceInfo {
    DtDeviceInfo {
        struct_size: size_of::<DtDeviceInfo>() as u32,
        kind: device.kind as i32,
        id: DtStr::new(&device.id),
        name: DtStr::new(&device.name),
        fingerprint: DtBytes::new(&device.fingerprint),
        memory_total: device.memory_total,
        memory_free: device.memory_free,
        precisions_native: device.precisions_native.bits(),
        precisions_emulated: device.precisions_emulated.bits(),
        capabilities: device.capabilities.bits(),
        tier: device.tier,
        reserved: 0,
        reason: DtStr::new(&device.reason),
    }
}

fn format(support: &FormatSupport) -> DtFormat {
    DtFormat {
        struct_size: size_of::<DtFormat>() as u32,
        preference: support.preference,
        format: DtStr::new(&support.format),
        precisions: support.precisions.bits(),
    }
}

/// # Safety
/// `out` is null or valid for writes.
pub(crate) unsafe fn session_info(info: &SessionInfo, out: *mut DtSessionInfo) -> Result<()> {
    let raw = DtSessionInfo {
        struct_size: size_of::<DtSessionInfo>() as u32,
        index_type: match info.index_type {
            IndexType::I64 => drivetrain_plugin_abi::DT_INDEX_I64,
            IndexType::I32 => drivetrain_plugin_abi::DT_INDEX_I32,
        },
        capabilities: info.capabilities.bits(),
        inputs: info.inputs.bits(),
        outputs: info.outputs.bits(),
        precision: info.precision.map_or(0, |precision| precision.set().bits()),
        dim: extent(info.dim)?,
        hidden: extent(info.hidden)?,
        labels: extent(info.labels)?,
        vocabulary: extent(info.vocabulary)?,
        max_tokens: extent(info.max_tokens)?,
        threads: extent(info.threads)?,
        batch_tokens: extent(info.batch_tokens)?,
    };
    // SAFETY: promised by the caller.
    unsafe { sized::write(&raw, out) }
}

fn extent(value: usize) -> Result<u32> {
    u32::try_from(value).map_err(|_| Error::internal(format!("extent {value} does not fit 32 bits")))
}

/// # Safety
/// `dims` is valid for writes of `DT_MAX_DIMS` extents and `ndim` for one.
pub(crate) unsafe fn output_shape(shape: &[usize], dims: *mut i64, ndim: *mut i32) -> Result<()> {
    if dims.is_null() || ndim.is_null() || shape.len() > DT_MAX_DIMS {
        return Err(broken("an output shape has nowhere to go"));
    }
    // SAFETY: promised by the caller; neither is null and the number of axes was just checked.
    unsafe {
        for (axis, &extent) in shape.iter().enumerate() {
            dims.add(axis).write(extent as i64);
        }
        ndim.write(shape.len() as i32);
    }
    Ok(())
}

/// One output of the host's with its shape; [`HostOutput::buffer`] borrows it for the contract.
pub(crate) struct HostOutput<'a> {
    output: Output,
    shape: Vec<usize>,
    data: &'a mut [f32],
}

impl<'a> HostOutput<'a> {
    /// # Safety
    /// `tensor` is null or valid, its data is valid for writes of `capacity` bytes while the result is in use, and no
    /// other output shares it.
    pub(crate) unsafe fn read(tensor: *mut DtTensor) -> Result<Self> {
        // SAFETY: promised by the caller.
        let tensor = unsafe { sized::read(tensor.cast_const()) }?;
        // SAFETY: as above.
        let name = unsafe { text(tensor.name, "name") }?;
        let output =
            Output::named(name).ok_or_else(|| Error::unsupported(format!("the output `{name}` is not known")))?;
        let shape = shape(&tensor)?;
        let count = element_count(&shape)?;
        let fits = count.checked_mul(size_of::<f32>()).is_some_and(|bytes| bytes as u64 <= tensor.capacity);
        let first: *mut f32 = tensor.t.data.cast();
        let usable = count == 0 || (!first.is_null() && first.is_aligned());
        if tensor.t.dtype != DLDataType::F32 || !fits || !usable {
            return Err(broken(format!("the output `{name}` is not a buffer of {count} floats")));
        }
        let data = match count {
            0 => &mut [][..],
            // SAFETY: promised by the caller; not null, and within the capacity.
            _ => unsafe { slice::from_raw_parts_mut(first, count) },
        };
        Ok(Self { output, shape, data })
    }

    pub(crate) fn buffer(&mut self) -> Result<OutputMut<'_>> {
        OutputMut::new(self.output, &self.shape, self.data)
    }
}

/// # Safety
/// `out` is null or valid for writes.
pub(crate) unsafe fn estimate(estimate: &Estimate, out: *mut DtEstimate) -> Result<()> {
    let mut end = estimate.reason.len().min(DT_REASON_TEXT);
    while !estimate.reason.is_char_boundary(end) {
        end -= 1;
    }
    let mut reason = [0; DT_REASON_TEXT];
    for (slot, byte) in reason.iter_mut().zip(&estimate.reason.as_bytes()[..end]) {
        *slot = *byte as std::ffi::c_char;
    }
    let raw = DtEstimate {
        struct_size: size_of::<DtEstimate>() as u32,
        verdict: estimate.verdict as i32,
        basis: estimate.basis as i32,
        artifact_index: estimate.artifact_index,
        fixed_ns: estimate.fixed_ns,
        ns_per_token: estimate.ns_per_token,
        load_ns: estimate.load_ns,
        host_bytes: estimate.host_bytes,
        device_bytes: estimate.device_bytes,
        reason_len: end as u32,
        reserved: 0,
        reason,
    };
    // SAFETY: promised by the caller.
    unsafe { sized::write(&raw, out) }
}

/// # Safety
/// `out` is null or valid for writes.
pub(crate) unsafe fn memory(memory: &MemoryUse, out: *mut DtMemory) -> Result<()> {
    let raw = DtMemory {
        struct_size: size_of::<DtMemory>() as u32,
        reserved: 0,
        host_private: memory.host_private,
        host_mapped: memory.host_mapped,
        device: memory.device,
        peak_activation: memory.peak_activation,
    };
    // SAFETY: promised by the caller.
    unsafe { sized::write(&raw, out) }
}
