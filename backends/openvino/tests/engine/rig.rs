//! The library to test with, small graphs, and one way to run them.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use drivetrain_contract::{
    Artifact, ArtifactData, Batch, Call, ErrorKind, IndexType, Model, OpenBackend, Output, OutputMut, PaddedBatch,
    Precision, Result, Session, SessionOptions, TokenIds, format,
};
use drivetrain_openvino::OpenVino;

use crate::onnx_file::{FLOAT, GraphFile, INT64};

const VARIABLE: &str = "DRIVETRAIN_TEST_OPENVINO";

/// Says loudly that a check is left out; in CI nothing may be.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
pub(crate) fn skip(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "nothing may be skipped in CI: {why}");
    eprintln!("SKIPPED: {why}");
}

/// The library to test with.
pub(crate) fn library() -> Option<PathBuf> {
    let library = std::env::var_os(VARIABLE).map(PathBuf::from);
    if library.is_none() {
        skip(&format!("{VARIABLE} is not set"));
    }
    library
}

pub(crate) fn config(library: &Path) -> String {
    serde_json::json!({ "library": library }).to_string()
}

pub(crate) fn backend() -> Option<OpenVino> {
    library().map(|library| OpenVino::open(&config(&library)).unwrap())
}

/// `last_hidden_state` is a row of `[[1, 2], [3, 4], [5, 6]]` for each id, `sentence_embedding` the mean of the rows.
pub(crate) fn graph(ids: u64, floats: u64, hidden: &str) -> GraphFile {
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

/// A graph that multiplies each token's 512 numbers with a matrix `steps` times, which changes nothing.
pub(crate) fn matrix_graph(steps: usize) -> Vec<u8> {
    matrix_graph_of(512, steps)
}

/// The same with so many numbers.
pub(crate) fn matrix_graph_of(width: u16, steps: usize) -> Vec<u8> {
    let (extent, n) = (u64::from(width), usize::from(width));
    let mut graph = GraphFile::default()
        .input("input_ids", INT64, &["batch", "length"])
        .weights("table", &[1, extent], &vec![1.0; n])
        .weights("matrix", &[extent, extent], &vec![1.0 / f32::from(width); n * n])
        .node("Gather", &["table", "input_ids"], "step0", &[]);
    for step in 0..steps {
        let name = if step + 1 == steps { "last_hidden_state".to_owned() } else { format!("step{}", step + 1) };
        graph = graph.node("MatMul", &[&format!("step{step}"), "matrix"], &name, &[]);
    }
    graph.output("last_hidden_state", FLOAT, &["batch", "length", &width.to_string()]).finish()
}

pub(crate) fn model(bytes: Vec<u8>) -> Model {
    artifact(format::ONNX, ArtifactData::Static(bytes.leak()))
}

pub(crate) fn model_at(format: &str, path: impl Into<PathBuf>) -> Model {
    artifact(format, ArtifactData::Path(path.into()))
}

fn artifact(format: &str, data: ArtifactData) -> Model {
    let artifact = Artifact { format: format.to_owned(), precision: Precision::F32, data };
    Model { artifacts: vec![artifact], description_json: String::new() }
}

pub(crate) fn options(threads: usize, config: &str) -> SessionOptions {
    let threads = NonZeroUsize::new(threads).unwrap();
    SessionOptions { config_json: config.to_owned(), ..SessionOptions::new("cpu", threads) }
}

/// Runs a batch of `size` rows without padding.
pub(crate) fn run(
    session: &mut dyn Session,
    ids: &[i64],
    size: usize,
    output: Output,
    call: &dyn Call,
) -> Result<Vec<f32>> {
    let mask = vec![1; ids.len()];
    let (narrow_ids, narrow_mask): (Vec<i32>, Vec<i32>) = ids.iter().map(|&id| (id as i32, 1)).unzip();
    let length = ids.len() / size;
    let batch = match session.describe().index_type {
        IndexType::I64 => PaddedBatch::new(size, length, TokenIds::I64(ids), TokenIds::I64(&mask)),
        IndexType::I32 => PaddedBatch::new(size, length, TokenIds::I32(&narrow_ids), TokenIds::I32(&narrow_mask)),
    };
    run_batch(session, &Batch::Padded(batch?), output, call)
}

pub(crate) fn run_batch(
    session: &mut dyn Session,
    batch: &Batch<'_>,
    output: Output,
    call: &dyn Call,
) -> Result<Vec<f32>> {
    let shape = session.output_shape(batch, output)?;
    let mut data = vec![f32::NAN; shape.iter().product()];
    session.run(batch, &mut [OutputMut::new(output, &shape, &mut data)?], call)?;
    Ok(data)
}

#[track_caller]
pub(crate) fn refuses(result: Result<impl Sized>, kind: ErrorKind, needle: &str) {
    let err = result.err().expect("an error");
    assert_eq!(err.kind(), kind, "{}", err.to_text());
    assert!(err.to_text().contains(needle), "{}", err.to_text());
}
