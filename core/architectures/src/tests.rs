//! Whole models against the vectors that sentence-transformers computed, and packages that cannot be run.

use std::{
    fs,
    path::{Path, PathBuf},
};

use drivetrain_contract::{Error, ErrorKind, Output, Outputs, Result};
use drivetrain_package::{Files, Package, Weights};
use serde_json::{Value, json};

use crate::{
    Checkpoint, Encoded, KNOWN_MODEL_TYPES, TextModel, TokenInputs,
    evaluator::{Array, Evaluator, load},
};

fn fixture(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/models")).join(name)
}

fn open_model(folder: &Path) -> Result<TextModel<Array>> {
    let package = Package::open(folder)?;
    let checkpoint = Checkpoint::open(&package)?;
    TextModel::load(&package, &checkpoint, &mut |weight| load(&weight))
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
    let dim = model.extent(Output::SentenceEmbedding).unwrap();
    assert_eq!(vectors.len(), ids.len() * dim);
    let inputs = batch(&TEXTS.map(|text| ids[text].clone()));
    let encoded = model.forward(&mut Evaluator, &inputs).unwrap();
    let found = encoded.sentence_embedding.unwrap();
    assert_eq!(found.shape, [TEXTS.len(), dim]);
    let hidden = model.extent(Output::LastHiddenState).unwrap();
    assert_eq!(encoded.last_hidden_state.shape, [&inputs.input_ids.shape[..], &[hidden]].concat());

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
    for name in [
        "albert-mean",
        "deberta-v2-mean",
        "distilbert-mean-dense",
        "electra-mean",
        "eurobert-mean",
        "gte-cls",
        "jina-bert-v2-12heads",
        "jina-bert-v2-long",
        "jina-bert-v2-mean",
        "modernbert-cls",
        "modernbert-mean",
        "mpnet-mean",
        "nomic-bert-mean",
        "qwen3-last",
        "roberta-mean",
        "xlm-roberta-cls",
    ] {
        check_vectors(name, "embeddings");
    }
    // Its default prompt is not part of these token ids.
    check_vectors("bert-prompts-excluded", "prompt.document");
}

/// A text or pair of texts as its tokens, with the segment of each.
struct Tokens<'a> {
    ids: &'a [u16],
    /// How many of the tokens, at the end, are of the second segment.
    second: usize,
}

/// Runs a fixture on one text.
fn run_one(name: &str, tokens: &Tokens<'_>) -> (TextModel<Array>, Encoded<Array>) {
    let model = open_model(&fixture(name)).unwrap();
    let ids: Vec<f32> = tokens.ids.iter().map(|&id| f32::from(id)).collect();
    let mut inputs = batch(&[ids]);
    let first = tokens.ids.len() - tokens.second;
    let types = (0..tokens.ids.len()).map(|idx| if idx < first { 0.0 } else { 1.0 });
    inputs.token_type_ids = Some(Array::new(&inputs.input_ids.shape, types));
    let encoded = model.forward(&mut Evaluator, &inputs).unwrap();
    (model, encoded)
}

/// Compares one text of a fixture with row `row` of the reference's `array`.
fn check_head(name: &str, output: Output, (array, row): (&str, usize), tokens: &Tokens<'_>) {
    let (model, encoded) = run_one(name, tokens);
    assert!(model.outputs().contains(output.set()), "{name}");
    let found = encoded.get(output).unwrap();
    assert_eq!(found.shape.last().copied(), model.extent(output), "{name}");
    let reference = Weights::open(&Files::Dir(fixture(name)), "expected.safetensors").unwrap();
    let mut expected = Vec::new();
    reference.read_f32(array, &mut expected).unwrap();
    let largest = expected.iter().fold(0.0, |largest: f32, x| largest.max(x.abs()));
    for (a, b) in found.data.iter().zip(&expected[row * found.data.len()..]) {
        assert!((a - b).abs() <= 1e-4 * largest, "{name}: {a} instead of {b}");
    }
}

/// Pair 35 of every fixture that scores pairs, and text 3 of the others.
#[test]
fn heads_equal_the_reference() {
    let rerank = |name, ids: &[u16], second| {
        check_head(name, Output::Logits, ("logits", 35), &Tokens { ids, second });
    };
    rerank("cross-bert", &[2, 10, 13, 3, 13, 1, 14, 3], 4);
    rerank("cross-bert-3labels", &[2, 10, 13, 3, 13, 1, 14, 3], 4);
    rerank("cross-deberta-v2", &[0, 5, 53, 168, 2, 2, 315, 770, 195, 2], 0);
    rerank("cross-modernbert", &[2, 17, 21, 3, 21, 19, 22, 3], 0);
    rerank("cross-xlm-roberta", &[0, 5, 53, 168, 2, 2, 315, 770, 195, 2], 0);

    let other = |name, output, at, ids: &[u16]| check_head(name, output, at, &Tokens { ids, second: 0 });
    let (scores, vectors) = (Output::VocabScores, Output::LastHiddenState);
    let ids = [2, 586, 875, 684, 748, 382, 591, 603, 36, 641, 308, 42, 819, 36, 838, 382, 11, 3];
    other("splade-bert", scores, ("embeddings", 3), &ids);
    let ids = [2, 586, 875, 684, 748, 313, 591, 603, 36, 641, 308, 42, 819, 36, 838, 313, 11, 3];
    other("splade-distilbert", scores, ("embeddings", 3), &ids);
    let ids = [2, 517, 297, 280, 532, 265, 786, 284, 310, 297, 425, 73, 274, 784, 297, 798, 93, 18, 3];
    other("colbert-plain", vectors, ("query.3", 0), &ids);
}

/// The original ColBERT has its projection among the transformer's weights, and no list of modules.
#[test]
fn a_projection_beside_the_transformer_is_applied() {
    let folder = renamed(|name| name.replace("pooler.dense.weight", "linear.weight"), "F32");
    for file in ["modules.json", "config_sentence_transformers.json"] {
        fs::remove_file(folder.path().join(file)).unwrap();
    }
    change(folder.path(), "config.json", &json!({"architectures": ["HF_ColBERT"]}));
    let model = open_model(folder.path()).unwrap();
    assert_eq!((model.outputs(), model.extent(Output::LastHiddenState)), (Outputs::LAST_HIDDEN_STATE, Some(48)));
    let encoded = model.forward(&mut Evaluator, &batch(&[vec![2.0, 779.0, 3.0]])).unwrap();
    for vector in encoded.last_hidden_state.data.chunks_exact(48) {
        assert!((vector.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
    }
}

/// A copy of a fixture with keys of one of its JSON files changed.
fn changed(name: &str, file: &str, changes: &Value) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_folder(&fixture(name), copy.path());
    change(copy.path(), file, changes);
    copy
}

fn change(folder: &Path, file: &str, changes: &Value) {
    let path = folder.join(file);
    let mut value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for (key, change) in changes.as_object().unwrap() {
        value[key] = change.clone();
    }
    fs::write(&path, value.to_string()).unwrap();
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
fn variants_that_cannot_be_run_are_named() {
    use ErrorKind::{Model, Unsupported};
    let refused = |name, changes: Value, kind, message| check_refused(name, "config.json", &changes, kind, message);
    let yarn = json!({"rope_theta": 10000.0, "rope_type": "yarn", "factor": 4.0});
    refused("albert-mean", json!({"num_hidden_layers": u64::MAX}), Model, "layers in 1 groups");
    refused("albert-mean", json!({"inner_group_num": 1u64 << 40}), Model, "groups of");
    refused("deberta-v2-mean", json!({"share_att_key": false}), Unsupported, "`share_att_key`");
    refused("deberta-v2-mean", json!({"conv_kernel_size": 3}), Unsupported, "`conv_kernel_size`");
    refused("deberta-v2-mean", json!({"pos_att_type": "p2c|p2p"}), Unsupported, "`p2p`");
    refused("deberta-v2-mean", json!({"max_relative_positions": 1u64 << 60}), Model, "relative positions");
    refused("deberta-v2-mean", json!({"position_buckets": 1u64 << 60}), Model, "buckets");
    refused("eurobert-mean", json!({"num_key_value_heads": 3}), Model, "share 3");
    refused("eurobert-mean", json!({"head_dim": 13}), Model, "[52, 48]");
    refused("gte-cls", json!({"rope_parameters": yarn}), Unsupported, "`yarn`");
    refused("gte-cls", json!({"position_embedding_type": "absolute"}), Unsupported, "`absolute`");
    refused("jina-bert-v2-mean", json!({"feed_forward_type": "original"}), Unsupported, "`feed_forward_type`");
    refused("jina-bert-v2-mean", json!({"num_attention_heads": 1u64 << 60}), Model, "`num_attention_heads`");
    refused("modernbert-mean", json!({"layer_types": ["full_attention"]}), Model, "layer 1");
    refused("modernbert-mean", json!({"layer_types": vec!["x"; 4]}), Unsupported, "`layer_types`");
    refused("modernbert-mean", json!({"rope_parameters": {"full_attention": yarn}}), Unsupported, "`yarn`");
    refused("mpnet-mean", json!({"relative_attention_num_buckets": 16}), Unsupported, "32 of them");
    refused("nomic-bert-mean", json!({"prenorm": true}), Unsupported, "`prenorm`");
    refused("nomic-bert-mean", json!({"rotary_emb_fraction": 0.5}), Unsupported, "`rotary_emb_fraction`");
    refused("qwen3-last", json!({"layer_types": ["sliding_attention"]}), Unsupported, "`sliding_attention`");
    refused("roberta-mean", json!({"position_embedding_type": "relative_key"}), Unsupported, "`relative_key`");
    refused("splade-bert", json!({"tie_word_embeddings": false}), Model, "cls.predictions.decoder");
    refused("cross-bert", json!({"id2label": {"0": "a", "1": "b"}}), Model, "`classifier.bias`");
    let mean = json!({"pooling_strategy": "mean"});
    check_refused("splade-bert", "1_SpladePooling/config.json", &mean, Model, "max or sum");
}

/// The list that messages show is the list of what is known.
#[test]
fn every_known_model_type_is_known() {
    for model_type in KNOWN_MODEL_TYPES {
        let folder = changed("bert-mean", "config.json", &json!({"model_type": model_type}));
        if let Err(err) = open_model(folder.path()) {
            assert!(!err.to_text().contains("does not know"), "{}", err.to_text());
        }
    }
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

/// Runs a fixture and a copy of it with another configuration, which must mean the same.
fn check_same_meaning(name: &str, changes: &Value) {
    let inputs = batch(&[vec![2.0, 779.0, 615.0, 599.0, 3.0], vec![2.0, 31.0, 3.0]]);
    let run = |folder: &Path| open_model(folder).unwrap().forward(&mut Evaluator, &inputs).unwrap().last_hidden_state;
    assert_eq!(run(changed(name, "config.json", changes).path()), run(&fixture(name)), "{name}: {changes}");
}

#[test]
fn older_configurations_mean_the_same() {
    let common = json!({"hidden_size": null, "num_attention_heads": null, "num_hidden_layers": null,
        "intermediate_size": null, "n_embd": 48, "n_head": 4, "n_layer": 3, "n_inner": 96, "hidden_act": null,
        "activation_function": "swiglu", "rope_parameters": null, "rotary_emb_base": 1000, "rotary_emb_fraction": 1.0,
        "rotary_scaling_factor": null, "layer_norm_eps": null, "layer_norm_epsilon": 1e-12, "qkv_proj_bias": false});
    check_same_meaning("nomic-bert-mean", &common);
    let rope = json!({"model_type": "new", "rope_parameters": null, "rope_theta": 160_000.0, "pack_qkv": true});
    check_same_meaning("gte-cls", &rope);
    let thetas = json!({"rope_parameters": null, "layer_types": null, "global_attn_every_n_layers": 3,
        "global_rope_theta": 160_000.0, "local_rope_theta": 10_000.0});
    check_same_meaning("modernbert-mean", &thetas);
    check_same_meaning("deberta-v2-mean", &json!({"pos_att_type": "c2p|p2c"}));
    check_same_meaning("qwen3-last", &json!({"rope_parameters": null, "rope_theta": 10_000, "rope_scaling": null}));
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
