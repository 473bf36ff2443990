//! What cannot be done is said, and the session lives on.

use std::{
    fs,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use drivetrain_contract::{
    Artifact, ArtifactData, Backend, Call, ErrorKind, Model, NoCall, OpenBackend, Output, Precision, Result,
    SessionOptions, Verdict, format,
};
use drivetrain_libtorch::LibTorch;
use drivetrain_package::Package;

use crate::{
    backend,
    fixture::{Fixture, Texts, max_abs_error},
    options, session,
};

#[track_caller]
fn refuses(result: Result<impl Sized>, kind: ErrorKind, says: &str) {
    let err = result.err().expect("an error");
    assert_eq!(err.kind(), kind, "{}", err.to_text());
    assert!(err.to_text().contains(says), "{}", err.to_text());
}

#[test]
fn models_and_wishes_that_cannot_be_met_are_refused() {
    let (backend, model) = (backend(), Fixture::open("bert-mean").model());
    let create = |model: &Model, options: &SessionOptions| backend.create_session(model, options, &NoCall);
    let gpu = SessionOptions { device_id: "cuda:7".to_owned(), ..options(Precision::F32, 1) };
    refuses(create(&model, &gpu), ErrorKind::NotFound, "it has");
    assert_eq!(backend.estimate(&model, &gpu).unwrap().verdict, Verdict::No);
    refuses(create(&model, &options(Precision::Int8, 1)), ErrorKind::Unsupported, "int8");
    refuses(create(&Model::default(), &options(Precision::F32, 1)), ErrorKind::Unsupported, "safetensors");
    let config = SessionOptions { config_json: "{\"memorymap\":1}".to_owned(), ..options(Precision::F32, 1) };
    refuses(create(&model, &config), ErrorKind::Invalid, "`memorymap`");
    refuses(LibTorch::open("{\"memory_map\":1}"), ErrorKind::Invalid, "`memory_map`");
    let in_memory = Model {
        artifacts: vec![Artifact {
            format: format::SAFETENSORS.to_owned(),
            precision: Precision::F32,
            data: ArtifactData::Static(b""),
        }],
        description_json: String::new(),
    };
    refuses(create(&in_memory, &options(Precision::F32, 1)), ErrorKind::Unsupported, "folder");
    let elsewhere =
        Model { description_json: model.description_json.replace("\"path\":\"\"", "\"path\":\"x\""), ..model };
    refuses(create(&elsewhere, &options(Precision::F32, 1)), ErrorKind::Model, "modules");
}

#[test]
fn weights_that_are_cut_short_are_refused() {
    let fixture = Fixture::open("bert-cls");
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        fs::copy(fixture.folder.join(file), folder.path().join(file)).unwrap();
    }
    let model = Package::open(folder.path()).unwrap().model();
    let weights = folder.path().join("model.safetensors");
    let whole = fs::read(&weights).unwrap();
    for len in [0, 8, 1000, whole.len() / 2, whole.len() - 1] {
        fs::write(&weights, &whole[..len]).unwrap();
        refuses(
            backend().create_session(&model, &options(Precision::F32, 1), &NoCall),
            ErrorKind::Model,
            "model.safetensors",
        );
    }
    fs::remove_file(&weights).unwrap();
    refuses(backend().create_session(&model, &options(Precision::F32, 1), &NoCall), ErrorKind::NotFound, "safetensors");
}

#[test]
fn inputs_that_cannot_be_right_are_refused_and_the_session_lives_on() {
    let fixture = Fixture::open("bert-mean");
    let mut session = session(&fixture, Precision::F32).unwrap();
    let longest = session.describe().max_tokens;
    let mut run = |ids: &[i64]| Texts::of(&[ids]).run(&mut *session, Output::SentenceEmbedding);
    for id in [-1, 900, i64::MAX, i64::MIN] {
        refuses(run(&[2, id]), ErrorKind::Invalid, &format!("`input_ids` holds {id} at 1"));
    }
    refuses(run(&vec![2; longest + 1]), ErrorKind::Invalid, &format!("positions for {longest}"));
    assert!(run(&vec![2; longest]).is_ok());
    refuses(Texts::of(&[&[2]]).run(&mut *session, Output::Logits), ErrorKind::Unsupported, "`logits`");
    let found = fixture.texts().run(&mut *session, Output::SentenceEmbedding).unwrap();
    assert!(max_abs_error(&found, &fixture.vectors()) <= 2e-5);
}

/// Ends after it was asked so many times.
struct EndsAfter(AtomicU32);
impl Call for EndsAfter {
    fn is_cancelled(&self) -> bool {
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err()
    }
}

struct Late;
impl Call for Late {
    fn time_left(&self) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

#[test]
fn a_call_is_asked_in_each_layer_whether_to_go_on() {
    let fixture = Fixture::open("bert-mean");
    let mut session = session(&fixture, Precision::F32).unwrap();
    let texts = fixture.texts();
    let mut run = |call: &dyn Call| texts.run_as(&mut *session, Output::SentenceEmbedding, call);
    let layers = 3;
    for asked in 0..=layers {
        refuses(run(&EndsAfter(AtomicU32::new(asked))), ErrorKind::Cancelled, "cancelled");
    }
    refuses(run(&Late), ErrorKind::Deadline, "time");
    let found = run(&EndsAfter(AtomicU32::new(layers + 1))).unwrap();
    assert!(max_abs_error(&found, &fixture.vectors()) <= 2e-5);
    refuses(backend().create_session(&fixture.model(), &options(Precision::F32, 1), &Late), ErrorKind::Deadline, "");
}
