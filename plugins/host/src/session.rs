//! A plugin's session behind the contract's `Session`.

use std::{cell::Cell, ffi::c_void, ptr::NonNull, slice, sync::Arc};

use drivetrain_contract::{
    ArtifactData, Batch, Call, Capabilities, Error, ErrorKind, IndexType, Inputs, MemoryUse, Output, OutputMut,
    Outputs, Precision, Precisions, Result, Session, SessionInfo,
};
use drivetrain_plugin_abi::{
    DLDataType, DT_INDEX_I32, DT_MAX_DIMS, DT_TENSOR_PLUGIN_OWNED, DtCall, DtError, DtMemory, DtPlugin, DtSession,
    DtSessionInfo, DtStr, DtTensor,
};

use crate::{
    backend::Opened,
    batch::{InputTensors, dense, tensor},
    error::{broken, call},
};

/// A loaded model of a plugin.
#[derive(Debug)]
pub(crate) struct PluginSession {
    handle: NonNull<DtSession>,
    info: SessionInfo,
    poisoned: Cell<bool>,
    opened: Arc<Opened>,
    /// Bytes the plugin may still read.
    _kept_alive: Vec<ArtifactData>,
}

// SAFETY: the interface lets a session be called from any thread as long as calls do not overlap; they cannot, because
// the type is not `Sync`.
unsafe impl Send for PluginSession {}

impl PluginSession {
    pub(crate) fn new(opened: Arc<Opened>, handle: NonNull<DtSession>, kept_alive: Vec<ArtifactData>) -> Result<Self> {
        let mut session =
            Self { handle, info: SessionInfo::default(), poisoned: Cell::new(false), opened, _kept_alive: kept_alive };
        session.info = session.ask_info()?;
        Ok(session)
    }

    fn ask_info(&self) -> Result<SessionInfo> {
        let mut raw = DtSessionInfo {
            struct_size: size_of::<DtSessionInfo>() as u32,
            index_type: 0,
            capabilities: 0,
            inputs: 0,
            outputs: 0,
            precision: 0,
            dim: 0,
            hidden: 0,
            labels: 0,
            vocabulary: 0,
            max_tokens: 0,
            threads: 0,
        };
        self.call(|table, session, err| match table.session_info {
            // SAFETY: handle, struct and buffer are valid for the call.
            Some(function) => unsafe { function(session, &mut raw, err) },
            None => ErrorKind::Abi.code(),
        })?;
        Ok(SessionInfo {
            capabilities: Capabilities::from_bits_truncate(raw.capabilities),
            inputs: Inputs::from_bits_truncate(raw.inputs),
            outputs: Outputs::from_bits_truncate(raw.outputs),
            index_type: if raw.index_type == DT_INDEX_I32 { IndexType::I32 } else { IndexType::I64 },
            dim: raw.dim as usize,
            hidden: raw.hidden as usize,
            labels: raw.labels as usize,
            vocabulary: raw.vocabulary as usize,
            max_tokens: raw.max_tokens as usize,
            threads: raw.threads as usize,
            precision: Precision::from_set(Precisions::from_bits_retain(raw.precision)),
        })
    }

    fn call(&self, body: impl FnOnce(&DtPlugin, *mut DtSession, *mut DtError) -> i32) -> Result<()> {
        if self.poisoned.get() {
            let message = format!("a session of plugin `{}` panicked earlier and is closed off", self.opened.id);
            return Err(Error::new(ErrorKind::Panic, message));
        }
        let outcome = call(&self.opened.id, |err| body(self.opened.table.functions(), self.handle.as_ptr(), err));
        let panicked = outcome.as_ref().is_err_and(|err| err.kind() == ErrorKind::Panic);
        self.poisoned.set(panicked);
        outcome
    }
}

impl Drop for PluginSession {
    fn drop(&mut self) {
        if let Some(destroy) = self.opened.table.functions().session_destroy {
            // SAFETY: the handle came from `session_create` and this is its last use.
            unsafe { destroy(self.handle.as_ptr()) }
        }
    }
}

impl Session for PluginSession {
    fn describe(&self) -> &SessionInfo {
        &self.info
    }

    fn output_shape(&self, batch: &Batch<'_>, output: Output) -> Result<Vec<usize>> {
        let mut dims = [0i64; DT_MAX_DIMS];
        let mut ndim = 0i32;
        InputTensors::new(batch).with(|inputs| {
            self.call(|table, session, err| match table.output_shape {
                // SAFETY: every argument is valid for the call, `dims` for the extents the interface allows.
                Some(function) => unsafe {
                    let name = DtStr::new(output.name());
                    function(session, inputs.as_ptr(), inputs.len(), name, dims.as_mut_ptr(), &mut ndim, err)
                },
                None => ErrorKind::Abi.code(),
            })
        })?;
        read_shape(&self.opened.id, output, &dims, ndim)
    }

    fn run(&mut self, batch: &Batch<'_>, outputs: &mut [OutputMut<'_>], context: &dyn Call) -> Result<()> {
        context.check()?;
        let context = CallContext::new(context);
        let raw_call = context.raw();
        let mut shapes: Vec<Vec<i64>> =
            outputs.iter().map(|output| output.shape().iter().map(|&extent| extent as i64).collect()).collect();
        let mut tensors: Vec<DtTensor> =
            outputs.iter_mut().zip(&mut shapes).map(|(output, shape)| output_tensor(output, shape)).collect();
        let pointers: Vec<*mut DtTensor> = tensors.iter_mut().map(std::ptr::from_mut).collect();
        let outcome = InputTensors::new(batch).with(|inputs| {
            self.call(|table, session, err| match table.run {
                // SAFETY: every argument is valid for the call; outputs do not share memory.
                Some(function) => unsafe {
                    let (n_in, n_out) = (inputs.len(), pointers.len());
                    function(session, inputs.as_ptr(), n_in, pointers.as_ptr(), n_out, &raw_call, err)
                },
                None => ErrorKind::Abi.code(),
            })
        });
        // Plugin-owned memory is given back whatever the outcome was.
        let collected: Vec<Result<()>> = outputs
            .iter_mut()
            .zip(&tensors)
            .zip(&shapes)
            .map(|((output, tensor), shape)| collect(&self.opened.id, output, tensor, shape))
            .collect();
        outcome?;
        collected.into_iter().collect()
    }

    fn memory(&self) -> Result<MemoryUse> {
        let mut raw = DtMemory {
            struct_size: size_of::<DtMemory>() as u32,
            reserved: 0,
            host_private: 0,
            host_mapped: 0,
            device: 0,
            peak_activation: 0,
        };
        self.call(|table, session, err| match table.memory {
            // SAFETY: every argument is valid for the call.
            Some(function) => unsafe { function(session, &mut raw, err) },
            None => 0,
        })?;
        Ok(MemoryUse {
            host_private: raw.host_private,
            host_mapped: raw.host_mapped,
            device: raw.device,
            peak_activation: raw.peak_activation,
        })
    }

    fn trim(&mut self) -> Result<()> {
        self.call(|table, session, err| match table.trim {
            // SAFETY: every argument is valid for the call.
            Some(function) => unsafe { function(session, err) },
            None => 0,
        })
    }
}

/// The shape a plugin announced, if it can be one.
fn read_shape(id: &str, output: Output, dims: &[i64; DT_MAX_DIMS], ndim: i32) -> Result<Vec<usize>> {
    let shape: Option<Vec<usize>> = usize::try_from(ndim)
        .ok()
        .filter(|&n_axes| (1..=DT_MAX_DIMS).contains(&n_axes))
        .and_then(|n_axes| dims[..n_axes].iter().map(|&extent| usize::try_from(extent).ok()).collect());
    let bytes = |shape: &Vec<usize>| {
        shape
            .iter()
            .try_fold(size_of::<f32>(), |bytes, &extent| bytes.checked_mul(extent))
            .is_some_and(|bytes| bytes < isize::MAX as usize)
    };
    shape.filter(bytes).ok_or_else(|| {
        broken(id, format!("announced an impossible shape for `{}`: {ndim} axes, {dims:?}", output.name()))
    })
}

fn output_tensor(output: &mut OutputMut<'_>, shape: &mut [i64]) -> DtTensor {
    let name = output.output().name();
    let data = output.data();
    let capacity = size_of_val(data) as u64;
    DtTensor { capacity, ..tensor(name, 0, dense(data.as_mut_ptr().cast(), DLDataType::F32, shape)) }
}

/// Copies an output out of the plugin's own memory, if that is where it is, and gives that memory back.
fn collect(id: &str, output: &mut OutputMut<'_>, tensor: &DtTensor, shape: &[i64]) -> Result<()> {
    let buffer = output.data();
    let mut outcome = Ok(());
    if tensor.flags & DT_TENSOR_PLUGIN_OWNED != 0 {
        let same_shape = usize::try_from(tensor.t.ndim) == Ok(shape.len())
            && !tensor.t.shape.is_null()
            // SAFETY: the interface promises `ndim` extents, and their number was just compared.
            && unsafe { slice::from_raw_parts(tensor.t.shape, shape.len()) } == shape;
        if same_shape && tensor.t.dtype == DLDataType::F32 && !tensor.t.data.is_null() {
            // SAFETY: the interface promises row-major data of that shape and type until `release`.
            buffer.copy_from_slice(unsafe { slice::from_raw_parts(tensor.t.data.cast(), buffer.len()) });
        } else {
            outcome = Err(broken(id, format!("gave `{}` in another shape or type", output.output().name())));
        }
        if let Some(release) = tensor.release {
            // SAFETY: this is the one call the interface asks for; the data is not used afterwards.
            unsafe { release(tensor.release_ctx) }
        }
    } else if !std::ptr::eq(tensor.t.data.cast(), buffer.as_ptr()) || usize::try_from(tensor.t.ndim) != Ok(shape.len())
    {
        outcome = Err(broken(id, format!("replaced the buffer of `{}` without owning it", output.output().name())));
    }
    outcome
}

/// Lends the caller's context to a plugin for one call.
pub(crate) struct CallContext<'a> {
    call: &'a dyn Call,
}

impl<'a> CallContext<'a> {
    pub(crate) fn new(call: &'a dyn Call) -> Self {
        Self { call }
    }

    /// The struct for the plugin; valid as long as `self` stays where it is.
    pub(crate) fn raw(&self) -> DtCall {
        DtCall {
            struct_size: size_of::<DtCall>() as u32,
            reserved: 0,
            ctx: std::ptr::from_ref(self).cast_mut().cast(),
            is_cancelled: Some(is_cancelled),
            progress: Some(progress),
            // 0 would mean unlimited, so an expired call has one nanosecond left.
            timeout_ns: self
                .call
                .time_left()
                .map_or(0, |left| u64::try_from(left.as_nanos()).unwrap_or(u64::MAX).max(1)),
        }
    }
}

unsafe extern "C" fn is_cancelled(ctx: *mut c_void) -> i32 {
    // SAFETY: `ctx` is the context of `CallContext::raw`, which outlives the call; `Call` is `Sync`.
    unsafe { ctx.cast::<CallContext<'_>>().as_ref() }.map_or(0, |context| i32::from(context.call.is_cancelled()))
}

unsafe extern "C" fn progress(ctx: *mut c_void, permille: u32, phase: DtStr) {
    // SAFETY: as above.
    let Some(context) = (unsafe { ctx.cast::<CallContext<'_>>().as_ref() }) else { return };
    if !phase.ptr.is_null() {
        // SAFETY: the interface promises text that is valid for the call.
        let phase = unsafe { slice::from_raw_parts(phase.ptr.cast(), phase.len) };
        context.call.progress(permille.min(1000), &String::from_utf8_lossy(phase));
    }
}
