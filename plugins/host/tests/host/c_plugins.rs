//! A plugin written in C, right and wrong in every way that can be contained.

use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::Command,
};

use drivetrain_contract::{
    AlignedBuf, Backend, Batch, DeviceKind, ErrorKind, MemoryUse, Model, NoCall, Output, OutputMut, Precisions, Result,
    Session, SessionOptions, TextBatch,
};
use drivetrain_plugin_host::{OpenOptions, Origin, PluginBackend, Registry, SearchPath};
use tempfile::TempDir;

/// The cases of `plugin.c`, in its order.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Case {
    Good,
    NoSymbol,
    NullTable,
    NullTableWithReason,
    TooSmall,
    AbsurdSize,
    NeedsNewerHost,
    BuiltForNewerHost,
    SmallestTable,
    MissingFunction,
    OtherId,
    OpenFailsSilently,
    OpenWithoutHandle,
    UnknownStatus,
    LyingErrorLength,
    PanickyLogger,
    UndersizedDevice,
    UndersizedFormat,
    SessionWithoutHandle,
    NegativeShape,
    TooManyAxes,
    HugeShape,
    BorrowedInputs,
    RunFailsSilently,
    DeviceLost,
    StolenBuffer,
    ShapeChangedInPlace,
    OwnedOutput,
    OwnedInPlace,
    OwnedRowMajor,
    OwnedOfWrongShape,
    OwnedWithShapeChangedInPlace,
    OwnedColumnMajor,
    OwnedWithOffset,
    OwnedOnDevice,
    OwnedOfOtherType,
    OwnedMisaligned,
    OwnedNull,
    OwnedAndFailed,
}

pub(crate) const MANIFEST: &str = r#"
manifest = 1
id = "c_plugin"
version = "0.0.1"
abi = { min = 1, max = 1 }
library = "c_plugin"
"#;

/// Compiles `plugin.c` for one case into a plugin folder, as C11 with every warning an error.
pub(crate) fn build(case: Case, folder: &Path) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let library = format!("{}c_plugin{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let output = Command::new(compiler)
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"])
        .arg(format!("-DCASE={}", case as i32))
        .arg("-I")
        .arg(here.join("../abi/include"))
        .arg(here.join("tests/host/plugin.c"))
        .arg("-o")
        .arg(folder.join(library))
        .output()
        .expect("a C compiler is needed for these tests");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::write(folder.join("plugin.toml"), MANIFEST).unwrap();
    folder.to_path_buf()
}

pub(crate) fn open_folder(folder: &Path) -> Result<PluginBackend> {
    let mut search = SearchPath::default();
    search.push(Origin::Explicit, folder);
    Registry::discover(&search).get("c_plugin")?.open(OpenOptions::default())
}

fn open(case: Case) -> (TempDir, Result<PluginBackend>) {
    let folder = tempfile::tempdir().unwrap();
    build(case, folder.path());
    let opened = open_folder(folder.path());
    // The folder is kept: the library stays loaded.
    (folder, opened)
}

fn session(case: Case) -> (TempDir, Result<Box<dyn Session>>) {
    let (folder, opened) = open(case);
    let options = SessionOptions::new("cpu", NonZeroUsize::MIN);
    let session = opened.unwrap().create_session(&Model::default(), &options, &NoCall);
    (folder, session)
}

/// Lengths of the texts and the number of releases so far, as the plugin counts them.
fn run(session: &mut dyn Session) -> Result<Vec<f32>> {
    // Neither text nor offsets begin at a multiple of 64, as those of few callers do.
    let (mut text, mut offsets) = (AlignedBuf::<u8>::zeroed(7), AlignedBuf::<i64>::zeroed(5));
    text[1..].copy_from_slice("abcdé".as_bytes());
    offsets[1..].copy_from_slice(&[0, 3, 3, 6]);
    let text = std::str::from_utf8(&text[1..]).unwrap();
    let batch = Batch::Text(TextBatch::new(text, &offsets[1..]).unwrap());
    let shape = session.output_shape(&batch, Output::SentenceEmbedding)?;
    let mut data = vec![-1.0; shape.iter().product()];
    let mut outputs = [OutputMut::new(Output::SentenceEmbedding, &shape, &mut data)?];
    session.run(&batch, &mut outputs, &NoCall)?;
    Ok(data)
}

fn check_refused(case: Case, kind: ErrorKind, expected: &str) {
    let (_folder, opened) = open(case);
    let err = opened.expect_err("the plugin must be refused");
    assert_eq!(err.kind(), kind, "{case:?}: {err}");
    assert!(err.to_text().contains(expected), "{case:?}: {}", err.to_text());
}

fn check_run_fails(case: Case, kind: ErrorKind, expected: &str) {
    let (_folder, session) = session(case);
    let err = run(session.unwrap().as_mut()).expect_err("the run must fail");
    assert_eq!(err.kind(), kind, "{case:?}: {err}");
    assert!(err.to_text().contains(expected), "{case:?}: {}", err.to_text());
}

#[test]
fn a_good_plugin_is_probed_and_run() {
    let (_folder, opened) = open(Case::Good);
    let backend = opened.unwrap();
    let probe = backend.probe().unwrap();
    assert_eq!(probe.devices[0].name, "byte counter");
    assert_eq!(probe.devices[0].kind, DeviceKind::Accelerator, "an unknown kind is tolerated");
    assert_eq!(probe.devices[0].precisions_native, Precisions::F32, "unknown bits are dropped");
    assert_eq!(probe.formats[0].format, "static");
    assert_eq!((backend.version().as_str(), backend.abi_level()), ("0.0.1", 1));
    let options = SessionOptions::new("cpu", NonZeroUsize::MIN);
    let mut session = backend.create_session(&Model::default(), &options, &NoCall).unwrap();
    drop(backend);
    assert_eq!(run(session.as_mut()).unwrap(), [3.0, 0.0, 0.0, 0.0, 3.0, 0.0]);
}

#[test]
fn tables_that_cannot_be_right_are_refused() {
    check_refused(Case::NoSymbol, ErrorKind::Abi, "it has no symbol `drivetrain_plugin_v1`");
    check_refused(Case::NullTable, ErrorKind::Abi, "returned no table and gave no reason");
    check_refused(Case::NullTableWithReason, ErrorKind::Unsupported, "not on a Tuesday (hint: wait a day)");
    check_refused(Case::TooSmall, ErrorKind::Abi, "40 bytes, too small");
    check_refused(Case::AbsurdSize, ErrorKind::Abi, "which is absurd");
    check_refused(Case::NeedsNewerHost, ErrorKind::Unsupported, "needs plugin interface level 99");
    check_refused(Case::MissingFunction, ErrorKind::Abi, "has no function `probe`");
    check_refused(Case::OtherId, ErrorKind::Abi, "calls itself `somebody_else`");
}

#[test]
fn opening_that_goes_wrong_says_so() {
    check_refused(Case::OpenFailsSilently, ErrorKind::Invalid, "failed with status 1 and gave no reason");
    check_refused(Case::OpenWithoutHandle, ErrorKind::Abi, "opened without giving a handle");
    check_refused(Case::UnknownStatus, ErrorKind::Internal, "status 4242");
    check_refused(Case::LyingErrorLength, ErrorKind::Model, "cut");
}

#[test]
fn sessions_that_go_wrong_say_so() {
    let (_folder, session) = session(Case::SessionWithoutHandle);
    let err = session.err().expect("no session");
    assert!(err.message().contains("created a session without giving a handle"), "{err}");
    check_run_fails(Case::NegativeShape, ErrorKind::Abi, "impossible shape");
    check_run_fails(Case::TooManyAxes, ErrorKind::Abi, "99 axes");
    check_run_fails(Case::HugeShape, ErrorKind::Abi, "impossible shape");
    check_run_fails(Case::RunFailsSilently, ErrorKind::Busy, "gave no reason");
    check_run_fails(Case::StolenBuffer, ErrorKind::Abi, "in another buffer, without owning that");
    check_run_fails(Case::ShapeChangedInPlace, ErrorKind::Abi, "in another shape");
}

#[test]
fn a_session_that_lost_its_device_is_only_destroyed() {
    let (_folder, opened) = open(Case::DeviceLost);
    let backend = opened.unwrap();
    let options = SessionOptions::new("cpu", NonZeroUsize::MIN);
    let mut session = backend.create_session(&Model::default(), &options, &NoCall).unwrap();
    assert_eq!(run(session.as_mut()).unwrap_err().kind(), ErrorKind::DeviceLost);
    let calls = backend.calls();
    for err in [run(session.as_mut()).unwrap_err(), session.memory().unwrap_err(), session.trim().unwrap_err()] {
        assert_eq!(err.kind(), ErrorKind::DeviceLost);
        assert!(err.message().contains("lost its device earlier and is closed off"), "{err}");
    }
    assert_eq!(backend.calls(), calls, "the plugin is not called any more");
    drop(session);
    assert_eq!(backend.calls(), calls + 1);
    backend.create_session(&Model::default(), &options, &NoCall).unwrap();
}

fn check_probe_fails(case: Case, expected: &str) {
    let (_folder, opened) = open(case);
    let err = opened.unwrap().probe().unwrap_err();
    assert_eq!((err.kind(), err.message()), (ErrorKind::Abi, expected));
}

#[test]
fn what_is_smaller_than_level_1_is_an_error_of_the_probe() {
    check_probe_fails(
        Case::UndersizedDevice,
        "plugin `c_plugin` has a `DtDeviceInfo` of 96 bytes, too small: 120 are needed",
    );
    check_probe_fails(
        Case::UndersizedFormat,
        "plugin `c_plugin` has a `DtFormat` of 24 bytes, too small: 32 are needed",
    );
}

#[test]
fn numbers_are_aligned_when_run_and_nothing_else_is_copied() {
    let (_folder, session) = session(Case::BorrowedInputs);
    assert_eq!(run(session.unwrap().as_mut()).unwrap().len(), 6);
}

/// Panics where a plugin logs on its behalf.
struct PanickyLogger;

impl log::Log for PanickyLogger {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        assert!(metadata.target() != "panicky_logger", "asked, told to panic");
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        assert!(record.target() != "panicky_logger", "told to panic");
    }

    fn flush(&self) {}
}

#[test]
fn a_logger_that_panics_does_not_take_the_process_down() {
    log::set_logger(&PanickyLogger).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    open(Case::PanickyLogger).1.unwrap();
}

/// Runs twice: outputs arrive, and each is given back once.
fn check_owned(case: Case) {
    let (_folder, session) = session(case);
    let mut session = session.unwrap();
    assert_eq!(run(session.as_mut()).unwrap(), [3.0, 0.0, 0.0, 0.0, 3.0, 0.0], "{case:?}");
    assert_eq!(run(session.as_mut()).unwrap(), [3.0, 1.0, 0.0, 1.0, 3.0, 1.0], "{case:?}");
    assert_eq!(session.memory().unwrap().host_private, 2, "{case:?}");
}

/// Runs twice: outputs are refused, and each is given back once.
fn check_owned_fails(case: Case, kind: ErrorKind, expected: &str) {
    let (_folder, session) = session(case);
    let mut session = session.unwrap();
    for releases in 1..=2 {
        let err = run(session.as_mut()).expect_err("the run must fail");
        assert_eq!(err.kind(), kind, "{case:?}: {err}");
        assert!(err.message().contains(expected), "{case:?}: {err}");
        assert_eq!(session.memory().unwrap().host_private, releases, "{case:?}");
    }
}

#[test]
fn plugin_owned_outputs_are_checked_and_released_once() {
    check_owned(Case::OwnedOutput);
    check_owned(Case::OwnedInPlace);
    check_owned(Case::OwnedRowMajor);
    check_owned_fails(Case::OwnedOfWrongShape, ErrorKind::Abi, "in another shape");
    check_owned_fails(Case::OwnedWithShapeChangedInPlace, ErrorKind::Abi, "in another shape");
    check_owned_fails(Case::OwnedColumnMajor, ErrorKind::Abi, "strides that are not row-major");
    check_owned_fails(Case::OwnedWithOffset, ErrorKind::Abi, "with a byte offset");
    check_owned_fails(Case::OwnedOnDevice, ErrorKind::Abi, "on a device");
    check_owned_fails(Case::OwnedOfOtherType, ErrorKind::Abi, "in another type");
    check_owned_fails(Case::OwnedMisaligned, ErrorKind::Abi, "null or misaligned");
    check_owned_fails(Case::OwnedNull, ErrorKind::Abi, "null or misaligned");
    check_owned_fails(Case::OwnedAndFailed, ErrorKind::Model, "gave no reason");
}

#[test]
fn older_and_newer_plugins_work_with_what_both_know() {
    let (_folder, older) = session(Case::SmallestTable);
    let mut older = older.unwrap();
    assert_eq!(older.memory().unwrap(), MemoryUse::default());
    older.trim().unwrap();
    assert_eq!(run(older.as_mut()).unwrap().len(), 6);
    let (_folder, newer) = session(Case::BuiltForNewerHost);
    assert_eq!(run(newer.unwrap().as_mut()).unwrap().len(), 6);
    let probe = open(Case::BuiltForNewerHost).1.unwrap().probe().unwrap();
    assert_eq!(probe.devices.len(), 2);
    assert_eq!(probe.devices[0], probe.devices[1], "what a later level appended is passed over");
}

#[test]
fn what_is_not_a_library_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    build(Case::Good, folder.path());
    let library =
        folder.path().join(format!("{}c_plugin{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX));
    fs::write(&library, "not a library").unwrap();
    let err = open_folder(folder.path()).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Dependency);
    assert!(err.to_text().contains("cannot be loaded"), "{}", err.to_text());
    fs::remove_file(&library).unwrap();
    let err = open_folder(folder.path()).unwrap_err();
    assert!(err.to_text().contains("does not exist"), "{}", err.to_text());
}
