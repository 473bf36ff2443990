//! Which files are fetched of all that a repository has.

use std::collections::BTreeMap;

use drivetrain::{ErrorKind, contract::NoCall, package::Package};
use drivetrain_tests::hub::{FakeHub, fixture};

use super::{Place, about, files_below};

#[test]
fn only_what_is_needed_or_asked_for_comes() {
    let mut files = fixture("bert-mean-dense");
    let others = ["README.md", "pytorch_model.bin", "tf_model.h5", "openvino/openvino_model.xml", "vocab.txt"];
    for name in others.iter().chain(&["openvino/openvino_model.bin", "onnx/model.onnx", "onnx/model.onnx_data"]) {
        files.insert((*name).to_owned(), name.as_bytes().to_vec());
    }
    let (hub, place) = (FakeHub::new(files), Place::new());
    let pulled = place.pull(&hub.settings()).unwrap();
    let mut expected: Vec<String> =
        fixture("bert-mean-dense").into_keys().chain(["drivetrain.json".to_owned()]).collect();
    expected.sort();
    assert_eq!(files_below(&pulled.folder), expected);
    assert_eq!(Package::open(&pulled.folder).unwrap().modules().len(), 4);

    // More is fetched, and the rest is there.
    hub.take_asked();
    let include = ["onnx/*.onnx", "*.xml"];
    let pulled = place.pull_with("org/name", &include, &hub.settings(), &NoCall).unwrap();
    expected.extend(["onnx/model.onnx", "onnx/model.onnx_data"].map(str::to_owned));
    expected.extend(["openvino/openvino_model.bin", "openvino/openvino_model.xml"].map(str::to_owned));
    expected.sort();
    assert_eq!(files_below(&pulled.folder), expected);
    let asked = hub.take_asked();
    assert!(about(&asked, "safetensors").is_empty() && about(&asked, "tokenizer").is_empty(), "{asked:?}");

    // Asked for less, what is there stays.
    assert!(place.pull(&hub.settings()).unwrap().was_there);
}

#[test]
fn a_graph_comes_where_there_are_no_weights() {
    let mut files = fixture("bert-mean");
    files.remove("model.safetensors");
    for name in ["onnx/model.onnx", "onnx/model_O3.onnx", "openvino/openvino_model.bin"] {
        files.insert(name.to_owned(), b"graph".to_vec());
    }
    let (hub, place) = (FakeHub::new(files), Place::new());
    let pulled = place.pull(&hub.settings()).unwrap();
    let files = files_below(&pulled.folder);
    assert!(files.contains(&"onnx/model.onnx".to_owned()), "{files:?}");
    assert!(!files.iter().any(|path| path.contains("O3") || path.ends_with(".bin")), "{files:?}");
}

#[test]
fn shards_come_as_their_index_says() {
    let mut files = fixture("bert-mean");
    let weights = files.remove("model.safetensors").unwrap();
    let shard = "model-00001-of-00001.safetensors";
    let names = safetensors::SafeTensors::deserialize(&weights).unwrap();
    let map: BTreeMap<String, &str> = names.names().into_iter().map(|name| (name.to_string(), shard)).collect();
    let index = serde_json::json!({"metadata": {}, "weight_map": map}).to_string();
    files.insert("model.safetensors.index.json".to_owned(), index.into_bytes());
    files.insert(shard.to_owned(), weights.clone());
    files.insert("model-00002-of-00002.safetensors".to_owned(), b"not in the index".to_vec());
    let (hub, place) = (FakeHub::new(files), Place::new());
    let pulled = place.pull(&hub.settings()).unwrap();
    assert!(!pulled.folder.join("model-00002-of-00002.safetensors").exists());
    let opened = Package::open(&pulled.folder).unwrap().weights().unwrap();
    assert_eq!(opened.names().count(), map.len());
}

#[test]
fn a_static_model_comes_with_its_table() {
    let (hub, place) = (FakeHub::of_fixture("static-unigram"), Place::new());
    let pulled = place.pull(&hub.settings()).unwrap();
    assert!(Package::open(&pulled.folder).unwrap().is_static());
}

#[test]
fn a_kind_of_model_that_is_not_known_is_refused_before_its_weights_come() {
    let mut files = fixture("bert-mean");
    files.insert("config_sentence_transformers.json".to_owned(), b"{\"model_type\": \"Painter\"}".to_vec());
    let (hub, place) = (FakeHub::new(files), Place::new());
    let err = place.pull(&hub.settings()).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Unsupported);
    assert!(err.message().contains("`Painter`"), "{err}");
    assert!(about(&hub.take_asked(), "safetensors").is_empty());
}

#[test]
fn files_that_are_no_package_are_not_installed() {
    let mut files = fixture("static-wordpiece");
    files.insert("model.safetensors".to_owned(), b"not a table".to_vec());
    let (hub, place) = (FakeHub::new(files), Place::new());
    assert_eq!(place.pull(&hub.settings()).unwrap_err().kind(), ErrorKind::Model);
    assert!(files_below(&place.models()).iter().all(|path| path.ends_with(".lock")));
}
