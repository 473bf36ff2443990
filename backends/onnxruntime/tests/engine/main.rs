//! The backend with a real ONNX Runtime, whose path is in `DRIVETRAIN_TEST_ONNXRUNTIME`.
//!
//! Without it these tests are skipped visibly, and fail where `CI` is `true`.

mod elsewhere;
mod onnx_file;

use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use drivetrain_contract::{
    Artifact, ArtifactData, Backend, Batch, Call, Capabilities, ErrorKind, IndexType, Inputs, Model, NoCall,
    OpenBackend, Output, OutputMut, PaddedBatch, Precision, Result, Session, SessionOptions, TokenIds, Verdict, format,
};
use drivetrain_onnxruntime::OnnxRuntime;
use onnx_file::{FLOAT, FLOAT16, GraphFile, INT32, INT64};

const VARIABLE: &str = "DRIVETRAIN_TEST_ONNXRUNTIME";

/// The library to test with.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
fn library() -> Option<PathBuf> {
    let library = std::env::var_os(VARIABLE).map(PathBuf::from);
    if library.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{VARIABLE} is not set");
        eprintln!("SKIPPED: {VARIABLE} is not set");
    }
    library
}

fn config(library: &Path) -> String {
    serde_json::json!({ "library": library }).to_string()
}

fn backend() -> Option<OnnxRuntime> {
    library().map(|library| OnnxRuntime::open(&config(&library)).unwrap())
}

/// `last_hidden_state` is a row of `[[1, 2], [3, 4], [5, 6]]` for each id, `sentence_embedding` the mean of the rows.
fn graph(ids: u64, floats: u64, hidden: &str) -> GraphFile {
    GraphFile::default()
        .input("input_ids", ids, &["batch", "length"])
        .input("attention_mask", ids, &["batch", "length"])
        .weights("table", &[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        .node("Gather", &["table", "input_ids"], "rows", &[])
        .node("ReduceMean", &["rows"], "mean", &[("axes", &[1]), ("keepdims", &[0])])
        .node("Cast", &["rows"], "last_hidden_state", &[("to", &[floats.cast_signed()])])
        .node("Cast", &["mean"], "sentence_embedding", &[("to", &[floats.cast_signed()])])
        .output("last_hidden_state", floats, &["batch", "length", hidden])
        .output("sentence_embedding", floats, &["batch", hidden])
}

fn model(bytes: Vec<u8>) -> Model {
    let data = ArtifactData::Static(bytes.leak());
    Model {
        artifacts: vec![Artifact { format: format::ONNX.to_owned(), precision: Precision::F32, data }],
        description_json: String::new(),
    }
}

fn at(path: PathBuf) -> Model {
    let mut model = model(Vec::new());
    model.artifacts[0].data = ArtifactData::Path(path);
    model
}

fn options(threads: usize, config: &str) -> SessionOptions {
    let threads = NonZeroUsize::new(threads).unwrap();
    SessionOptions { config_json: config.to_owned(), ..SessionOptions::new("cpu", threads) }
}

fn run(session: &mut dyn Session, ids: &[i64], size: usize, output: Output, call: &dyn Call) -> Result<Vec<f32>> {
    let mask = vec![1; ids.len()];
    let (narrow_ids, narrow_mask): (Vec<i32>, Vec<i32>) = ids.iter().map(|&id| (id as i32, 1)).unzip();
    let length = ids.len() / size;
    let batch = match session.describe().index_type {
        IndexType::I64 => PaddedBatch::new(size, length, TokenIds::I64(ids), TokenIds::I64(&mask)),
        IndexType::I32 => PaddedBatch::new(size, length, TokenIds::I32(&narrow_ids), TokenIds::I32(&narrow_mask)),
    };
    let batch = Batch::Padded(batch?);
    let shape = session.output_shape(&batch, output)?;
    let mut data = vec![f32::NAN; shape.iter().product()];
    session.run(&batch, &mut [OutputMut::new(output, &shape, &mut data)?], call)?;
    Ok(data)
}

#[test]
fn a_probe_names_the_processor_and_the_version() {
    let Some(backend) = backend() else { return };
    let probe = backend.probe().unwrap();
    assert_eq!(probe.devices.iter().filter(|device| device.id == "cpu").count(), 1);
    assert!(probe.devices.iter().all(|device| !device.id.contains("azure")));
    assert!(probe.engine_version.unwrap().starts_with("1."));
    assert_eq!(probe.formats[0].format, format::ONNX);
}

#[test]
fn every_width_precision_and_way_of_binding_gives_the_same_numbers() {
    let Some(backend) = backend() else { return };
    for (ids, floats, hidden) in
        [(INT64, FLOAT, "2"), (INT32, FLOAT16, "2"), (INT64, FLOAT, "hidden"), (INT32, FLOAT16, "h")]
    {
        let model = model(graph(ids, floats, hidden).finish());
        for config in ["", r#"{"io_binding":true}"#, r#"{"memory_arena":false,"graph_optimization":"disable"}"#] {
            let mut session = backend.create_session(&model, &options(2, config), &NoCall).unwrap();
            let info = session.describe();
            assert_eq!((info.dim, info.hidden, info.threads), (2, 2, 2));
            assert_eq!(info.inputs, Inputs::INPUT_IDS | Inputs::ATTENTION_MASK);
            assert!(info.capabilities.contains(Capabilities::POOLED_OUT | Capabilities::DYNAMIC_LENGTH));
            let hidden = run(&mut *session, &[0, 2, 1, 1], 2, Output::LastHiddenState, &NoCall).unwrap();
            assert_eq!(hidden, [1.0, 2.0, 5.0, 6.0, 3.0, 4.0, 3.0, 4.0], "{config}");
            let pooled = run(&mut *session, &[0, 2, 1, 1], 2, Output::SentenceEmbedding, &NoCall).unwrap();
            assert_eq!(pooled, [3.0, 4.0, 3.0, 4.0], "{config}");
            assert_eq!(run(&mut *session, &[2], 1, Output::SentenceEmbedding, &NoCall).unwrap(), [5.0, 6.0]);
        }
    }
}

#[track_caller]
fn refuses(result: Result<impl Sized>, kind: ErrorKind, needle: &str) {
    let err = result.err().expect("an error");
    assert_eq!(err.kind(), kind, "{}", err.to_text());
    assert!(err.to_text().contains(needle), "{}", err.to_text());
}

#[test]
fn graphs_and_wishes_that_cannot_be_met_are_refused() {
    let Some(backend) = backend() else { return };
    let create = |model: &Model, options: &SessionOptions| backend.create_session(model, options, &NoCall);
    let good = graph(INT64, FLOAT, "2").finish();
    let gpu = SessionOptions { device_id: "cuda:7".to_owned(), ..options(1, "") };
    refuses(create(&model(good.clone()), &gpu), ErrorKind::NotFound, "it has");
    assert_eq!(backend.estimate(&model(good.clone()), &gpu).unwrap().verdict, Verdict::No);
    let half = SessionOptions { precision: Precision::F16, ..options(1, "") };
    refuses(create(&model(good.clone()), &half), ErrorKind::Unsupported, "only in f32");
    refuses(create(&model(good.clone()), &options(1, r#"{"intra_threads":2}"#)), ErrorKind::Invalid, "1 threads");
    let task = graph(INT64, FLOAT, "2").input("task_id", INT64, &["batch"]).finish();
    refuses(create(&model(task), &options(1, "")), ErrorKind::Unsupported, "`task_id`");
    let cut = [0, 1, good.len() / 2, good.len() - 1];
    for len in cut {
        refuses(create(&model(good[..len].to_vec()), &options(1, "")), ErrorKind::Model, "in-memory artifact");
    }
    refuses(create(&model(vec![0xff; 4096]), &options(1, "")), ErrorKind::Model, "in-memory artifact");
    let folder = tempfile::tempdir().unwrap();
    refuses(create(&at(folder.path().join("none.onnx")), &options(1, "")), ErrorKind::NotFound, "none.onnx");
    refuses(create(&at(folder.path().to_owned()), &options(1, "")), ErrorKind::Io, "regular file");
}

#[test]
fn inputs_that_cannot_be_right_are_refused_and_the_session_lives_on() {
    let Some(backend) = backend() else { return };
    for config in ["", r#"{"io_binding":true}"#] {
        for description in ["", r#"{"config":{"vocab_size":3}}"#] {
            let model = Model { description_json: description.to_owned(), ..model(graph(INT64, FLOAT, "2").finish()) };
            let mut session = backend.create_session(&model, &options(1, config), &NoCall).unwrap();
            for id in [-1, 3, i64::MAX] {
                refuses(run(&mut *session, &[0, id], 1, Output::SentenceEmbedding, &NoCall), ErrorKind::Invalid, "");
            }
            refuses(run(&mut *session, &[0], 1, Output::Logits, &NoCall), ErrorKind::Unsupported, "`logits`");
            assert_eq!(run(&mut *session, &[1], 1, Output::SentenceEmbedding, &NoCall).unwrap(), [3.0, 4.0]);
        }
    }
}

#[test]
fn a_result_of_another_shape_than_announced_is_refused() {
    let Some(backend) = backend() else { return };
    let bytes = GraphFile::default()
        .input("input_ids", INT64, &["batch", "length"])
        .node("Cast", &["input_ids"], "logits", &[("to", &[FLOAT.cast_signed()])])
        .output("logits", FLOAT, &["batch", "labels"])
        .finish();
    for config in ["", r#"{"io_binding":true}"#] {
        let mut session = backend.create_session(&model(bytes.clone()), &options(1, config), &NoCall).unwrap();
        assert_eq!(session.describe().labels, 2);
        assert_eq!(run(&mut *session, &[7, 8], 1, Output::Logits, &NoCall).unwrap(), [7.0, 8.0]);
        assert!(run(&mut *session, &[7, 8, 9], 1, Output::Logits, &NoCall).is_err());
    }
}

#[test]
fn a_graph_for_one_shape_says_so() {
    let Some(backend) = backend() else { return };
    let bytes = GraphFile::default()
        .input("input_ids", INT64, &["1", "3"])
        .weights("table", &[3, 2], &[0.0; 6])
        .node("Gather", &["table", "input_ids"], "output_0", &[])
        .output("output_0", FLOAT, &["1", "3", "2"])
        .finish();
    let mut session = backend.create_session(&model(bytes), &options(1, ""), &NoCall).unwrap();
    let info = session.describe();
    assert_eq!((info.max_tokens, info.hidden), (3, 2));
    assert!(!info.capabilities.intersects(Capabilities::DYNAMIC_BATCH | Capabilities::DYNAMIC_LENGTH));
    assert!(run(&mut *session, &[0, 1, 2], 1, Output::LastHiddenState, &NoCall).is_ok());
    refuses(run(&mut *session, &[0, 1], 1, Output::LastHiddenState, &NoCall), ErrorKind::Invalid, "");
}

#[test]
fn the_rewritten_graph_is_saved_whole_or_not_at_all() {
    let Some(backend) = backend() else { return };
    let folder = tempfile::tempdir().unwrap();
    let files = || fs::read_dir(folder.path()).unwrap().count();
    let save_to = |path: &Path| options(1, &serde_json::json!({ "optimized_model_path": path }).to_string());
    let target = folder.path().join("optimized.onnx");
    backend.create_session(&model(graph(INT64, FLOAT, "2").finish()), &save_to(&target), &NoCall).unwrap();
    assert_eq!(files(), 1);
    let mut again = model(Vec::new());
    again.artifacts[0].data = ArtifactData::Path(target.clone());
    let mut session = backend.create_session(&again, &options(1, ""), &NoCall).unwrap();
    assert_eq!(run(&mut *session, &[2], 1, Output::SentenceEmbedding, &NoCall).unwrap(), [5.0, 6.0]);
    refuses(backend.create_session(&again, &save_to(&target), &NoCall), ErrorKind::Invalid, "not the model itself");
    let elsewhere = folder.path().join("missing/optimized.onnx");
    refuses(backend.create_session(&again, &save_to(&elsewhere), &NoCall), ErrorKind::Io, "missing/optimized.onnx");
    let other = folder.path().join("other.onnx");
    assert!(backend.create_session(&model(b"no graph".to_vec()), &save_to(&other), &NoCall).is_err());
    assert_eq!(files(), 1);
}

/// A graph that multiplies each token's 512 numbers with a matrix `steps` times.
fn matrix_graph(steps: usize) -> Vec<u8> {
    let mut graph = GraphFile::default()
        .input("input_ids", INT64, &["batch", "length"])
        .weights("table", &[1, 512], &[1.0; 512])
        .weights("matrix", &[512, 512], &[1.0 / 512.0; 512 * 512])
        .node("Gather", &["table", "input_ids"], "step0", &[]);
    for step in 0..steps {
        let name = if step + 1 == steps { "last_hidden_state".to_owned() } else { format!("step{}", step + 1) };
        graph = graph.node("MatMul", &[&format!("step{step}"), "matrix"], &name, &[]);
    }
    graph.output("last_hidden_state", FLOAT, &["batch", "length", "512"]).finish()
}

struct Until(Instant);
impl Call for Until {
    fn time_left(&self) -> Option<Duration> {
        Some(self.0.saturating_duration_since(Instant::now()))
    }
}

#[test]
fn a_run_that_is_late_is_stopped_and_the_session_lives_on() {
    let Some(backend) = backend() else { return };
    let model = model(matrix_graph(100));
    for config in ["", r#"{"io_binding":true}"#] {
        let mut session = backend.create_session(&model, &options(1, config), &NoCall).unwrap();
        assert!(session.describe().capabilities.contains(Capabilities::CANCEL_MID_RUN));
        let started = Instant::now();
        let late = Until(started + Duration::from_millis(50));
        refuses(run(&mut *session, &[0; 2048], 1, Output::LastHiddenState, &late), ErrorKind::Deadline, "time");
        let stopped_after = started.elapsed();
        let started = Instant::now();
        let whole = run(&mut *session, &[0; 2048], 1, Output::LastHiddenState, &NoCall).unwrap();
        assert!(
            stopped_after * 2 < started.elapsed(),
            "stopped after {stopped_after:?}, whole {:?}",
            started.elapsed()
        );
        assert!((whole[0] - 1.0).abs() < 1e-3);
    }
}

#[test]
fn memory_is_reported_after_loading_and_running() {
    let Some(backend) = backend() else { return };
    let mut session = backend.create_session(&model(matrix_graph(2)), &options(1, ""), &NoCall).unwrap();
    run(&mut *session, &[0; 8192], 1, Output::LastHiddenState, &NoCall).unwrap();
    if cfg!(target_os = "linux") {
        assert!(session.memory().unwrap().peak_activation > 8 << 20, "{:?}", session.memory());
    }
}

#[test]
fn equal_inputs_give_equal_bits() {
    let Some(backend) = backend() else { return };
    for threads in [1, 2] {
        let mut session = backend.create_session(&model(matrix_graph(3)), &options(threads, ""), &NoCall).unwrap();
        let first = run(&mut *session, &[0; 37], 1, Output::LastHiddenState, &NoCall).unwrap();
        for _ in 0..5 {
            let again = run(&mut *session, &[0; 37], 1, Output::LastHiddenState, &NoCall).unwrap();
            assert!(first.iter().zip(&again).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }
}

#[test]
fn one_process_uses_one_library() {
    let Some(library) = library() else { return };
    let first = OnnxRuntime::open(&config(&library)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("libonnxruntime.so");
    fs::copy(&library, &copy).unwrap();
    refuses(OnnxRuntime::open(&config(&copy)), ErrorKind::Dependency, "already uses");
    let text = folder.path().join("text.so");
    fs::write(&text, "not a library").unwrap();
    refuses(OnnxRuntime::open(&config(&text)), ErrorKind::Dependency, "");
    #[cfg(unix)]
    {
        let link = folder.path().join("link.so");
        std::os::unix::fs::symlink(&library, &link).unwrap();
        assert_eq!(OnnxRuntime::open(&config(&link)).unwrap().probe().unwrap(), first.probe().unwrap());
    }
    drop(first);
    assert!(OnnxRuntime::open(&config(&library)).is_ok());
}
