//! Models that are not there, or broken: a clear error each, and nothing half-written.

use std::{fs, path::Path};

use drivetrain_tests::{Outcome, fixtures_dir};

use crate::cli::{
    Workplace,
    broken_model::{change_tensors, cut, put_nan},
    workplace::{copy_tree, files_below, made_in},
};

const WORDS: &str = "embeddings.word_embeddings.weight";
const TABLE: &str = "embedding.weight";

/// Breaks a copy of a fixture and checks that embedding with it fails so, and leaves the copy as it is.
fn check_broken(fixture: &str, damage: impl FnOnce(&Path), expected: &[&str]) {
    let Some(place) = Workplace::new() else { return };
    let model = place.fixture(fixture, "model");
    damage(&model);
    let before = files_below(&model);
    embed(&place, &model).failed(3, expected);
    let mut after = files_below(&model);
    // A graph is made before the tokenizer is read; it is whole and of use once the tokenizer is repaired.
    after.retain(|name| name != "onnx/model.onnx" || before.contains(name));
    assert_eq!(after, before, "nothing is left in the model's folder");
    assert_eq!(made_in(place.rig.cache()), [""; 0], "nothing is left in the cache");
}

fn embed(place: &Workplace, model: &Path) -> Outcome {
    let outcome = place.run(&["embed", "a text", "-m", model.to_str().expect("a path")]);
    assert!(outcome.code == Some(0) || outcome.stdout.is_empty(), "vectors in spite of an error: {}", outcome.stdout);
    outcome
}

#[test]
fn models_that_are_not_there_list_those_that_are() {
    let Some(place) = Workplace::new() else { return };
    let known = "installed model: `all-MiniLM-L6-v2`";
    place.run(&["embed", "x", "-m", "all-minilm"]).failed(3, &["no model `all-minilm`", known]);
    place.run(&["embed", "x", "-m", "./none"]).failed(3, &["no model `./none`", "no such directory", known]);
    place.run(&["convert", "none", "--to", "onnx"]).failed(3, &["no model `none`", known]);
    place.write("file", "x");
    place.run(&["embed", "x", "-m", "file"]).failed(2, &["`file` is a file"]);
    fs::create_dir(place.path("empty")).expect("a folder");
    place.run(&["embed", "x", "-m", "empty"]).failed(3, &["empty` holds no model"]);
    assert_eq!(place.files(), ["file"]);
}

#[test]
fn truncated_weights_are_refused() {
    let expected = &["model.safetensors` is not a whole safetensors file"];
    for fixture in ["bert-mean", "static-wordpiece", "static-unigram"] {
        for keep in [0.0, 0.001, 0.5, 0.999] {
            check_broken(
                fixture,
                |model| cut(&model.join("model.safetensors"), |len| (len as f64 * keep) as usize),
                expected,
            );
        }
    }
}

#[test]
fn a_package_like_the_built_in_one_is_checked_too() {
    let Some(place) = Workplace::new() else { return };
    let builtin = fixtures_dir().join("../../core/engine/builtin");
    let copy = |name: &str| {
        let target = place.path(name);
        copy_tree(&builtin, &target);
        target
    };
    let reference = place.run(&["embed", "a text"]).succeeded().stdout;
    assert_eq!(embed(&place, &copy("whole")).succeeded().stdout, reference);
    let model = copy("cut");
    cut(&model.join("model.safetensors"), |len| len / 2);
    embed(&place, &model).failed(3, &["is truncated"]);
    let model = copy("nan");
    change_tensors(&model, |tensors| put_nan(tensors.get_mut("weights").expect("weights of tokens")));
    embed(&place, &model).failed(3, &["NaN", "`weights`"]);
    let model = copy("rows");
    change_tensors(&model, |tensors| {
        let table = tensors.get_mut("embeddings").expect("a table");
        table.shape[0] -= 1;
        table.data.truncate(table.shape[0] * table.shape[1]);
    });
    embed(&place, &model).failed(3, &["rows, the tokenizer has"]);
}

#[test]
fn missing_tensors_are_named() {
    let remove = |name: &'static str| move |model: &Path| change_tensors(model, |tensors| drop(tensors.remove(name)));
    check_broken("bert-mean", remove(WORDS), &["no tensor `embeddings.word_embeddings.weight`", "similar names"]);
    check_broken("bert-mean", remove("embeddings.LayerNorm.bias"), &["no tensor `embeddings.LayerNorm.bias`"]);
    check_broken("static-wordpiece", remove(TABLE), &["model.safetensors", "`embedding.weight`"]);
    let no_file = |model: &Path| fs::remove_file(model.join("model.safetensors")).expect("weights");
    check_broken("bert-mean", no_file, &["there is no", "model/model.safetensors"]);
    check_broken("static-wordpiece", no_file, &["model.safetensors"]);
}

#[test]
fn tensors_of_wrong_shape_are_named() {
    let swap = |name: &'static str| {
        move |model: &Path| change_tensors(model, |tensors| tensors.get_mut(name).expect(name).shape.reverse())
    };
    check_broken(
        "bert-mean",
        swap(WORDS),
        &["`embeddings.word_embeddings.weight`", "has shape [48, 900], not [900, 48]"],
    );
    check_broken("static-wordpiece", swap(TABLE), &["holds 48 rows, the tokenizer has 900 tokens"]);
}

#[test]
fn nan_in_the_weights_is_said() {
    let spoil = |name: &'static str| {
        move |model: &Path| change_tensors(model, |tensors| put_nan(tensors.get_mut(name).expect(name)))
    };
    check_broken("bert-mean", spoil(WORDS), &["`embeddings.word_embeddings.weight`", "holds NaN at index 0"]);
    check_broken("bert-mean", spoil("embeddings.LayerNorm.bias"), &["`embeddings.LayerNorm.bias`", "NaN"]);
    check_broken("static-wordpiece", spoil(TABLE), &["NaN", "row 0, column 0"]);
}

#[test]
fn nan_that_only_shows_when_computing_is_said() {
    let Some(place) = Workplace::new() else { return };
    let model = place.fixture("bert-mean", "model");
    embed(&place, &model).succeeded();
    let mut bias = Vec::new();
    change_tensors(&model, |tensors| bias.clone_from(&tensors["embeddings.LayerNorm.bias"].data));
    let graph = model.join("onnx/model.onnx");
    let mut bytes = fs::read(&graph).expect("a converted model");
    let at = bytes.windows(bias.len()).position(|window| window == bias).expect("the graph holds the weights");
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&graph, bytes).expect("a graph");
    embed(&place, &model).failed(3, &["NaN"]);
    place.run(&["embed", "x", "-m", "model", "-o", "v.npy"]).failed(3, &["NaN"]);
    assert!(!place.files().iter().any(|name| name.contains("v.npy") || name.contains("part")), "{:?}", place.files());
}

#[test]
fn broken_tokenizers_are_refused() {
    for fixture in ["bert-mean", "static-wordpiece", "static-unigram"] {
        for contents in
            ["", "not json", "[1, 2]", "{\"a\": [1, 2]}", "{\"version\": \"1.0\", \"model\": {\"type\": \"Unigram\"}}"]
        {
            check_broken(
                fixture,
                |model| fs::write(model.join("tokenizer.json"), contents).expect("a file"),
                &["tokenizer.json"],
            );
        }
        check_broken(
            fixture,
            |model| fs::remove_file(model.join("tokenizer.json")).expect("a file"),
            &["tokenizer.json"],
        );
    }
}

#[test]
fn broken_configurations_are_refused() {
    for (file, contents, expected) in [
        ("config.json", "{", "config.json"),
        ("config.json", "{\"hidden_size\": \"x\"}", "`hidden_size`"),
        ("modules.json", "{}", "modules.json` must hold a list"),
        ("modules.json", "[{\"idx\": 0, \"path\": \"../..\", \"type\": \"x.Transformer\"}]", "outside the package"),
        ("1_Pooling/config.json", "[]", "1_Pooling/config.json"),
    ] {
        check_broken("bert-mean", |model| fs::write(model.join(file), contents).expect("a file"), &[expected]);
    }
}

#[test]
fn broken_graphs_are_refused() {
    let Some(place) = Workplace::new() else { return };
    let model = place.fixture("bert-mean", "model");
    embed(&place, &model).succeeded();
    cut(&model.join("onnx/model.onnx"), |len| len / 2);
    embed(&place, &model).failed(3, &["onnx/model.onnx"]);
    fs::write(model.join("onnx/model.onnx"), "not a graph").expect("a file");
    embed(&place, &model).failed(3, &["onnx/model.onnx"]);
}
