//! An opened plugin behind the contract's `Backend`.

use std::{
    path::PathBuf,
    ptr::NonNull,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use drivetrain_contract::{
    Backend, Basis, Call, Error, ErrorKind, Estimate, Model, Probe, Result, Session, SessionOptions, Verdict,
};
use drivetrain_plugin_abi::{DT_REASON_TEXT, DtBackend, DtCall, DtEntryV1, DtEstimate, DtStr};

use crate::{
    call::CallContext,
    error::{broken, call},
    model::with_request,
    services::HOST,
    session::PluginSession,
    sink::ProbeSink,
    table::Table,
};

/// A backend behind the plugin interface, linked or loaded.
#[derive(Debug)]
pub struct PluginBackend {
    opened: Arc<Opened>,
}

/// The plugin's handle. Sessions hold it too, so it is closed after the last of them is gone.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) id: String,
    pub(crate) table: Table,
    handle: NonNull<DtBackend>,
    poisoned: AtomicBool,
    library: Option<PathBuf>,
}

// SAFETY: the interface lets a backend be called from any thread at the same time.
unsafe impl Send for Opened {}
// SAFETY: as above.
unsafe impl Sync for Opened {}

impl PluginBackend {
    /// Opens the plugin behind `entry` with its settings as a JSON object.
    pub(crate) fn open(entry: DtEntryV1, id: &str, config_json: &str, library: Option<PathBuf>) -> Result<Self> {
        let table = Table::load(entry, id)?;
        let mut handle = std::ptr::null_mut();
        call(id, |err| match table.functions().open {
            // SAFETY: every argument is valid for the call; the service table for the life of the process.
            Some(open) => unsafe { open(HOST.table(), DtStr::new(config_json), &mut handle, err) },
            None => ErrorKind::Abi.code(),
        })?;
        let handle = NonNull::new(handle).ok_or_else(|| broken(id, "opened without giving a handle"))?;
        let poisoned = AtomicBool::new(false);
        Ok(Self { opened: Arc::new(Opened { id: id.to_owned(), table, handle, poisoned, library }) })
    }

    /// Name of the plugin.
    pub fn id(&self) -> &str {
        &self.opened.id
    }

    /// Version of the adapter.
    pub fn version(&self) -> String {
        self.opened.table.about().version
    }

    /// Who made it, under which licence.
    pub fn vendor_and_license(&self) -> (String, String) {
        let about = self.opened.table.about();
        (about.vendor, about.license)
    }

    /// JSON Schema of its settings.
    pub fn config_schema_json(&self) -> String {
        self.opened.table.about().config_schema_json
    }

    /// Level of the interface it was built with.
    pub fn abi_level(&self) -> u32 {
        self.opened.table.abi_level()
    }

    /// The file it was loaded from; `None` for a linked backend.
    pub fn library(&self) -> Option<&std::path::Path> {
        self.opened.library.as_deref()
    }

    /// Calls made through its table so far.
    pub fn calls(&self) -> u64 {
        self.opened.table.calls()
    }
}

impl Opened {
    /// Calls the backend, unless a panic poisoned it.
    fn call(&self, body: impl FnOnce(*mut DtBackend, *mut drivetrain_plugin_abi::DtError) -> i32) -> Result<()> {
        if self.poisoned.load(Ordering::Acquire) {
            return Err(Error::new(
                ErrorKind::Panic,
                format!("plugin `{}` panicked earlier and is closed off", self.id),
            ));
        }
        let outcome = call(&self.id, |err| body(self.handle.as_ptr(), err));
        if outcome.as_ref().is_err_and(|err| err.kind() == ErrorKind::Panic) {
            self.poisoned.store(true, Ordering::Release);
        }
        outcome
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if let Some(close) = self.table.functions().close {
            // SAFETY: the handle came from `open`, no session is left (each holds this value), and this is its last use.
            unsafe { close(self.handle.as_ptr()) }
        }
    }
}

impl Backend for PluginBackend {
    fn probe(&self) -> Result<Probe> {
        let mut sink = ProbeSink::new(&self.opened.id);
        let raw_sink = sink.raw();
        let outcome = self.opened.call(|backend, err| match self.opened.table.functions().probe {
            // SAFETY: handle, sink and buffer are valid for the call.
            Some(function) => unsafe { function(backend, &raw_sink, err) },
            None => ErrorKind::Abi.code(),
        });
        let probe = sink.finish();
        outcome.and(probe)
    }

    fn estimate(&self, model: &Model, options: &SessionOptions) -> Result<Estimate> {
        let Some(function) = self.opened.table.functions().estimate else { return Ok(Estimate::default()) };
        let mut raw = empty_estimate();
        with_request(model, options, |model, desc| {
            // SAFETY: every argument is valid for the call.
            self.opened.call(|backend, err| unsafe { function(backend, model, desc, &mut raw, err) })
        })?;
        Ok(read_estimate(&raw))
    }

    fn create_session(&self, model: &Model, options: &SessionOptions, context: &dyn Call) -> Result<Box<dyn Session>> {
        let context = CallContext::new(context);
        let raw_call: DtCall = context.raw();
        let mut handle = std::ptr::null_mut();
        let outcome = with_request(model, options, |model, desc| {
            self.opened.call(|backend, err| match self.opened.table.functions().session_create {
                // SAFETY: every argument is valid for the call, bytes in memory for the life of the process.
                Some(create) => unsafe { create(backend, model, desc, &raw_call, &mut handle, err) },
                None => ErrorKind::Abi.code(),
            })
        });
        // A handle is in the hands of a session, which destroys it, before a panic of the caller's goes on.
        let session = outcome.and_then(|()| {
            let handle = NonNull::new(handle)
                .ok_or_else(|| broken(&self.opened.id, "created a session without giving a handle"))?;
            Ok(PluginSession::adopt(Arc::clone(&self.opened), handle))
        });
        context.resume_panic();
        Ok(Box::new(session?.described()?))
    }
}

fn empty_estimate() -> DtEstimate {
    DtEstimate {
        struct_size: size_of::<DtEstimate>() as u32,
        verdict: 0,
        basis: 0,
        artifact_index: 0,
        fixed_ns: 0.0,
        ns_per_token: 0.0,
        load_ns: 0,
        host_bytes: 0,
        device_bytes: 0,
        reason_len: 0,
        reserved: 0,
        reason: [0; DT_REASON_TEXT],
    }
}

fn read_estimate(raw: &DtEstimate) -> Estimate {
    let length = (raw.reason_len as usize).min(DT_REASON_TEXT);
    let reason: Vec<u8> = raw.reason[..length].iter().map(|&byte| byte as u8).collect();
    Estimate {
        verdict: match raw.verdict {
            0 => Verdict::No,
            2 => Verdict::Yes,
            _ => Verdict::Maybe,
        },
        basis: match raw.basis {
            1 => Basis::Modelled,
            2 => Basis::Measured,
            _ => Basis::Guess,
        },
        artifact_index: raw.artifact_index,
        fixed_ns: raw.fixed_ns,
        ns_per_token: raw.ns_per_token,
        load_ns: raw.load_ns,
        host_bytes: raw.host_bytes,
        device_bytes: raw.device_bytes,
        reason: String::from_utf8_lossy(&reason).into_owned(),
    }
}
