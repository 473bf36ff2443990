//! Whole models against the vectors that sentence-transformers computed, and packages that cannot be run.

use std::{
    fs,
    path::{Path, PathBuf},
};

use drivetrain_contract::{Error, ErrorKind, Result};
use drivetrain_package::{Files, Package, Weights};
use serde_json::{Value, json};

use crate::{
    Checkpoint, EmbeddingModel, TokenInputs,
    evaluator::{Array, Evaluator, load},
};

fn fixture(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/models")).join(name)
}

fn open_model(folder: &Path) -> Result<EmbeddingModel<Array>> {
    let package = Package::open(folder)?;
    let checkpoint = Checkpoint::open(&package)?;
    EmbeddingModel::load(&package, &checkpoint, &mut |weight| load(&weight))
}

/// Token ids of some texts as a batch, padded on the right.
fn batch(ids: &[Vec<f32>]) -> TokenInputs<Array> {
    let length = ids.iter().map(Vec::len).max().unwrap();
    let shape = [ids.len(), length];
    let padded = |f: &dyn Fn(Option<&f32>) -> f32| {
        Array::new(&shape, ids.iter().flat_map(|ids| (0..length).map(move |idx| f(ids.get(idx)))))
    };
    TokenInputs {
        input_ids: padded(&|id| id.copied().unwrap_or(0.0)),
        attention_mask: padded(&|id| if id.is_some() { 1.0 } else { 0.0 }),
        token_type_ids: Some(padded(&|_| 0.0)),
    }
}

/// Texts of very different length, so that there is padding; the reference has 36.
const TEXTS: [usize; 5] = [0, 3, 8, 9, 20];

fn check_vectors(name: &str, array: &str) {
    let folder = fixture(name);
    let expected: Value = serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let ids: Vec<Vec<f32>> = serde_json::from_value(expected["token_ids"].clone()).unwrap();
    let reference = Weights::open(&Files::Dir(folder.clone()), "expected.safetensors").unwrap();
    let mut vectors = Vec::new();
    reference.read_f32(array, &mut vectors).unwrap();

    let model = open_model(&folder).unwrap();
    let dim = model.dim().unwrap();
    assert_eq!(vectors.len(), ids.len() * dim);
    let inputs = batch(&TEXTS.map(|text| ids[text].clone()));
    let encoded = model.forward(&mut Evaluator, &inputs).unwrap();
    let found = encoded.sentence_embedding.unwrap();
    assert_eq!(found.shape, [TEXTS.len(), dim]);
    assert_eq!(encoded.last_hidden_state.shape, [&inputs.input_ids.shape[..], &[model.hidden_size()]].concat());

    let largest = vectors.iter().fold(0.0, |largest: f32, x| largest.max(x.abs()));
    let tolerance = if expected["normalize"] == true { 2e-5 } else { 1e-4 * largest };
    for (row, text) in TEXTS.into_iter().enumerate() {
        for (a, b) in found.data[row * dim..][..dim].iter().zip(&vectors[text * dim..]) {
            assert!((a - b).abs() <= tolerance, "{name}, text {text}: {a} instead of {b}");
        }
    }
}

#[test]
fn vectors_equal_the_reference() {
    for name in ["bert-cls", "bert-max-raw", "bert-mean", "bert-mean-dense", "bert-meansqrt-raw", "bert-weightedmean"] {
        check_vectors(name, "embeddings");
    }
    // Its default prompt is not part of these token ids.
    check_vectors("bert-prompts-excluded", "prompt.document");
}

/// A copy of a fixture with keys of one of its JSON files changed.
fn changed(name: &str, file: &str, changes: &Value) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_folder(&fixture(name), copy.path());
    let path = copy.path().join(file);
    let mut value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for (key, change) in changes.as_object().unwrap() {
        value[key] = change.clone();
    }
    fs::write(&path, value.to_string()).unwrap();
    copy
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (source, target) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if source.is_dir() {
            copy_folder(&source, &target);
        } else {
            fs::copy(&source, &target).unwrap();
        }
    }
}

fn check_refused(name: &str, file: &str, changes: &Value, kind: ErrorKind, message: &str) {
    let folder = changed(name, file, changes);
    let err: Error = open_model(folder.path()).unwrap_err();
    assert_eq!(err.kind(), kind, "{changes}: {}", err.to_text());
    assert!(err.to_text().contains(message), "{changes}: {}", err.to_text());
}

#[test]
fn a_configuration_that_cannot_be_run_is_named() {
    use ErrorKind::{Model, Unsupported};
    let refused = |changes: Value, kind, message| check_refused("bert-mean", "config.json", &changes, kind, message);
    refused(json!({"model_type": "gpt_neox"}), Unsupported, "`gpt_neox`");
    refused(json!({"model_type": null}), Unsupported, "`model_type`");
    refused(json!({"hidden_act": "quick_gelu"}), Unsupported, "`gelu_new`");
    refused(json!({"hidden_act": 3}), Model, "`hidden_act`");
    refused(json!({"position_embedding_type": "relative_key"}), Unsupported, "`relative_key`");
    refused(json!({"is_decoder": true}), Unsupported, "`is_decoder`");
    refused(json!({"num_attention_heads": 5}), Model, "`num_attention_heads` 5");
    refused(json!({"num_attention_heads": 0}), Model, "`num_attention_heads`");
    refused(json!({"vocab_size": 901}), Model, "[901, 48]");
    refused(json!({"intermediate_size": u64::MAX}), Model, "encoder.layer.0.intermediate.dense");
    refused(json!({"num_hidden_layers": u64::MAX}), Model, "encoder.layer.3.");
    refused(json!({"num_hidden_layers": -1}), Model, "`num_hidden_layers`");
    refused(json!({"layer_norm_eps": "small"}), Model, "`layer_norm_eps`");
}

#[test]
fn modules_that_do_not_fit_together_are_named() {
    let dense = json!({"in_features": 47});
    check_refused("bert-mean-dense", "2_Dense/config.json", &dense, ErrorKind::Model, "`2_Dense`");
    let dense = json!({"out_features": 31});
    check_refused("bert-mean-dense", "2_Dense/config.json", &dense, ErrorKind::Model, "`linear.bias`");
    let err = open_model(&fixture("static-wordpiece")).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Unsupported, "{}", err.to_text());
}

/// A copy of `bert-mean` whose tensors bear other names or types.
fn renamed(rename: impl Fn(&str) -> String, dtype: &str) -> tempfile::TempDir {
    let copy = changed("bert-mean", "config.json", &json!({}));
    let path = copy.path().join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    let header_len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..][..header_len]).unwrap();
    let tensors = header.as_object().unwrap().iter().filter(|(name, _)| *name != "__metadata__");
    let rewritten = tensors.map(|(name, tensor)| {
        let mut tensor = tensor.clone();
        tensor["dtype"] = dtype.into();
        (rename(name), tensor)
    });
    let header = Value::Object(rewritten.collect()).to_string();
    let len = (header.len() as u64).to_le_bytes();
    fs::write(&path, [&len, header.as_bytes(), &bytes[8 + header_len..]].concat()).unwrap();
    copy
}

#[test]
fn weights_are_found_by_their_older_names() {
    let expected = open_model(&fixture("bert-mean")).unwrap();
    let inputs = batch(&[vec![2.0, 779.0, 3.0]]);
    let expected = expected.forward(&mut Evaluator, &inputs).unwrap().sentence_embedding;
    let tensorflow = |name: &str| {
        let name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta");
        format!("bert.{name}")
    };
    for folder in [renamed(tensorflow, "F32"), renamed(|name| format!("model.{name}"), "F32")] {
        let model = open_model(folder.path()).unwrap();
        assert_eq!(model.forward(&mut Evaluator, &inputs).unwrap().sentence_embedding, expected);
    }
}

#[test]
fn weights_that_are_missing_or_quantised_are_named() {
    let folder = renamed(|name| name.replace("layer.2.output.dense", "layer.2.output.other"), "F32");
    let err = open_model(folder.path()).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Model);
    assert!(err.to_text().contains("`encoder.layer.2.output.dense.bias`"), "{}", err.to_text());
    let err = open_model(renamed(str::to_owned, "I32").path()).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Unsupported);
    assert!(err.to_text().contains("I32"), "{}", err.to_text());
}
