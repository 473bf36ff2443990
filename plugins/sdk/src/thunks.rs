//! The functions in the table: each reads its arguments, calls the contract, and writes the result.
//!
//! All of them share one promise, which the host gives by the rules of the interface: pointers are null or valid for
//! the call, handles come from the matching create function and are not used after their destroy function, and calls
//! on one session never overlap.

use drivetrain_contract::{Backend, OpenBackend, Output, OutputMut, Session};
use drivetrain_plugin_abi::{
    DtBackend, DtCall, DtError, DtEstimate, DtHost, DtMemory, DtModel, DtSession, DtSessionDesc, DtSessionInfo, DtSink,
    DtStr, DtTensor,
};

use crate::{
    call::HostCall,
    guard::{Handle, drop_handle, on_handle, without_handle},
    read::{self, broken},
    write::{self, HostOutput},
};

type SessionHandle = Handle<Box<dyn Session>>;

pub(crate) unsafe extern "C" fn open<B: OpenBackend>(
    _host: *const DtHost,
    config_json: DtStr,
    out: *mut *mut DtBackend,
    err: *mut DtError,
) -> i32 {
    // SAFETY: the module's promise.
    unsafe {
        without_handle(err, || {
            if out.is_null() {
                return Err(broken("`out` is null"));
            }
            let handle = Handle::new(B::open(read::text(config_json, "config_json")?)?);
            out.write(handle.into_raw());
            Ok(())
        })
    }
}

pub(crate) unsafe extern "C" fn close<B: OpenBackend>(backend: *mut DtBackend) {
    if !backend.is_null() {
        // SAFETY: the module's promise: made by `open::<B>`, used for the last time here.
        drop_handle(unsafe { Handle::<B>::from_raw(backend) });
    }
}

pub(crate) unsafe extern "C" fn probe<B: OpenBackend>(
    backend: *mut DtBackend,
    sink: *const DtSink,
    err: *mut DtError,
) -> i32 {
    // SAFETY: the module's promise.
    unsafe { with_backend::<B>(backend, err, |backend| write::probe(&backend.probe()?, sink)) }
}

pub(crate) unsafe extern "C" fn estimate<B: OpenBackend>(
    backend: *mut DtBackend,
    model: *const DtModel,
    desc: *const DtSessionDesc,
    out: *mut DtEstimate,
    err: *mut DtError,
) -> i32 {
    // SAFETY: the module's promise.
    unsafe {
        with_backend::<B>(backend, err, |backend| {
            let estimate = backend.estimate(&read::model(model)?, &read::session_options(desc)?)?;
            write::estimate(&estimate, out)
        })
    }
}

pub(crate) unsafe extern "C" fn session_create<B: OpenBackend>(
    backend: *mut DtBackend,
    model: *const DtModel,
    desc: *const DtSessionDesc,
    call: *const DtCall,
    out: *mut *mut DtSession,
    err: *mut DtError,
) -> i32 {
    // SAFETY: the module's promise.
    unsafe {
        with_backend::<B>(backend, err, |backend| {
            if out.is_null() {
                return Err(broken("`out` is null"));
            }
            let (model, options) = (read::model(model)?, read::session_options(desc)?);
            let session = backend.create_session(&model, &options, &HostCall::new(call)?)?;
            out.write(Handle::new(session).into_raw());
            Ok(())
        })
    }
}

pub(crate) unsafe extern "C" fn session_destroy(session: *mut DtSession) {
    if !session.is_null() {
        // SAFETY: the module's promise: made by `session_create`, used for the last time here.
        drop_handle(unsafe { SessionHandle::from_raw(session) });
    }
}

pub(crate) unsafe extern "C" fn session_info(
    session: *mut DtSession,
    out: *mut DtSessionInfo,
    err: *mut DtError,
) -> i32 {
    // SAFETY: the module's promise.
    unsafe { with_session(session, err, |session| write::session_info(session.describe(), out)) }
}

pub(crate) unsafe extern "C" fn output_shape(
    session: *mut DtSession,
    inputs: *const *const DtTensor,
    n_inputs: usize,
    output: DtStr,
    dims: *mut i64,
    ndim: *mut i32,
    err: *mut DtError,
) -> i32 {
    // SAFETY: the module's promise.
    unsafe {
        with_session(session, err, |session| {
            let name = read::text(output, "output")?;
            let output = Output::named(name).ok_or_else(|| broken(format!("the output `{name}` is not known")))?;
            let shape = session.output_shape(&read::batch(inputs, n_inputs)?, output)?;
            write::output_shape(&shape, dims, ndim)
        })
    }
}

pub(crate) unsafe extern "C" fn run(
    session: *mut DtSession,
    inputs: *const *const DtTensor,
    n_inputs: usize,
    outputs: *const *mut DtTensor,
    n_outputs: usize,
    call: *const DtCall,
    err: *mut DtError,
) -> i32 {
    // SAFETY: the module's promise.
    unsafe {
        with_session(session, err, |session| {
            let batch = read::batch(inputs, n_inputs)?;
            if outputs.is_null() && n_outputs != 0 {
                return Err(broken("`outputs` is null"));
            }
            let mut tensors =
                (0..n_outputs).map(|idx| HostOutput::read(*outputs.add(idx))).collect::<Result<Vec<_>, _>>()?;
            let mut buffers = tensors.iter_mut().map(HostOutput::buffer).collect::<Result<Vec<OutputMut<'_>>, _>>()?;
            session.run(&batch, &mut buffers, &HostCall::new(call)?)
        })
    }
}

pub(crate) unsafe extern "C" fn memory(session: *mut DtSession, out: *mut DtMemory, err: *mut DtError) -> i32 {
    // SAFETY: the module's promise.
    unsafe { with_session(session, err, |session| write::memory(&session.memory()?, out)) }
}

pub(crate) unsafe extern "C" fn trim(session: *mut DtSession, err: *mut DtError) -> i32 {
    // SAFETY: the module's promise.
    unsafe { with_session(session, err, |session| session.trim()) }
}

/// # Safety
/// `backend` is null or a handle made by `open::<B>` that is still open.
unsafe fn with_backend<B: Backend>(
    backend: *mut DtBackend,
    err: *mut DtError,
    body: impl FnOnce(&B) -> drivetrain_contract::Result<()>,
) -> i32 {
    // SAFETY: promised by the caller; calls may overlap, so only a shared reference is made.
    match unsafe { backend.cast::<Handle<B>>().as_ref() } {
        // SAFETY: the module's promise.
        Some(handle) => unsafe { on_handle(handle.poisoned(), err, || body(&handle.value)) },
        // SAFETY: as above.
        None => unsafe { without_handle(err, || Err(broken("`backend` is null"))) },
    }
}

/// # Safety
/// `session` is null or a handle made by `session_create` that is still alive, and no other call on it is going on.
unsafe fn with_session(
    session: *mut DtSession,
    err: *mut DtError,
    body: impl FnOnce(&mut dyn Session) -> drivetrain_contract::Result<()>,
) -> i32 {
    // SAFETY: promised by the caller.
    match unsafe { session.cast::<SessionHandle>().as_mut() } {
        Some(handle) => {
            let (value, poisoned) = handle.split();
            // SAFETY: the module's promise.
            unsafe { on_handle(poisoned, err, || body(value.as_mut())) }
        }
        // SAFETY: as above.
        None => unsafe { without_handle(err, || Err(broken("`session` is null"))) },
    }
}
