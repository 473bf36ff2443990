//! A plugin's session behind the contract's `Session`.

use std::{cell::Cell, ptr::NonNull, sync::Arc};

use drivetrain_contract::{
    Batch, Call, Capabilities, Error, ErrorKind, IndexType, Inputs, MemoryUse, Output, OutputMut, Outputs, Precision,
    Precisions, Result, Session, SessionInfo,
};
use drivetrain_plugin_abi::{DT_INDEX_I32, DT_MAX_DIMS, DtError, DtMemory, DtPlugin, DtSession, DtSessionInfo, DtStr};

use crate::{
    backend::Opened,
    batch::InputTensors,
    call::CallContext,
    error::{broken, call},
    output::OutputTensors,
};

/// A loaded model of a plugin.
#[derive(Debug)]
pub(crate) struct PluginSession {
    handle: NonNull<DtSession>,
    info: SessionInfo,
    /// The failure after which only destroying it is allowed.
    closed_by: Cell<Option<ErrorKind>>,
    opened: Arc<Opened>,
}

// SAFETY: the interface lets a session be called from any thread as long as calls do not overlap; they cannot, because
// the type is not `Sync`.
unsafe impl Send for PluginSession {}

impl PluginSession {
    /// Takes over a handle, to be destroyed with the value. [`PluginSession::described`] makes it whole.
    pub(crate) fn adopt(opened: Arc<Opened>, handle: NonNull<DtSession>) -> Self {
        Self { handle, info: SessionInfo::default(), closed_by: Cell::new(None), opened }
    }

    /// The session with what it says of itself.
    pub(crate) fn described(mut self) -> Result<Self> {
        self.info = self.ask_info()?;
        Ok(self)
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
            batch_tokens: 0,
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
            batch_tokens: raw.batch_tokens as usize,
            precision: Precision::from_set(Precisions::from_bits_retain(raw.precision)),
        })
    }

    fn call(&self, body: impl FnOnce(&DtPlugin, *mut DtSession, *mut DtError) -> i32) -> Result<()> {
        if let Some(kind) = self.closed_by.get() {
            let what = if kind == ErrorKind::Panic { "panicked" } else { "lost its device" };
            let message = format!("a session of plugin `{}` {what} earlier and is closed off", self.opened.id);
            return Err(Error::new(kind, message));
        }
        let outcome = call(&self.opened.id, |err| body(self.opened.table.functions(), self.handle.as_ptr(), err));
        let kind = outcome.as_ref().err().map(Error::kind);
        self.closed_by.set(kind.filter(|kind| matches!(kind, ErrorKind::Panic | ErrorKind::DeviceLost)));
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
        let mut lent = OutputTensors::new(outputs);
        let pointers = lent.pointers();
        let outcome = InputTensors::new(batch).aligned().with(|inputs| {
            self.call(|table, session, err| match table.run {
                // SAFETY: every argument is valid for the call; outputs do not share memory.
                Some(function) => unsafe {
                    let (n_in, n_out) = (inputs.len(), pointers.len());
                    function(session, inputs.as_ptr(), n_in, pointers.as_ptr(), n_out, &raw_call, err)
                },
                None => ErrorKind::Abi.code(),
            })
        });
        let outcome = lent.collect(&self.opened.id, outputs, outcome);
        context.resume_panic();
        outcome
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
