//! Every transformer of the fixtures, exported to ONNX, against the reference's vectors.

use std::path::{Path, PathBuf};

use drivetrain_contract::{
    Backend, Batch, NoCall, Output, PaddedBatch, Precision, Session, SessionOptions, TokenIds, format,
};
use drivetrain_convert::onnx::{ExportOptions, export};
use drivetrain_openvino::OpenVino;
use drivetrain_package::Package;
use safetensors::SafeTensors;
use tempfile::TempDir;

use crate::rig::{backend, model_at, options, run_batch};

/// A fixture, exported.
pub(crate) struct Fixture {
    pub(crate) name: String,
    /// Ids of each text.
    pub(crate) token_ids: Vec<Vec<i64>>,
    /// Vectors of the texts, normalised.
    expected: Vec<Vec<f32>>,
    pub(crate) graph: PathBuf,
    _folder: TempDir,
}

impl Fixture {
    /// Every fixture whose name begins with `bert-`.
    fn all() -> Vec<Self> {
        let models = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/models"));
        let mut folders: Vec<PathBuf> = models.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        folders.retain(|folder| folder.file_name().unwrap().to_string_lossy().starts_with("bert-"));
        folders.sort();
        assert!(folders.len() >= 8, "{folders:?}");
        folders.iter().map(|folder| Self::open(folder)).collect()
    }

    pub(crate) fn named(name: &str) -> Self {
        Self::open(&Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/models")).join(name))
    }

    fn open(dir: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let graph = folder.path().join("model.onnx");
        let package = Package::open(dir).unwrap();
        export(&package, &graph, &ExportOptions::default(), &mut |_| Ok(())).unwrap();
        let json: serde_json::Value =
            serde_json::from_slice(&std::fs::read(dir.join("expected.json")).unwrap()).unwrap();
        let bytes = std::fs::read(dir.join("expected.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        // Where a prompt goes before each text unless told otherwise, the ids are those of texts with an empty one.
        let array = if json["prompts"]["document"] == "" { "prompt.document" } else { "embeddings" };
        let tensor = file.tensor(array).unwrap();
        let floats: Vec<f32> =
            tensor.data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        Self {
            name: dir.file_name().unwrap().to_string_lossy().into_owned(),
            token_ids: serde_json::from_value(json["token_ids"].clone()).unwrap(),
            expected: floats.chunks(tensor.shape()[1]).map(normalised).collect(),
            graph,
            _folder: folder,
        }
    }

    pub(crate) fn session(&self, backend: &OpenVino, options: &SessionOptions) -> Box<dyn Session> {
        backend.create_session(&model_at(format::ONNX, &self.graph), options, &NoCall).unwrap()
    }
}

/// The vectors of texts in one batch, normalised.
pub(crate) fn embed(session: &mut dyn Session, texts: &[&Vec<i64>]) -> Vec<Vec<f32>> {
    let length = texts.iter().map(|ids| ids.len()).max().unwrap();
    let padded = |value: &dyn Fn(&i64) -> i64| -> Vec<i64> {
        let row = |ids: &&Vec<i64>| ids.iter().map(value).chain(std::iter::repeat(0)).take(length).collect::<Vec<_>>();
        texts.iter().flat_map(row).collect()
    };
    let (ids, mask, types) = (padded(&|&id| id), padded(&|_| 1), padded(&|_| 0));
    let batch = PaddedBatch::new(texts.len(), length, TokenIds::I64(&ids), TokenIds::I64(&mask))
        .unwrap()
        .with_token_type_ids(TokenIds::I64(&types))
        .unwrap();
    let flat = run_batch(session, &Batch::Padded(batch), Output::SentenceEmbedding, &NoCall).unwrap();
    flat.chunks(flat.len() / texts.len()).map(normalised).collect()
}

fn normalised(vector: &[f32]) -> Vec<f32> {
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
    vector.iter().map(|x| x / norm).collect()
}

fn largest_error(a: &[Vec<f32>], b: &[Vec<f32>]) -> f32 {
    assert_eq!(a.len(), b.len());
    let pairs = a.iter().zip(b).flat_map(|(a, b)| a.iter().zip(b));
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn full_precision_is_the_reference_s_alone_and_in_a_batch() {
    let Some(backend) = backend() else { return };
    for fixture in Fixture::all() {
        let mut session = fixture.session(&backend, &options(2, ""));
        let texts: Vec<&Vec<i64>> = fixture.token_ids.iter().collect();
        let together = embed(&mut *session, &texts);
        let alone: Vec<Vec<f32>> = texts.iter().flat_map(|text| embed(&mut *session, &[text])).collect();
        for (found, how) in [(&together, "together"), (&alone, "alone")] {
            let error = largest_error(found, &fixture.expected);
            assert!(error <= 2e-5, "{} {how}: {error}", fixture.name);
        }
        let error = largest_error(&together, &alone);
        assert!(error <= 2e-5, "{} together and alone differ by {error}", fixture.name);
    }
}

#[test]
fn half_precision_is_near_where_it_is_native() {
    let Some(backend) = backend() else { return };
    let probe = backend.probe().unwrap();
    let native = probe.devices.iter().find(|device| device.id == "cpu").unwrap().precisions_native;
    for precision in [Precision::Bf16, Precision::F16] {
        if !native.contains(precision.set()) {
            // No machine of ours has every precision, so this is no gap that CI could close.
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "SKIPPED: this processor does not compute in {precision}");
            continue;
        }
        for fixture in Fixture::all() {
            let mut session = fixture.session(&backend, &SessionOptions { precision, ..options(2, "") });
            let texts: Vec<&Vec<i64>> = fixture.token_ids.iter().collect();
            let found = embed(&mut *session, &texts);
            let cosine = |(a, b): (&Vec<f32>, &Vec<f32>)| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            let cosines: Vec<f32> = found.iter().zip(&fixture.expected).map(cosine).collect();
            let mean = cosines.iter().sum::<f32>() / cosines.len() as f32;
            let min = cosines.iter().copied().fold(f32::INFINITY, f32::min);
            assert!(mean >= 0.999 && min >= 0.99, "{} {precision}: mean {mean}, min {min}", fixture.name);
        }
    }
}

#[test]
fn a_session_runs_on_whichever_thread_has_it() {
    let Some(backend) = backend() else { return };
    let fixture = Fixture::named("bert-mean");
    let mut session = fixture.session(&backend, &options(2, ""));
    let texts: Vec<&Vec<i64>> = fixture.token_ids.iter().collect();
    let here = embed(&mut *session, &texts);
    let there = std::thread::scope(|scope| scope.spawn(|| embed(&mut *session, &texts)).join().unwrap());
    assert_eq!(here, there);
    let made_there =
        std::thread::scope(|scope| scope.spawn(|| fixture.session(&backend, &options(2, ""))).join().unwrap());
    let mut session = made_there;
    assert_eq!(embed(&mut *session, &texts), here);
}
