//! A plugin in a library of its own, as its host sees it: what it logs, and where its panics go.
//!
//! One test, because the logger and the panic hook are there once.

use std::{
    ffi::c_void,
    panic, ptr, slice,
    sync::{
        Mutex,
        atomic::{AtomicI32, Ordering},
    },
    thread,
};

use drivetrain_plugin::{
    abi::{
        DT_ABI_LEVEL, DT_LOG_DEBUG, DT_LOG_ERROR, DT_LOG_INFO, DT_LOG_WARN, DtBackend, DtError, DtHost, DtPlugin,
        DtSink, DtStr,
    },
    contract::{
        Backend, BackendInfo, Call, Error, ErrorKind, Model, OpenBackend, Probe, Result, Session, SessionOptions,
    },
    entry, prepare_exported,
};
use log::LevelFilter;

/// Does what its configuration says when it is probed.
struct Exported(String);

impl OpenBackend for Exported {
    const INFO: BackendInfo =
        BackendInfo { id: "exported", version: "0", vendor: "tests", license: "MIT", config_schema_json: "{}" };

    fn open(config_json: &str) -> Result<Self> {
        Ok(Self(config_json.to_owned()))
    }
}

impl Backend for Exported {
    fn probe(&self) -> Result<Probe> {
        match self.0.as_str() {
            "catch" => drop(panic::catch_unwind(|| panic!("caught by the plugin itself"))),
            "panic" => panic!("inside a call"),
            "unwind" => panic::resume_unwind(Box::new("without a place")),
            "thread" => drop(thread::spawn(|| panic!("on a thread of its own")).join()),
            "log" => {
                log::info!("wanted");
                log::debug!("not wanted");
            }
            _ => {}
        }
        Ok(Probe::default())
    }

    fn create_session(&self, _: &Model, _: &SessionOptions, _: &dyn Call) -> Result<Box<dyn Session>> {
        Err(Error::unsupported("there are no sessions"))
    }
}

/// The finest level the host wants.
static WANTED: AtomicI32 = AtomicI32::new(DT_LOG_INFO);
/// Records that crossed, and levels asked for with a target.
static RECORDS: Mutex<Vec<(i32, String)>> = Mutex::new(Vec::new());
static ASKED: Mutex<Vec<i32>> = Mutex::new(Vec::new());

unsafe extern "C" fn take(_ctx: *mut c_void, level: i32, _target: DtStr, msg: DtStr) {
    // SAFETY: the plugin promises text that is valid for the call.
    let text = unsafe { slice::from_raw_parts(msg.ptr.cast(), msg.len) };
    RECORDS.lock().unwrap().push((level, String::from_utf8_lossy(text).into_owned()));
}

unsafe extern "C" fn wants(_ctx: *mut c_void, level: i32, target: DtStr) -> i32 {
    if target.len != 0 {
        ASKED.lock().unwrap().push(level);
    }
    i32::from(level <= WANTED.load(Ordering::Relaxed))
}

fn host() -> DtHost {
    DtHost {
        struct_size: size_of::<DtHost>() as u32,
        abi_level: DT_ABI_LEVEL,
        ctx: ptr::null_mut(),
        log: Some(take),
        log_enabled: Some(wants),
    }
}

/// Opens, probes and closes; gives the status and the text of the error.
fn probe(what: &str) -> (i32, String) {
    // SAFETY: null is allowed for both, and the table is in static storage.
    let table: &DtPlugin = unsafe { &*entry::<Exported>(ptr::null(), ptr::null_mut()) };
    let (mut backend, mut err) = (ptr::null_mut::<DtBackend>(), DtError::new());
    let sink = DtSink {
        struct_size: size_of::<DtSink>() as u32,
        reserved: 0,
        ctx: ptr::null_mut(),
        device: None,
        format: None,
        engine_version: None,
    };
    // SAFETY: every argument is valid for its call, and the handle is used between `open` and `close` only.
    let status = unsafe {
        table.open.unwrap()(ptr::null(), DtStr::new(what), &mut backend, &mut err);
        let status = table.probe.unwrap()(backend, &sink, &mut err);
        table.close.unwrap()(backend);
        status
    };
    let text = err.msg[..err.msg_len as usize].iter().map(|&byte| byte as u8).collect();
    (status, String::from_utf8(text).unwrap())
}

/// Probes with the plugin's hook in place, and gives the process its own back: else assertions would be records.
fn probe_with_hook<const N: usize>(what: [&str; N]) -> [(i32, String); N] {
    // SAFETY: a leaked table lives for ever.
    unsafe { prepare_exported(Box::leak(Box::new(host()))) };
    let outcomes = what.map(probe);
    drop(panic::take_hook());
    outcomes
}

#[test]
fn panics_and_records_go_where_they_belong() {
    let [panicked, caught, unwound, threaded, logged] = probe_with_hook(["panic", "catch", "unwind", "thread", "log"]);
    assert_eq!(panicked.0, ErrorKind::Panic.code());
    assert!(panicked.1.starts_with("panicked at ") && panicked.1.contains("exported.rs:"), "{}", panicked.1);
    assert!(panicked.1.ends_with(": inside a call"), "{}", panicked.1);
    assert_eq!(caught, (0, String::new()));
    assert_eq!(unwound.1, "panicked: without a place", "the place of an earlier panic is not told again");
    assert_eq!((threaded.0, logged.0), (0, 0));

    let records = std::mem::take(&mut *RECORDS.lock().unwrap());
    let [(DT_LOG_ERROR, thread), (DT_LOG_INFO, info)] = &records[..] else { panic!("{records:?}") };
    assert!(thread.contains("exported.rs:") && thread.ends_with(": on a thread of its own"), "{thread}");
    assert_eq!(info, "wanted");
    assert!(!ASKED.lock().unwrap().contains(&DT_LOG_DEBUG), "what nobody wants does not cross the boundary");

    assert_eq!(log::max_level(), LevelFilter::Info);
    for (wanted, expected) in [(DT_LOG_WARN, LevelFilter::Warn), (0, LevelFilter::Off), (9, LevelFilter::Trace)] {
        WANTED.store(wanted, Ordering::Relaxed);
        // SAFETY: as above; asked again, the plugin keeps the table it has.
        unsafe { prepare_exported(Box::leak(Box::new(host()))) };
        assert_eq!(log::max_level(), expected);
    }
}
