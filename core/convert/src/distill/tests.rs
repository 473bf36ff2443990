//! Distillation of a fixture through a session that computes a known function, judged by model2vec-rs.

use std::{fs, path::Path, sync::Mutex};

use drivetrain_contract::{
    Batch, Call, Capabilities, Error, ErrorKind, IndexType, Inputs, NoCall, Output, OutputMut, Result, Session,
    SessionInfo, TokenIds,
};
use drivetrain_package::Package;
use model2vec_rs::model::StaticModel;
use tokenizers::Tokenizer;

use super::{DistillOptions, Distilled, TableType, distill};

const HIDDEN: usize = 24;
const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/models/");

/// The vector of token `id` at `position`: any function would do that gives different tokens different vectors.
fn state(id: i64, position: usize, element: usize) -> f32 {
    let phase = (id * 37 % 1009) as f64 * 0.61 + element as f64 * (1.3 + (id % 13) as f64 * 0.21);
    (phase.sin() * (1.0 + element as f64 * 0.1) + position as f64 * 0.25) as f32
}

/// A session that gives [`state`], or NaN for one id.
struct Lookup {
    info: SessionInfo,
    nan_for: Option<i64>,
}

impl Lookup {
    fn new(index_type: IndexType) -> Self {
        let info = SessionInfo {
            capabilities: Capabilities::PADDED_IN | Capabilities::TOKENS_OUT,
            inputs: Inputs::INPUT_IDS | Inputs::ATTENTION_MASK | Inputs::TOKEN_TYPE_IDS | Inputs::POSITION_IDS,
            outputs: Output::LastHiddenState.set(),
            index_type,
            hidden: HIDDEN,
            ..SessionInfo::default()
        };
        Self { info, nan_for: None }
    }

    fn tensor(&self, batch: &Batch<'_>, name: Inputs) -> Vec<i64> {
        match (batch.as_padded().unwrap().tensor(name).unwrap(), self.info.index_type) {
            (TokenIds::I64(ids), IndexType::I64) => ids.to_vec(),
            (TokenIds::I32(ids), IndexType::I32) => ids.iter().map(|&id| id.into()).collect(),
            (_, wanted) => panic!("{} is not {wanted:?}", name.name()),
        }
    }
}

impl Session for Lookup {
    fn describe(&self) -> &SessionInfo {
        &self.info
    }

    fn output_shape(&self, batch: &Batch<'_>, _output: Output) -> Result<Vec<usize>> {
        let batch = batch.as_padded()?;
        Ok(vec![batch.size(), batch.length(), HIDDEN])
    }

    fn run(&mut self, batch: &Batch<'_>, outputs: &mut [OutputMut<'_>], _call: &dyn Call) -> Result<()> {
        let ids = self.tensor(batch, Inputs::INPUT_IDS);
        let positions = self.tensor(batch, Inputs::POSITION_IDS);
        assert!(self.tensor(batch, Inputs::ATTENTION_MASK).iter().all(|&mask| mask == 1));
        assert!(self.tensor(batch, Inputs::TOKEN_TYPE_IDS).iter().all(|&segment| segment == 0));
        for ((states, id), position) in outputs[0].data().chunks_exact_mut(HIDDEN).zip(ids).zip(positions) {
            states.iter_mut().enumerate().for_each(|(idx, element)| *element = state(id, position as usize, idx));
            if self.nan_for == Some(id) {
                states[3] = f32::NAN;
            }
        }
        Ok(())
    }
}

fn bert() -> Package {
    Package::open(Path::new(&format!("{MODELS}bert-mean"))).unwrap()
}

/// All dimensions at equal weight: what is left of the recipe is the mean of three states, centred.
fn unweighted(table_type: TableType) -> DistillOptions {
    DistillOptions { dims: Some(HIDDEN), table_type, sif_coefficient: None, batch_size: 100 }
}

fn distill_bert(session: &mut Lookup, options: &DistillOptions) -> Result<Distilled> {
    distill(session, &bert(), options, &NoCall)
}

fn load(dir: &Path) -> StaticModel {
    let read = |name: &str| fs::read(dir.join(name)).unwrap();
    StaticModel::from_bytes(read("tokenizer.json"), read("model.safetensors"), read("config.json"), None).unwrap()
}

/// Vectors of texts straight from the definition: mean over `[CLS] token [SEP]`, less the mean over the vocabulary,
/// averaged over the text.
fn by_definition(texts: &[&str]) -> Vec<Vec<f32>> {
    const PAD: u32 = 0;
    const UNK: u32 = 1;
    const CLS: i64 = 2;
    const SEP: i64 = 3;
    let tokenizer = Tokenizer::from_file(format!("{MODELS}bert-mean/tokenizer.json")).unwrap();
    let vocabulary: Vec<u32> = [PAD, UNK].into_iter().chain(5..tokenizer.get_vocab_size(true) as u32).collect();
    let vector = |id: u32| -> Vec<f32> {
        let ids = [CLS, id.into(), SEP];
        let mean = |element| (0..3).map(|position| state(ids[position], position, element)).sum::<f32>() / 3.0;
        (0..HIDDEN).map(mean).collect()
    };
    let mean = |ids: &[u32]| -> Vec<f32> {
        let vectors: Vec<Vec<f32>> = ids.iter().map(|&id| vector(id)).collect();
        (0..HIDDEN).map(|idx| vectors.iter().map(|vector| vector[idx]).sum::<f32>() / ids.len() as f32).collect()
    };
    let centre = mean(&vocabulary);
    let encode = |text: &&str| {
        let encoding = tokenizer.encode(*text, false).unwrap();
        let known: Vec<u32> = encoding.get_ids().iter().copied().filter(|&id| id != UNK).collect();
        mean(&known).iter().zip(&centre).map(|(element, centre)| element - centre).collect()
    };
    texts.iter().map(encode).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// A rotation keeps angles, so every pair of texts must be at the angle the definition gives.
fn check_angles(index_type: IndexType, table_type: TableType, tolerance: f32) {
    let texts = ["the quick brown fox", "a dog", "jumps over", "the lazy dog, again and again", "(fox)"];
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("static");
    let distilled = distill_bert(&mut Lookup::new(index_type), &unweighted(table_type)).unwrap();
    assert_eq!((distilled.tokens(), distilled.dims(), distilled.table_type()), (897, HIDDEN, table_type));
    distilled.write(&dir).unwrap();
    let model = load(&dir);
    let expect = by_definition(&texts);
    let found: Vec<Vec<f32>> = texts.iter().map(|text| model.encode_single(text)).collect();
    for (i, j) in (0..texts.len()).flat_map(|i| (0..i).map(move |j| (i, j))) {
        let (found, expect) = (cosine(&found[i], &found[j]), cosine(&expect[i], &expect[j]));
        assert!((found - expect).abs() < tolerance, "{table_type}, texts {i} and {j}: {found}, not {expect}");
    }
}

#[test]
fn vectors_of_texts_are_those_of_the_definition() {
    check_angles(IndexType::I64, TableType::F32, 1e-5);
    check_angles(IndexType::I32, TableType::F16, 2e-3);
    check_angles(IndexType::I64, TableType::I8, 1e-2);
}

#[test]
fn what_is_written_is_a_static_package() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("static");
    let options = DistillOptions { dims: Some(7), table_type: TableType::I8, ..DistillOptions::default() };
    let distilled = distill_bert(&mut Lookup::new(IndexType::I64), &options).unwrap();
    assert!(distilled.explained_variance() > 0.3 && distilled.explained_variance() < 1.0);
    distilled.write(&dir).unwrap();
    assert_eq!(distilled.write(&dir).unwrap_err().kind(), ErrorKind::Invalid, "an existing package is kept");

    let package = Package::open(&dir).unwrap();
    assert!(package.is_static() && package.normalizes());
    assert_eq!(package.dim(), Some(7));
    #[cfg(unix)]
    for file in fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap()) {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file.path()), mode(&dir.join("config.json")), "{:?}", file.file_name());
    }
    let weights = package.weights().unwrap();
    weights.require("embeddings", &[897, 7]).unwrap();
    weights.require("weights", &[897]).unwrap();
    assert_eq!(package.config()["drivetrain"]["distilled_from"], "bert-mean");

    let err = distill(&mut Lookup::new(IndexType::I64), &package, &options, &NoCall).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Unsupported);
    assert!(err.message().contains("static"), "{err}");
}

#[test]
fn the_same_input_gives_the_same_files_whatever_the_batch() {
    let root = tempfile::tempdir().unwrap();
    let write = |batch_size: usize| {
        let options = DistillOptions { batch_size, ..DistillOptions::default() };
        let dir = root.path().join(batch_size.to_string());
        distill_bert(&mut Lookup::new(IndexType::I64), &options).unwrap().write(&dir).unwrap();
        ["tokenizer.json", "model.safetensors", "config.json"].map(|name| fs::read(dir.join(name)).unwrap())
    };
    assert!(write(1) == write(5000));
}

#[test]
fn frequent_tokens_count_less() {
    let vector = |sif_coefficient| {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("static");
        let options = DistillOptions { sif_coefficient, ..unweighted(TableType::F32) };
        distill_bert(&mut Lookup::new(IndexType::I64), &options).unwrap().write(&dir).unwrap();
        let model = load(&dir);
        // The comma is among the first tokens of the vocabulary, so with the weight it hardly turns the vector.
        cosine(&model.encode_single("fox"), &model.encode_single("fox ,"))
    };
    assert!(vector(Some(1e-4)) > vector(None));
}

#[test]
fn options_beyond_the_model_are_refused_and_fewer_dimensions_are_the_default() {
    let mut session = Lookup::new(IndexType::I64);
    assert_eq!(distill_bert(&mut session, &DistillOptions::default()).unwrap().dims(), HIDDEN);
    let options = DistillOptions { dims: Some(HIDDEN + 1), ..DistillOptions::default() };
    let announced = distill_bert(&mut session, &options).unwrap_err();
    session.info.hidden = 0;
    let err = distill_bert(&mut session, &options).unwrap_err();
    assert_eq!(err.to_string(), announced.to_string());
    assert_eq!(err.kind(), ErrorKind::Invalid);
    assert!(err.to_string().contains("25") && err.to_string().contains("at most 24"), "{err}");
    let options = DistillOptions { sif_coefficient: Some(2.0), ..DistillOptions::default() };
    assert_eq!(distill_bert(&mut session, &options).unwrap_err().kind(), ErrorKind::Invalid);
}

fn refused(change: impl Fn(&mut Lookup)) -> Error {
    let mut session = Lookup::new(IndexType::I64);
    change(&mut session);
    distill_bert(&mut session, &DistillOptions::default()).unwrap_err()
}

#[test]
fn unsuitable_sessions_are_refused() {
    let err = refused(|session| session.info.outputs = Output::SentenceEmbedding.set());
    assert_eq!(err.kind(), ErrorKind::Unsupported);
    assert!(err.message().contains("last_hidden_state") && err.hint().is_some(), "{err}");
    let changes: [fn(&mut SessionInfo); 3] = [
        |info| info.capabilities = Capabilities::PACKED_IN,
        |info| info.inputs |= Inputs::TEXT_BYTES,
        |info| info.max_tokens = 2,
    ];
    for change in changes {
        assert_eq!(refused(|session| change(&mut session.info)).kind(), ErrorKind::Unsupported);
    }
}

#[test]
fn a_transformer_that_gives_nan_is_refused_by_the_token() {
    let err = refused(|session| session.nan_for = Some(6));
    assert_eq!(err.kind(), ErrorKind::Model);
    assert!(err.message().contains("NaN") && err.message().contains("`'`"), "{err}");
}

#[test]
fn cross_encoders_are_refused() {
    const CLASSIFIER: &[u8] = br#"{"model_type": "bert", "architectures": ["BertForSequenceClassification"]}"#;
    let package = Package::from_memory("ranker", &[("config.json", CLASSIFIER)]).unwrap();
    let err = distill(&mut Lookup::new(IndexType::I64), &package, &DistillOptions::default(), &NoCall).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Unsupported);
    assert!(err.message().contains("`rerank`"), "{err}");
}

/// Cancels once some progress has been reported.
#[derive(Default)]
struct StopLater(Mutex<Vec<u32>>);

impl Call for StopLater {
    fn is_cancelled(&self) -> bool {
        self.0.lock().unwrap().len() >= 3
    }

    fn progress(&self, permille: u32, _phase: &str) {
        self.0.lock().unwrap().push(permille);
    }
}

#[test]
fn it_stops_between_batches() {
    let call = StopLater::default();
    let options = DistillOptions { batch_size: 100, ..DistillOptions::default() };
    let err = distill(&mut Lookup::new(IndexType::I64), &bert(), &options, &call).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Cancelled);
    let reported = call.0.lock().unwrap();
    assert_eq!(reported.len(), 3);
    assert!(reported.is_sorted() && reported[2] < 400, "{reported:?}");
}
