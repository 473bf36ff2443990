//! A linked backend that panics wherever it is told to: contained, poisoned, destroyed.

use std::{
    error, fmt,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, Ordering},
};

use drivetrain_contract::{
    Backend, BackendInfo, Batch, Call, Capabilities, Error, ErrorKind, Estimate, Inputs, MemoryUse, Model, NoCall,
    OpenBackend, Output, OutputMut, Outputs, Probe, Result, Session, SessionInfo, SessionOptions, TextBatch,
};
use drivetrain_plugin::{abi::LinkedPlugin, entry};
use drivetrain_plugin_host::{OpenOptions, PluginBackend, Registry, SearchPath};

inventory::submit! {
    LinkedPlugin {
        manifest: "manifest = 1\nid = \"panicky\"\nversion = \"0\"\nabi = { min = 1, max = 1 }\nlibrary = \"x\"",
        entry: entry::<Panicky>,
    }
}

/// Panics in the method its configuration names.
struct Panicky {
    place: String,
}

impl Panicky {
    fn reached(&self, place: &str) {
        assert!(self.place != place, "told to panic in {place}");
    }
}

impl OpenBackend for Panicky {
    const INFO: BackendInfo =
        BackendInfo { id: "panicky", version: "0", vendor: "tests", license: "MIT", config_schema_json: "{}" };

    fn open(config_json: &str) -> Result<Self> {
        let backend = Self { place: config_json.split('"').nth(3).unwrap_or_default().to_owned() };
        backend.reached("open");
        match backend.place.as_str() {
            "refuse" => Err(Error::unsupported("told to refuse").with_hint("say something else")),
            "error_text" => Err(Error::internal("x").with_source(PanickySource { in_drop: false })),
            "error_drop" => Err(Error::internal("x").with_source(PanickySource { in_drop: true })),
            _ => Ok(backend),
        }
    }
}

/// The cause of an error, with code of its own, as causes have.
#[derive(Debug)]
struct PanickySource {
    in_drop: bool,
}

impl fmt::Display for PanickySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(self.in_drop, "told to panic in error_text");
        f.write_str("cause")
    }
}

impl error::Error for PanickySource {}

impl Drop for PanickySource {
    fn drop(&mut self) {
        assert!(!self.in_drop, "told to panic in error_drop");
    }
}

impl Backend for Panicky {
    fn probe(&self) -> Result<Probe> {
        self.reached("probe");
        Ok(Probe::default())
    }

    fn estimate(&self, _model: &Model, _options: &SessionOptions) -> Result<Estimate> {
        self.reached("estimate");
        Ok(Estimate { reason: "as good as any".to_owned(), ..Estimate::default() })
    }

    fn create_session(&self, _model: &Model, options: &SessionOptions, call: &dyn Call) -> Result<Box<dyn Session>> {
        self.reached("create_session");
        call.check()?;
        call.progress(500, "half");
        let capabilities = Capabilities::TEXT_IN | Capabilities::POOLED_OUT;
        let info = SessionInfo {
            capabilities,
            inputs: Inputs::TEXT_BYTES | Inputs::TEXT_OFFSETS,
            outputs: Outputs::SENTENCE_EMBEDDING,
            dim: 1,
            threads: options.threads.get(),
            ..SessionInfo::default()
        };
        Ok(Box::new(PanickySession { backend: Panicky { place: self.place.clone() }, info }))
    }
}

struct PanickySession {
    backend: Panicky,
    info: SessionInfo,
}

impl Session for PanickySession {
    fn describe(&self) -> &SessionInfo {
        self.backend.reached("describe");
        &self.info
    }

    fn output_shape(&self, batch: &Batch<'_>, _output: Output) -> Result<Vec<usize>> {
        self.backend.reached("output_shape");
        Ok(vec![batch.size(), 1])
    }

    fn run(&mut self, batch: &Batch<'_>, outputs: &mut [OutputMut<'_>], call: &dyn Call) -> Result<()> {
        self.backend.reached("run");
        call.check()?;
        for (slot, text) in outputs[0].data().iter_mut().zip(batch.as_text()?.texts()) {
            *slot = text.len() as f32;
        }
        Ok(())
    }

    fn memory(&self) -> Result<MemoryUse> {
        self.backend.reached("memory");
        Ok(MemoryUse { host_private: 7, ..MemoryUse::default() })
    }

    fn trim(&mut self) -> Result<()> {
        self.backend.reached("trim");
        Ok(())
    }
}

impl Drop for PanickySession {
    fn drop(&mut self) {
        self.backend.reached("drop");
    }
}

fn open(place: &str) -> Result<PluginBackend> {
    let mut options = OpenOptions::default();
    options.config.insert("panic_in".to_owned(), place.into());
    Registry::discover(&SearchPath::default()).get("panicky")?.open(options)
}

fn create(backend: &PluginBackend) -> Result<Box<dyn Session>> {
    backend.create_session(&Model::default(), &SessionOptions::new("cpu", NonZeroUsize::MIN), &NoCall)
}

fn run(session: &mut dyn Session, call: &dyn Call) -> Result<f32> {
    let batch = Batch::Text(TextBatch::new("four", &[0, 4]).unwrap());
    let shape = session.output_shape(&batch, Output::SentenceEmbedding)?;
    let mut data = [0.0];
    session.run(&batch, &mut [OutputMut::new(Output::SentenceEmbedding, &shape, &mut data)?], call)?;
    Ok(data[0])
}

fn check_panic<T>(outcome: Result<T>, place: &str) {
    let err = outcome.err().unwrap_or_else(|| panic!("`{place}` must fail"));
    assert_eq!(err.kind(), ErrorKind::Panic, "{err}");
    assert!(err.message().contains(&format!("told to panic in {place}")), "{err}");
}

fn check_poisoned<T>(outcome: Result<T>) {
    let err = outcome.err().expect("a poisoned handle must refuse");
    assert_eq!(err.kind(), ErrorKind::Panic, "{err}");
    assert!(err.message().contains("closed off"), "{err}");
}

#[test]
fn without_panics_everything_arrives() {
    let backend = open("nowhere").unwrap();
    let options = SessionOptions::new("cpu", NonZeroUsize::MIN);
    assert_eq!(backend.estimate(&Model::default(), &options).unwrap().reason, "as good as any");
    let before = backend.calls();
    let mut session = create(&backend).unwrap();
    assert_eq!(session.describe().threads, 1);
    assert_eq!(session.memory().unwrap().host_private, 7);
    assert_eq!(run(session.as_mut(), &NoCall).unwrap(), 4.0);
    // session_create, session_info, memory, output_shape, run: a linked backend is called through the table too.
    assert_eq!(backend.calls() - before, 5);
    drop(session);
    assert_eq!(backend.calls() - before, 6);
}

#[test]
fn a_refusal_keeps_kind_message_and_hint() {
    let err = open("refuse").unwrap_err();
    assert_eq!(
        (err.kind(), err.message(), err.hint()),
        (ErrorKind::Unsupported, "told to refuse", Some("say something else"))
    );
}

#[test]
fn panics_of_a_backend_are_errors_and_poison_it() {
    check_panic(open("open"), "open");
    check_panic(open("error_text"), "error_text");
    check_panic(open("error_drop"), "error_drop");
    let backend = open("probe").unwrap();
    check_panic(backend.probe(), "probe");
    check_poisoned(backend.probe());
    check_poisoned(create(&backend));
    let backend = open("estimate").unwrap();
    let options = SessionOptions::new("cpu", NonZeroUsize::MIN);
    check_panic(backend.estimate(&Model::default(), &options), "estimate");
    let backend = open("create_session").unwrap();
    check_panic(create(&backend), "create_session");
    let backend = open("describe").unwrap();
    check_panic(create(&backend), "describe");
    create(&open("nowhere").unwrap()).unwrap();
}

#[test]
fn panics_of_a_session_are_errors_and_poison_only_it() {
    for place in ["output_shape", "run"] {
        let backend = open(place).unwrap();
        let mut session = create(&backend).unwrap();
        check_panic(run(session.as_mut(), &NoCall), place);
        check_poisoned(run(session.as_mut(), &NoCall));
        check_poisoned(session.memory());
        drop(session);
        drop(create(&backend).unwrap());
    }
    let backend = open("memory").unwrap();
    check_panic(create(&backend).unwrap().memory(), "memory");
    let backend = open("trim").unwrap();
    check_panic(create(&backend).unwrap().trim(), "trim");
    drop(create(&open("drop").unwrap()).unwrap());
}

#[test]
fn cancellation_crosses_the_boundary() {
    struct Cancelled;
    impl Call for Cancelled {
        fn is_cancelled(&self) -> bool {
            true
        }
    }
    let backend = open("nowhere").unwrap();
    let mut session = create(&backend).unwrap();
    assert_eq!(run(session.as_mut(), &Cancelled).unwrap_err().kind(), ErrorKind::Cancelled);
    let options = SessionOptions::new("cpu", NonZeroUsize::MIN);
    let err = backend.create_session(&Model::default(), &options, &Cancelled).err().unwrap();
    assert_eq!(err.kind(), ErrorKind::Cancelled);
}

/// A caller whose own code panics inside the plugin's call, after the host's own look at it.
struct PanickyCall {
    place: &'static str,
    looked_at: AtomicBool,
}

impl PanickyCall {
    fn new(place: &'static str) -> Self {
        Self { place, looked_at: AtomicBool::new(false) }
    }
}

impl Call for PanickyCall {
    fn is_cancelled(&self) -> bool {
        let plugin_asks = self.looked_at.swap(true, Ordering::Relaxed);
        assert!(self.place != "is_cancelled" || !plugin_asks, "caller panicked in is_cancelled");
        false
    }

    fn progress(&self, _permille: u32, _phase: &str) {
        assert!(self.place != "progress", "caller panicked in progress");
    }
}

fn check_callers_panic<T>(body: impl FnOnce() -> T, place: &str) {
    let payload = catch_unwind(AssertUnwindSafe(body)).err().expect("the panic must go on");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&format!("caller panicked in {place}").as_str()));
}

#[test]
fn panics_of_the_caller_go_round_the_plugin() {
    let backend = open("nowhere").unwrap();
    let options = SessionOptions::new("cpu", NonZeroUsize::MIN);
    for place in ["is_cancelled", "progress"] {
        let call = PanickyCall::new(place);
        // When a session is created, the host itself does not look.
        call.looked_at.store(true, Ordering::Relaxed);
        let before = backend.calls();
        check_callers_panic(|| backend.create_session(&Model::default(), &options, &call).is_ok(), place);
        // A session that was created nevertheless is destroyed.
        assert_eq!(backend.calls() - before, if place == "progress" { 2 } else { 1 });
    }
    let mut session = create(&backend).unwrap();
    check_callers_panic(|| run(session.as_mut(), &PanickyCall::new("is_cancelled")).is_ok(), "is_cancelled");
    assert_eq!(run(session.as_mut(), &NoCall).unwrap(), 4.0, "neither session nor backend is to blame");
}
