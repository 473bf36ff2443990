//! TorchScript files that take and give tensors in different ways; `tests/fixtures/make.py` says how they were made.

use std::{fs, path::PathBuf};

use drivetrain_contract::{
    Artifact, ArtifactData, Backend, Capabilities, ErrorKind, Inputs, Model, NoCall, Output, Outputs, Precision,
    Result, Session, format,
};

use crate::{backend, fixture::Texts, options};

fn file(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).join(name)
}

fn open(data: ArtifactData, precision: Precision) -> Result<Box<dyn Session>> {
    let artifact = Artifact { format: format::TORCHSCRIPT.to_owned(), precision: Precision::F32, data };
    let description_json = r#"{"config":{"vocab_size":8,"type_vocab_size":2}}"#.to_owned();
    let model = Model { artifacts: vec![artifact], description_json };
    backend().create_session(&model, &options(precision, 1), &NoCall)
}

fn texts() -> Texts {
    Texts::of(&[&[1, 3, 5], &[2]])
}

#[test]
fn a_dictionary_is_read_by_name() {
    for precision in [Precision::F32, Precision::F16, Precision::Bf16] {
        let mut session = open(ArtifactData::Path(file("dictionary.pt")), precision).unwrap();
        let info = session.describe();
        assert_eq!(
            (info.inputs, info.outputs),
            (Inputs::INPUT_IDS | Inputs::ATTENTION_MASK, Outputs::SENTENCE_EMBEDDING)
        );
        assert_eq!((info.dim, info.hidden, info.precision), (3, 0, Some(precision)));
        assert!(!info.capabilities.intersects(Capabilities::CANCEL_MID_RUN | Capabilities::TOKENS_OUT));
        let vectors = texts().run(&mut *session, Output::SentenceEmbedding).unwrap();
        assert_eq!(vectors, [3.0, 6.0, -3.0, 2.0, 4.0, -2.0]);
    }
}

#[test]
fn of_a_tuple_the_first_counts_and_arguments_go_by_order() {
    let bytes: &'static [u8] = fs::read(file("pair.pt")).unwrap().leak();
    let mut session = open(ArtifactData::Static(bytes), Precision::F32).unwrap();
    let info = session.describe();
    assert_eq!(info.inputs, Inputs::INPUT_IDS | Inputs::ATTENTION_MASK | Inputs::TOKEN_TYPE_IDS);
    assert_eq!((info.outputs, info.hidden), (Outputs::LAST_HIDDEN_STATE, 3));
    let texts = Texts { second: 1, ..texts() };
    let tokens = texts.run(&mut *session, Output::LastHiddenState).unwrap();
    assert_eq!(tokens[..9], [1.0, 2.0, -1.0, 3.0, 6.0, -3.0, 6.0, 11.0, -4.0]);
    assert_eq!(tokens[9..12], [3.0, 5.0, -1.0]);
}

#[test]
fn what_has_a_default_is_left_out() {
    let mut session = open(ArtifactData::Path(file("optional.pt")), Precision::F32).unwrap();
    assert_eq!(session.describe().inputs, Inputs::INPUT_IDS | Inputs::TOKEN_TYPE_IDS);
    let vectors = Texts::of(&[&[1, 2]]).run(&mut *session, Output::SentenceEmbedding).unwrap();
    assert_eq!(vectors, [30.0, 60.0, -30.0]);
    let err = Texts::of(&[&[8]]).run(&mut *session, Output::SentenceEmbedding).unwrap_err();
    assert!(err.kind() == ErrorKind::Invalid && err.message().contains("`input_ids` holds 8"), "{err}");
}

#[track_caller]
fn refuses(data: ArtifactData, kind: ErrorKind, says: &str) {
    let err = open(data, Precision::F32).err().unwrap();
    assert_eq!(err.kind(), kind, "{}", err.to_text());
    assert!(err.to_text().contains(says), "{}", err.to_text());
}

#[test]
fn files_that_cannot_be_used_are_named() {
    refuses(ArtifactData::Path(file("stranger.pt")), ErrorKind::Unsupported, "`task_id`");
    refuses(ArtifactData::Path(file("number.pt")), ErrorKind::Unsupported, "gives nothing that is known");
    refuses(ArtifactData::Path(file("none.pt")), ErrorKind::NotFound, "none.pt");
    refuses(ArtifactData::Path(file("")), ErrorKind::Io, "regular file");
    refuses(ArtifactData::Path(file("make.py")), ErrorKind::Model, "make.py");
    let whole = fs::read(file("pair.pt")).unwrap();
    for len in [0, 1, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
        let cut: &'static [u8] = whole[..len].to_vec().leak();
        refuses(ArtifactData::Static(cut), ErrorKind::Model, "in-memory artifact");
    }
    for at in (0..whole.len()).step_by(97) {
        // Whatever a spoilt file is taken for, it takes nothing down.
        let mut spoilt = whole.clone();
        spoilt[at] ^= 0xff;
        drop(open(ArtifactData::Static(spoilt.leak()), Precision::F32));
    }
}
