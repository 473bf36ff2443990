//! Tests of whole packages: the fixtures, layouts they do not have, and broken ones.

use std::{fs, path::PathBuf};

use drivetrain_contract::{ErrorKind, Precision, format};
use serde_json::{Value, json};

use super::*;
use crate::{PoolingMode, UnknownTokens};

fn fixtures() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/models"))
}

/// A package of these files, which are JSON unless they are bytes.
fn write(files: &[(&str, Value)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, value) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, value.to_string()).unwrap();
    }
    dir
}

/// A safetensors file with one table `[3, 2]`.
fn table(name: &str) -> Vec<u8> {
    let header = json!({name: {"dtype": "F32", "shape": [3, 2], "data_offsets": [0, 24]}}).to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.extend([0; 24]);
    bytes
}

/// What opening a package of these files gives. They are gone when it returns: only for what opening itself says.
fn open(files: &[(&str, Value)]) -> Result<Package> {
    Package::open(write(files).path())
}

fn bert() -> Value {
    json!({"model_type": "bert", "architectures": ["BertModel"], "hidden_size": 8, "max_position_embeddings": 64})
}

#[test]
fn every_fixture_is_what_its_reference_says() {
    let mut n_packages = 0;
    for entry in fs::read_dir(fixtures()).unwrap() {
        let dir = entry.unwrap().path();
        let expected: Value = serde_json::from_slice(&fs::read(dir.join("expected.json")).unwrap()).unwrap();
        let package = Package::open(&dir).unwrap_or_else(|err| panic!("{}: {}", dir.display(), err.to_text()));
        check_fixture(&package, &expected);
        n_packages += 1;
    }
    assert!(n_packages >= 10, "only {n_packages} fixtures");
}

fn check_fixture(package: &Package, expected: &Value) {
    let name = package.name();
    assert_eq!(package.task().name().replace('_', "-"), expected["task"].as_str().unwrap(), "{name}");
    let limit = ["max_seq_length", "max_length"].iter().find_map(|key| expected[key].as_u64());
    if package.task() != Task::MultiVector {
        assert_eq!(package.max_seq_length().map(|limit| limit as u64), limit, "{name}");
    }
    if let Some(dim) = expected["dim"].as_u64() {
        assert_eq!(package.dim(), Some(dim as usize), "{name}");
    }
    if let Some(normalize) = expected["normalize"].as_bool() {
        assert_eq!(package.normalizes(), normalize, "{name}");
    }
    for (prompt, text) in expected["prompts"].as_object().into_iter().flatten() {
        assert_eq!(package.prompts().get(prompt).unwrap(), text, "{name}");
    }
    assert_eq!(package.is_static(), expected["architecture"] == "static", "{name}");
    if package.task() == Task::Embed && !package.is_static() {
        let pooling = package.pooling().unwrap();
        assert_eq!(pooling.modes[0].name(), expected["pooling"], "{name}");
        assert_eq!(pooling.include_prompt, expected["include_prompt"], "{name}");
        assert_eq!(package.hidden_size(), Some(48), "{name}");
    }
    if let (Some(arrays), Task::Embed) = (package.files().dir(), package.task()) {
        let reference = Weights::open(&Files::Dir(arrays.to_owned()), "expected.safetensors").unwrap();
        assert_eq!(reference.get("embeddings").map(|info| info.shape[1]), package.dim(), "{name}");
    }
    let kind = if package.is_static() { format::STATIC } else { format::SAFETENSORS };
    let model = package.model();
    assert!(model.artifact(kind).is_some() && model.artifact(format::TOKENIZER).is_some(), "{name}");
    assert!(!package.tokenizer_json().unwrap().is_empty() && package.weights().unwrap().names().count() > 0);
}

#[test]
fn a_fixture_in_detail() {
    let package = Package::open(&fixtures().join("bert-mean-dense")).unwrap();
    assert_eq!((package.name(), package.model_type()), ("bert-mean-dense", Some("bert")));
    assert_eq!((package.hidden_size(), package.dim()), (Some(48), Some(32)));
    let Module::Dense(dense) = &package.modules()[2] else { panic!("{:?}", package.modules()) };
    let weights = package.module_weights(&dense.path).unwrap();
    weights.require("linear.weight", &[dense.out_features, dense.in_features]).unwrap();
    assert_eq!(package.tokenizer().pad_token.as_deref(), Some("[PAD]"));
    assert_eq!(package.tokenizer().model_input_names, ["input_ids", "token_type_ids", "attention_mask"]);
    let description: Value = serde_json::from_str(&package.description_json()).unwrap();
    assert_eq!(description["config"]["hidden_size"], 48);
    assert_eq!(description["modules"][1]["modes"], json!(["mean"]));
    assert_eq!(description["max_seq_length"], 64);

    let package = Package::open(&fixtures().join("bert-prompts-excluded")).unwrap();
    assert_eq!(package.prompts().default_name.as_deref(), Some("query"));
    let package = Package::open(&fixtures().join("static-wordpiece")).unwrap();
    let table = StaticEmbedding { path: String::new(), unknown: UnknownTokens::Keep };
    assert_eq!(package.modules(), [Module::StaticEmbedding(table), Module::Normalize]);
    assert_eq!((package.dim(), package.config()), (Some(48), &Value::Null));
    assert_eq!(package.artifacts()[0].precision, Precision::F32);
}

#[test]
fn a_plain_transformers_directory_is_an_embedder() {
    let dir = write(&[("config.json", bert())]);
    let package = Package::open(dir.path()).unwrap();
    let pooling = Pooling { modes: vec![PoolingMode::Mean], include_prompt: true, dim: 8 };
    assert_eq!(package.modules(), [Module::Transformer { path: String::new() }, Module::Pooling(pooling)]);
    assert_eq!((package.task(), package.dim(), package.max_seq_length()), (Task::Embed, Some(8), Some(64)));
    assert_eq!(package.weights().unwrap_err().kind(), ErrorKind::NotFound);
    fs::write(dir.path().join("pytorch_model.bin"), "x").unwrap();
    assert!(package.weights().unwrap_err().to_text().contains("torch weights"));
    assert!(package.tokenizer_json().unwrap_err().hint().is_some() && package.artifacts().is_empty());
    let artifacts = Package::open(dir.path()).unwrap().artifacts().to_vec();
    assert_eq!((artifacts.len(), artifacts[0].format), (1, drivetrain_contract::format::PYTORCH));

    let causal = json!({"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "hidden_size": 8});
    let package = open(&[("config.json", causal)]).unwrap();
    assert_eq!(package.pooling().unwrap().modes, [PoolingMode::LastToken]);
    let classifier = json!({"architectures": ["BertForSequenceClassification"], "hidden_size": 8});
    assert_eq!(open(&[("config.json", classifier)]).unwrap().task(), Task::Rerank);
}

#[test]
fn old_names_and_folders_are_understood() {
    let dir = write(&[
        (
            "modules.json",
            json!([
                {"idx": 0, "name": "0", "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"},
                {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
                {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"},
                {"idx": 3, "name": "3", "path": "3_LSTM", "type": "sentence_transformers.models.LSTM"},
                {"idx": 4, "name": "4", "path": "4_Normalize", "type": "my_code.Normalize"},
            ]),
        ),
        ("0_Transformer/config.json", bert()),
        ("0_Transformer/sentence_bert_config.json", json!({"max_seq_length": 32, "do_lower_case": true})),
        ("0_Transformer/tokenizer.json", json!({})),
        (
            "1_Pooling/config.json",
            json!({"word_embedding_dimension": 8, "pooling_mode_cls_token": true,
                                         "pooling_mode_max_tokens": true}),
        ),
        (
            "2_Dense/config.json",
            json!({"in_features": 16, "out_features": 4,
                                       "activation_function": "torch.nn.modules.activation.Tanh"}),
        ),
    ]);
    let package = Package::open(dir.path()).unwrap();
    assert_eq!((package.max_seq_length(), package.dim()), (Some(32), Some(4)));
    assert!(package.tokenizer().do_lower_case && !package.normalizes());
    assert_eq!(package.tokenizer_json().unwrap().as_ref(), b"{}");
    let name = |module: &Module| match module {
        Module::Other { type_name, .. } => Some(type_name.clone()),
        _ => None,
    };
    let others: Vec<String> = package.modules().iter().filter_map(name).collect();
    assert_eq!(others, ["sentence_transformers.models.LSTM", "my_code.Normalize"]);
}

#[test]
fn model2vec_packages_drop_unknown_tokens_and_normalise() {
    let config = json!({"model_type": "model2vec", "normalize": true, "seq_length": 1_000_000});
    for folder in ["", "0_StaticEmbedding/"] {
        let dir = write(&[("config.json", config.clone()), (&format!("{folder}tokenizer.json"), json!({}))]);
        fs::create_dir_all(dir.path().join(folder)).unwrap();
        fs::write(dir.path().join(folder).join("model.safetensors"), table("embeddings")).unwrap();
        let package = Package::open(dir.path()).unwrap();
        let path = folder.trim_end_matches('/').to_owned();
        let expect = StaticEmbedding { path, unknown: UnknownTokens::Drop };
        assert_eq!(package.modules(), [Module::StaticEmbedding(expect), Module::Normalize]);
        assert_eq!((package.dim(), package.max_seq_length()), (Some(2), Some(1_000_000)));
        assert_eq!(package.artifacts().len(), 2);
    }
}

#[test]
fn memory_packages_work_like_directories() {
    let table: &'static [u8] = table("embedding.weight").leak();
    let files: Vec<(&'static str, &'static [u8])> = vec![
        ("model.safetensors", table),
        ("tokenizer.json", b"{\"padding\": null}"),
        ("modules.json", br#"[{"type": "sentence_transformers.models.StaticEmbedding", "path": "."}]"#),
    ];
    let package = Package::from_memory("builtin", files.leak()).unwrap();
    assert_eq!((package.name(), package.dim(), package.max_seq_length()), ("builtin", Some(2), None));
    let mut numbers = Vec::new();
    package.weights().unwrap().read_f32("embedding.weight", &mut numbers).unwrap();
    assert_eq!(numbers, [0.0; 6]);
    let model = package.model();
    assert_eq!(model.artifact(format::STATIC).and_then(|artifact| artifact.data.bytes()), Some(table));
}

fn check_refused(files: &[(&str, Value)], kind: ErrorKind, message: &str) {
    let err = open(files).unwrap_err();
    assert_eq!(err.kind(), kind, "{err}");
    assert!(err.to_text().contains(message), "{} lacks {message}", err.to_text());
}

fn with_modules(modules: Value) -> Vec<(&'static str, Value)> {
    vec![("config.json", bert()), ("modules.json", modules)]
}

#[test]
fn what_is_no_model_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Package::open(&dir.path().join("absent")).unwrap_err().kind(), ErrorKind::NotFound);
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    assert_eq!(Package::open(&file).unwrap_err().kind(), ErrorKind::Invalid);
    check_refused(&[], ErrorKind::Model, "holds no model");
    check_refused(&[("config.json", json!([1]))], ErrorKind::Model, "must hold a JSON object, not a list");
    check_refused(&[("config.json", json!({"hidden_size": u64::MAX}))], ErrorKind::Model, "hidden_size");
    check_refused(&[("config.json", json!({"model_type": "model2vec"}))], ErrorKind::NotFound, "model.safetensors");
    let unknown = ("config_sentence_transformers.json", json!({"model_type": "HoloEncoder"}));
    check_refused(&[("config.json", bert()), unknown], ErrorKind::Unsupported, "HoloEncoder");
    fs::remove_file(&file).unwrap();
    fs::write(dir.path().join("config.json"), b"{\"model_type\": \"\xff\"}").unwrap();
    assert!(Package::open(dir.path()).unwrap_err().to_text().contains("line 1 column"));
}

#[test]
fn modules_that_make_no_sense_are_refused() {
    let model = ErrorKind::Model;
    let at = |path: &str| json!([{"type": "sentence_transformers.models.Pooling", "path": path}]);
    for path in ["../../etc", "/etc", "a/../../b", "C:\\model", "..\\.."] {
        check_refused(&with_modules(at(path)), model, "outside the package");
    }
    check_refused(&with_modules(json!({})), model, "must hold a list of modules");
    check_refused(&with_modules(json!([])), model, "lists no modules");
    check_refused(&with_modules(json!(["x"])), model, "must hold a JSON object");
    check_refused(&with_modules(json!([{"path": ""}])), model, "`type`");
    check_refused(&with_modules(json!([{"type": "x", "path": 3}])), model, "`path`");
    let mut files = with_modules(at("1_Pooling"));
    files.push(("1_Pooling/config.json", json!({"embedding_dimension": 16, "pooling_mode": "mean"})));
    check_refused(&files, model, "takes vectors of 16, but is given 8");
    let mut files = with_modules(at("1_Pooling"));
    files.push(("tokenizer.json", json!({"truncation": {"max_length": -1}})));
    check_refused(&files, model, "tokenizer.json");
}

#[test]
fn modules_out_of_line_are_kept_by_name() {
    let mut files = with_modules(json!([
        {"type": "sentence_transformers.base.modules.transformer.Transformer", "path": ""},
        {"type": "sentence_transformers.sentence_transformer.modules.pooling.Pooling", "path": "1_Pooling"},
        {"type": "sentence_transformers.base.modules.normalize.Normalize", "path": "2_Normalize"},
    ]));
    files.push(("1_Pooling/config.json", json!({"pooling_mode": "mean"})));
    files.push(("2_Normalize/config.json", json!({"module_input_name": "token_embeddings"})));
    let package = open(&files).unwrap();
    assert!(!package.normalizes());
    assert!(matches!(&package.modules()[2], Module::Other { type_name, .. } if type_name.contains("Normalize")));
    assert!(package.module_weights("../outside").is_err());
}

#[test]
fn weights_of_torch_are_used_where_there_are_no_others() {
    let dir = write(&[("config.json", bert())]);
    let tiny = fs::read(fixtures().join("../pytorch/tiny.bin")).unwrap();
    fs::write(dir.path().join("pytorch_model.bin"), &tiny).unwrap();
    let package = Package::open(dir.path()).unwrap();
    package.weights().unwrap().require("whole", &[3, 4]).unwrap();
    let index = json!({"weight_map": {"whole": "pytorch_model-00001-of-00001.bin"}});
    fs::rename(dir.path().join("pytorch_model.bin"), dir.path().join("pytorch_model-00001-of-00001.bin")).unwrap();
    fs::write(dir.path().join("pytorch_model.bin.index.json"), index.to_string()).unwrap();
    let package = Package::open(dir.path()).unwrap();
    package.weights().unwrap().require("whole", &[3, 4]).unwrap();
    assert_eq!(package.artifacts()[0].path, "pytorch_model.bin.index.json");
    let safetensors = fs::read(fixtures().join("bert-mean/model.safetensors")).unwrap();
    fs::write(dir.path().join("model.safetensors"), safetensors).unwrap();
    assert!(Package::open(dir.path()).unwrap().weights().unwrap().get("whole").is_none());
}
