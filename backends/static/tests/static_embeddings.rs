//! The whole way through the backend: fixtures against their reference, model2vec semantics, damaged models.

use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use drivetrain_contract::{
    Artifact, ArtifactData, Backend, Batch, Call, Capabilities, ErrorKind, Model, NoCall, OpenBackend, Output,
    OutputMut, Precision, Result, Session, SessionGroup, SessionOptions, TextBatch, Verdict, format,
};
use drivetrain_static::StaticBackend;
use safetensors::SafeTensors;
use tokenizers::Tokenizer;

const KEEP: &str =
    r#"{"config":null,"modules":[{"type":"StaticEmbedding","path":"","unknown":"keep"},{"type":"Normalize"}]}"#;
const DROP: &str = r#"{"config":{"normalize":true},"modules":[{"type":"StaticEmbedding","path":"","unknown":"drop"}]}"#;

fn fixtures() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures")).to_owned()
}

fn texts() -> Vec<String> {
    serde_json::from_slice(&fs::read(fixtures().join("texts.json")).unwrap()).unwrap()
}

fn artifact(format: &str, precision: Precision, data: ArtifactData) -> Artifact {
    Artifact { format: format.to_owned(), precision, data }
}

fn fixture(name: &str, description: &str) -> Model {
    let file = |name_in: &str| ArtifactData::Path(fixtures().join("models").join(name).join(name_in));
    Model {
        artifacts: vec![
            artifact(format::TOKENIZER, Precision::F32, file("tokenizer.json")),
            artifact(format::STATIC, Precision::F32, file("model.safetensors")),
        ],
        description_json: description.to_owned(),
    }
}

fn options(threads: usize) -> SessionOptions {
    SessionOptions::new("cpu", NonZeroUsize::new(threads).unwrap())
}

fn open(model: &Model, threads: usize) -> Result<Box<dyn Session>> {
    StaticBackend::open("{}").unwrap().create_session(model, &options(threads), &NoCall)
}

fn embed(session: &mut dyn Session, texts: &[String], call: &dyn Call) -> Result<Vec<f32>> {
    let mut offsets = vec![0i64];
    offsets.extend(texts.iter().scan(0, |end, text| {
        *end += text.len() as i64;
        Some(*end)
    }));
    let joined = texts.concat();
    let batch = Batch::Text(TextBatch::new(&joined, &offsets)?);
    let shape = session.output_shape(&batch, Output::SentenceEmbedding)?;
    let mut data = vec![f32::NAN; shape.iter().product()];
    let output = OutputMut::new(Output::SentenceEmbedding, &shape, &mut data)?;
    session.run(&batch, &mut [output], call)?;
    Ok(data)
}

fn read_f32(path: &Path, name: &str) -> Vec<f32> {
    let bytes = fs::read(path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let data = tensors.tensor(name).unwrap().data();
    data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

#[track_caller]
fn check_close(found: &[f32], expect: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expect.len());
    let worst = found.iter().zip(expect).map(|(found, expect)| (found - expect).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance, "largest difference {worst}");
}

#[test]
fn fixtures_equal_their_reference_for_every_number_of_threads() {
    for name in ["static-wordpiece", "static-unigram"] {
        let expect = read_f32(&fixtures().join("models").join(name).join("expected.safetensors"), "embeddings");
        for threads in [1, 3] {
            let mut session = open(&fixture(name, KEEP), threads).unwrap();
            assert_eq!(session.describe().threads, threads);
            assert!(session.describe().capabilities.contains(Capabilities::TEXT_IN | Capabilities::POOLED_OUT));
            check_close(&embed(&mut *session, &texts(), &NoCall).unwrap(), &expect, 1e-5);
        }
    }
}

/// What model2vec defines: the mean of the rows of known tokens, scaled to length 1.
fn model2vec_by_hand(name: &str) -> Vec<f32> {
    let folder = fixtures().join("models").join(name);
    let bytes = fs::read(folder.join("model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let (table_name, view) = tensors.tensors().into_iter().find(|(_, view)| view.shape().len() == 2).unwrap();
    let columns = view.shape()[1];
    let table = read_f32(&folder.join("model.safetensors"), &table_name);
    let tokenizer = Tokenizer::from_file(folder.join("tokenizer.json")).unwrap();
    let unknown = ["[UNK]", "<unk>"].iter().find_map(|token| tokenizer.token_to_id(token)).unwrap();
    let mut all = Vec::new();
    for text in texts() {
        let mut vector = vec![0.0f32; columns];
        let tokens = tokenizer.encode(text, false).unwrap();
        for &id in tokens.get_ids().iter().filter(|&&id| id != unknown) {
            let row = &table[id as usize * columns..][..columns];
            vector.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-12);
        all.extend(vector.iter().map(|value| value / norm));
    }
    all
}

#[test]
fn model2vec_packages_leave_unknown_tokens_out() {
    for name in ["static-wordpiece", "static-unigram"] {
        let expect = model2vec_by_hand(name);
        for threads in [1, 2] {
            let mut session = open(&fixture(name, DROP), threads).unwrap();
            check_close(&embed(&mut *session, &texts(), &NoCall).unwrap(), &expect, 1e-5);
        }
        let mut keeping = open(&fixture(name, KEEP), 1).unwrap();
        assert_ne!(embed(&mut *keeping, &texts(), &NoCall).unwrap(), expect);
    }
}

#[test]
fn a_text_alone_equals_the_same_text_in_a_batch_bit_for_bit() {
    let many: Vec<String> = texts().into_iter().cycle().take(200).collect();
    for description in [KEEP, DROP] {
        let mut session = open(&fixture("static-wordpiece", description), 2).unwrap();
        let dim = session.describe().dim;
        let together = embed(&mut *session, &many, &NoCall).unwrap();
        for (text, vector) in many.iter().zip(together.chunks(dim)) {
            assert_eq!(embed(&mut *session, std::slice::from_ref(text), &NoCall).unwrap(), vector, "{text:?}");
        }
    }
}

#[test]
fn models_in_memory_and_hostile_vocabularies_run() {
    let tokenizer = r###"{"added_tokens":[],"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,
        "strip_accents":null,"lowercase":true},"pre_tokenizer":{"type":"BertPreTokenizer"},"model":{"type":"WordPiece",
        "unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,
        "vocab":{"[UNK]":0,"":1,"##":2,"a":3,"##a":4}}}"###;
    let values: Vec<u8> = [0.0f32, 9.0, 9.0, 1.0, 3.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![5, 1], &values).unwrap();
    let table = safetensors::serialize([("embeddings", view)], None).unwrap();
    let model = Model {
        artifacts: vec![
            artifact(format::TOKENIZER, Precision::F32, ArtifactData::Static(tokenizer.as_bytes())),
            artifact(format::STATIC, Precision::F32, ArtifactData::Static(table.leak())),
        ],
        description_json: DROP.replace("true", "false"),
    };
    let mut session = open(&model, 1).unwrap();
    let texts = ["aa", "", "b", "a b ##", &"a".repeat(1_000_000)].map(str::to_owned);
    assert_eq!(embed(&mut *session, &texts, &NoCall).unwrap(), [2.0, 0.0, 0.0, 1.0, 0.0]);
}

#[test]
fn sessions_of_a_group_have_one_table_together() {
    let model = fixture("static-wordpiece", KEEP);
    let backend = StaticBackend::open("").unwrap();
    let create = |options: SessionOptions| backend.create_session(&model, &options, &NoCall).unwrap();
    let memory = |session: &dyn Session| session.memory().unwrap().host_private;
    let alone = memory(&*create(options(1)));
    let mut group = [0, 1].map(|_| create(SessionOptions { group: SessionGroup::new(2, 2), ..options(1) }));
    assert_eq!(group.iter().map(|session| memory(&**session)).collect::<Vec<_>>(), [alone / 2, alone / 2]);
    let texts = ["a text".to_owned()];
    let [first, second] = &mut group;
    assert_eq!(embed(&mut **first, &texts, &NoCall).unwrap(), embed(&mut **second, &texts, &NoCall).unwrap());
}

#[test]
fn the_table_is_chosen_by_precision() {
    let mut model = fixture("static-wordpiece", KEEP);
    let backend = StaticBackend::open("").unwrap();
    let verdict =
        |model: &Model, precision| backend.estimate(model, &SessionOptions { precision, ..options(1) }).unwrap();
    assert_eq!(verdict(&model, Precision::F32).artifact_index, 1);
    assert_eq!(verdict(&model, Precision::Int8).verdict, Verdict::No);
    model.artifacts[1].precision = Precision::Int8;
    assert_eq!(verdict(&model, Precision::F32).verdict, Verdict::Yes);
    assert_eq!(verdict(&model, Precision::Int8).verdict, Verdict::Yes);
    let f16 = verdict(&model, Precision::F16);
    assert_eq!(f16.verdict, Verdict::No);
    assert!(f16.reason.contains("int8"), "{}", f16.reason);
}

#[track_caller]
fn refuses(model: &Model, options: &SessionOptions, kind: ErrorKind, needle: &str) {
    let err = StaticBackend::default().create_session(model, options, &NoCall).err().expect("refused");
    assert_eq!(err.kind(), kind, "{}", err.to_text());
    assert!(err.to_text().contains(needle), "{}", err.to_text());
}

#[test]
fn what_cannot_be_right_is_refused() {
    let good = fixture("static-wordpiece", KEEP);
    let with = |format: &str, data: ArtifactData| {
        let mut model = good.clone();
        model
            .artifacts
            .iter_mut()
            .filter(|artifact| artifact.format == format)
            .for_each(|found| found.data = data.clone());
        model
    };
    refuses(&good, &SessionOptions { device_id: "gpu".to_owned(), ..options(1) }, ErrorKind::NotFound, "`cpu`");
    refuses(&good, &SessionOptions { config_json: r#"{"x":1}"#.to_owned(), ..options(1) }, ErrorKind::Invalid, "`x`");
    refuses(&good, &SessionOptions { memory_limit: 10, ..options(1) }, ErrorKind::OutOfMemory, "10");
    let missing = with(format::STATIC, ArtifactData::Path(fixtures().join("nothing.safetensors")));
    refuses(&missing, &options(1), ErrorKind::NotFound, "nothing.safetensors");
    let text = with(format::TOKENIZER, ArtifactData::Static(b"{\"model\":"));
    refuses(&text, &options(1), ErrorKind::Model, "tokenizer");
    let other = with(format::STATIC, ArtifactData::Path(fixtures().join("models/static-unigram/tokenizer.json")));
    refuses(&other, &options(1), ErrorKind::Model, "safetensors");
    for description in [KEEP, DROP] {
        let mut mixed = fixture("static-unigram", description);
        mixed.artifacts[1] = good.artifacts[1].clone();
        refuses(&mixed, &options(1), ErrorKind::Model, "different models");
    }
    let bare = Model { artifacts: good.artifacts[1..].to_vec(), ..good.clone() };
    refuses(&bare, &options(1), ErrorKind::NotFound, "tokenizer.json");
}

struct Late;
impl Call for Late {
    fn time_left(&self) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

#[test]
fn a_call_that_is_over_stops_and_the_session_lives_on() {
    let mut session = open(&fixture("static-wordpiece", DROP), 2).unwrap();
    let err = embed(&mut *session, &texts(), &Late).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Deadline);
    assert!(embed(&mut *session, &texts(), &NoCall).is_ok());
    assert!(session.memory().unwrap().host_private > 0);
}
