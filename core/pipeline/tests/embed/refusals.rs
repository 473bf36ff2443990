//! What is refused, and that the message says what.

use std::time::Duration;

use drivetrain_contract::{Call, Capabilities, Error, ErrorKind, NoCall, Outputs};
use drivetrain_package::Package;
use drivetrain_pipeline::{EmbedOptions, Embedder, Prompt};

use crate::{options, package, table::Table};

#[track_caller]
fn check(err: &Error, kind: ErrorKind, words: &[&str]) {
    let text = err.to_text();
    assert_eq!(err.kind(), kind, "{text}");
    words.iter().for_each(|word| assert!(text.contains(word), "`{word}` is not in: {text}"));
}

fn refusal(package: &Package, table: Table, options: &EmbedOptions) -> Error {
    Embedder::new(package, Box::new(table), options).expect_err("has to be refused")
}

#[test]
fn unknown_prompts_and_dimensions_are_named() {
    let prompt = |name: &str| EmbedOptions { prompt: Prompt::Named(name.into()), ..options() };
    let err = refusal(&package("bert-prompts"), Table::padded(), &prompt("passage"));
    check(&err, ErrorKind::Invalid, &["passage", "query", "document"]);
    let dim = |dim| EmbedOptions { truncate_dim: Some(dim), ..options() };
    check(&refusal(&package("bert-mean"), Table::padded(), &dim(0)), ErrorKind::Invalid, &["truncate_dim", "0", "48"]);
    check(&refusal(&package("bert-mean"), Table::padded(), &dim(49)), ErrorKind::Invalid, &["49", "48"]);
    let long = EmbedOptions { prompt: Prompt::Text("word ".repeat(500)), ..options() };
    check(&refusal(&package("bert-mean"), Table::padded(), &long), ErrorKind::Invalid, &["prompt", "64"]);
}

#[test]
fn sessions_that_do_not_serve_the_package_are_refused() {
    let bert = package("bert-mean");
    for table in [
        Table::new(Capabilities::PADDED_IN, Outputs::LOGITS),
        Table::new(Capabilities::empty(), Outputs::SENTENCE_EMBEDDING),
        Table::new(Capabilities::TEXT_IN, Outputs::LAST_HIDDEN_STATE),
    ] {
        check(&refusal(&bert, table, &options()), ErrorKind::Unsupported, &["bert-mean", "last_hidden_state"]);
    }
    let graph_only = Table::new(Capabilities::PADDED_IN, Outputs::SENTENCE_EMBEDDING);
    let err = refusal(&package("bert-prompts-excluded"), graph_only, &options());
    check(&err, ErrorKind::Unsupported, &["prompt", "last_hidden_state"]);
    let err = refusal(&package("static-wordpiece"), Table::padded(), &options());
    check(&err, ErrorKind::Unsupported, &["static-wordpiece", "text"]);
}

#[test]
fn sessions_that_contradict_the_package_are_refused() {
    let mut table = Table::padded();
    table.info.hidden = 64;
    check(&refusal(&package("bert-mean"), table, &options()), ErrorKind::Model, &["last_hidden_state", "64", "48"]);
    let table = Table::new(Capabilities::PADDED_IN, Outputs::SENTENCE_EMBEDDING);
    let err = refusal(&package("bert-mean-dense"), table, &options());
    check(&err, ErrorKind::Model, &["sentence_embedding", "48", "32"]);
}

#[test]
fn an_output_of_another_shape_is_an_error() {
    let mut table = Table::new(Capabilities::PADDED_IN, Outputs::SENTENCE_EMBEDDING);
    table.info.dim = 0;
    let mut embedder = Embedder::new(&package("bert-mean-dense"), Box::new(table), &options()).unwrap();
    let err = embedder.embed(&["a"], &NoCall).unwrap_err();
    check(&err, ErrorKind::Model, &["sentence_embedding", "[1, 48]", "[1, 32]"]);
}

#[test]
fn modules_and_tasks_that_are_not_run_are_named() {
    static BASE: &[u8] = include_bytes!("../../../../tests/fixtures/models/bert-mean/tokenizer.json");
    static CONFIG: &[u8] = br#"{"model_type": "bert", "hidden_size": 48, "architectures": ["BertModel"]}"#;
    static LAYER_NORM: [(&str, &[u8]); 4] = [
        ("tokenizer.json", BASE),
        ("config.json", CONFIG),
        (
            "modules.json",
            br#"[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
                {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
                {"idx": 2, "name": "2", "path": "2_LayerNorm", "type": "sentence_transformers.models.LayerNorm"}]"#,
        ),
        ("1_Pooling/config.json", br#"{"word_embedding_dimension": 48, "pooling_mode_mean_tokens": true}"#),
    ];
    let package = Package::from_memory("normed", &LAYER_NORM).unwrap();
    check(&refusal(&package, Table::padded(), &options()), ErrorKind::Unsupported, &["normed", "LayerNorm"]);
    static RERANKER: [(&str, &[u8]); 2] = [
        ("tokenizer.json", BASE),
        (
            "config.json",
            br#"{"model_type": "bert", "hidden_size": 48, "architectures": ["BertForSequenceClassification"],
                "sentence_transformers": {"version": "4.1.0"}}"#,
        ),
    ];
    let package = Package::from_memory("judge", &RERANKER).unwrap();
    check(&refusal(&package, Table::padded(), &options()), ErrorKind::Unsupported, &["judge", "Rerank"]);
}

#[test]
fn numbers_that_are_not_finite_are_never_returned() {
    let bert = package("bert-max-raw");
    // The id of `[MASK]`, which only one of the texts has.
    let texts = ["one", "two words", "a [MASK] in three", "four"];
    for graph in [false, true] {
        let outputs = if graph { Outputs::SENTENCE_EMBEDDING } else { Outputs::LAST_HIDDEN_STATE };
        let table = Table { broken_id: Some(4), ..Table::new(Capabilities::PADDED_IN, outputs) };
        let mut embedder = Embedder::new(&bert, Box::new(table), &options()).unwrap();
        let err = embedder.embed(&texts, &NoCall).unwrap_err();
        check(&err, ErrorKind::Model, &["text 2", "NaN"]);
        assert_eq!(embedder.embed(&["fine again"], &NoCall).unwrap().len(), 1);
    }
}

#[test]
fn texts_longer_than_the_session_takes_are_named() {
    let mut table = Table::padded();
    table.info.max_tokens = 10;
    let mut embedder = Embedder::new(&package("bert-mean"), Box::new(table), &options()).unwrap();
    let err = embedder.embed(&["short", &"long ".repeat(30)], &NoCall).unwrap_err();
    check(&err, ErrorKind::Unsupported, &["text 1", "10"]);
}

#[test]
fn a_call_can_be_cancelled_and_can_be_late() {
    struct Stopped;
    impl Call for Stopped {
        fn is_cancelled(&self) -> bool {
            true
        }
    }
    struct Late;
    impl Call for Late {
        fn time_left(&self) -> Option<Duration> {
            Some(Duration::ZERO)
        }
    }
    let mut embedder = Embedder::new(&package("bert-mean"), Box::new(Table::padded()), &options()).unwrap();
    check(&embedder.embed(&["a"], &Stopped).unwrap_err(), ErrorKind::Cancelled, &[]);
    check(&embedder.embed(&["a"], &Late).unwrap_err(), ErrorKind::Deadline, &[]);
}
