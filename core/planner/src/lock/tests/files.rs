//! The files that are locked are those that vectors depend on.

use std::{
    fs,
    path::{Path, PathBuf},
};

use drivetrain_contract::{NoCall, format};
use drivetrain_package::Package;

use crate::lock::{FileHashes, LockedModel, ModelSource};

const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/models");

fn locked(package: &Package, made: Option<&Path>, (format, path): (&str, &str)) -> LockedModel {
    let source = ModelSource { package, made, call: &NoCall };
    LockedModel::of(&source, (format, path), &mut FileHashes::default()).unwrap()
}

fn paths(model: &LockedModel) -> Vec<&str> {
    model.files.keys().map(String::as_str).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

fn write(folder: &Path, path: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, path.display().to_string()).unwrap();
}

/// A model whose files may be added to.
fn model(folder: &Path) -> Package {
    let fixture = Path::new(MODELS).join("bert-mean-dense");
    let package = Package::open(&fixture).unwrap();
    for path in paths(&locked(&package, None, (format::SAFETENSORS, "model.safetensors"))) {
        copy(&fixture.join(path), &folder.join(path));
    }
    Package::open(folder).unwrap()
}

/// Every fixture reads the same when only its locked files are there.
#[test]
fn a_package_is_made_of_nothing_else() {
    let mut n_models = 0;
    for entry in fs::read_dir(MODELS).unwrap().flatten() {
        let package = Package::open(&entry.path()).unwrap();
        let weights = package.artifacts().iter().find(|file| file.format != format::TOKENIZER).unwrap();
        let locked = locked(&package, None, (weights.format, &weights.path));
        let folder = tempfile::tempdir().unwrap();
        let copied: PathBuf = folder.path().join(entry.file_name());
        paths(&locked).iter().for_each(|path| copy(&entry.path().join(path), &copied.join(path)));
        let text = |package: &Package, place: &Path| format!("{package:?}").replace(&place.display().to_string(), "");
        assert_eq!(text(&Package::open(&copied).unwrap(), &copied), text(&package, &entry.path()));
        assert_eq!(locked.task, package.task().name());
        n_models += 1;
    }
    assert!(n_models > 30, "{n_models}");
}

#[test]
fn a_graph_comes_with_its_data_and_not_with_that_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let package = model(folder.path());
    let of_model = ["onnx/model.onnx", "onnx/model.onnx_data", "onnx/model-0123456789abcdef.onnx_data"];
    let of_o3 = ["onnx/model_O3.onnx", "onnx/model_O3.onnx_data"];
    let of_none = ["onnx/drivetrain.json", "onnx/README.md", "onnx/.hidden", "onnx/inner/model.bin"];
    let of_all = ["onnx/Constant_17_attr__value"];
    let ir = ["openvino/openvino_model.xml", "openvino/openvino_model.bin"];
    let ir_int8 = ["openvino/openvino_model_qint8_quantized.xml", "openvino/openvino_model_qint8_quantized.bin"];
    let root = ["model.onnx", "model.onnx_data", "pytorch_model.bin", "vocab.txt", "expected.json"];
    let all = of_model.iter().chain(&of_o3).chain(&of_none).chain(&of_all).chain(&ir).chain(&ir_int8).chain(&root);
    all.for_each(|path| write(folder.path(), path));
    let check = |format: &str, path: &str, expected: &[&str]| {
        let locked = locked(&package, None, (format, path));
        let is_of_all = |path: &&str| path.contains("config") || path.contains("odule") || path.contains("token");
        let mut found: Vec<&str> = paths(&locked).into_iter().filter(|path| !is_of_all(path)).collect();
        let layer = found.iter().position(|path| *path == "2_Dense/model.safetensors");
        found.remove(layer.expect("the layer behind the transformer is computed with whatever the graph"));
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "{path}");
    };
    check(format::ONNX, of_model[0], &[&of_model[..], &of_all].concat());
    check(format::ONNX, of_o3[0], &[&of_o3[..], &of_all].concat());
    check(format::OPENVINO_IR, ir[0], &ir);
    check(format::OPENVINO_IR, ir_int8[0], &ir_int8);
    check(format::ONNX, "model.onnx", &["model.onnx", "model.onnx_data"]);
    check(format::SAFETENSORS, "model.safetensors", &["model.safetensors"]);
    check(format::ONNX, "onnx/none.onnx", &of_all);
}

#[test]
fn graphs_made_elsewhere_are_found_there() {
    let (folder, made) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let package = model(folder.path());
    let graph = (format::ONNX, "onnx/model.onnx");
    write(made.path(), "onnx/model.onnx");
    write(made.path(), "onnx/model.onnx_data");
    write(made.path(), "config.json");
    let found = locked(&package, Some(made.path()), graph);
    assert!(found.files.contains_key("onnx/model.onnx") && found.files.contains_key("onnx/model.onnx_data"));
    assert_eq!(found.files["config.json"], locked(&package, None, graph).files["config.json"]);
    write(folder.path(), "onnx/model.onnx");
    let own = locked(&package, Some(made.path()), graph);
    assert_ne!(own.files["onnx/model.onnx"], found.files["onnx/model.onnx"], "the model's own comes first");
    assert!(!own.files.contains_key("onnx/model.onnx_data"));
}

#[test]
fn an_index_comes_with_its_shards() {
    let folder = tempfile::tempdir().unwrap();
    let package = model(folder.path());
    let index = "model.safetensors.index.json";
    let map =
        r#"{"weight_map":{"a":"one.safetensors","b":"sub/two.safetensors","c":"../out","d":"/etc/passwd","e":1}}"#;
    fs::write(folder.path().join(index), map).unwrap();
    ["one.safetensors", "sub/two.safetensors"].iter().for_each(|path| write(folder.path(), path));
    let found = locked(&package, None, (format::SAFETENSORS, index));
    for path in [index, "one.safetensors", "sub/two.safetensors"] {
        assert!(found.files.contains_key(path), "{path}: {:?}", paths(&found));
    }
    assert!(found.files.keys().all(|path| !path.contains("..") && !path.contains("passwd")));
    for broken in ["", "[]", "{\"weight_map\":7}"] {
        fs::write(folder.path().join(index), broken).unwrap();
        assert!(!locked(&package, None, (format::SAFETENSORS, index)).files.contains_key("one.safetensors"));
    }
}

#[test]
fn models_in_memory_are_locked_as_those_in_a_folder() {
    const TOKENIZER: &[u8] = include_bytes!("../../../../../tests/fixtures/models/static-wordpiece/tokenizer.json");
    const WEIGHTS: &[u8] = include_bytes!("../../../../../tests/fixtures/models/static-wordpiece/model.safetensors");
    const MODULES: &[u8] = include_bytes!("../../../../../tests/fixtures/models/static-wordpiece/modules.json");
    static FILES: &[(&str, &[u8])] =
        &[("modules.json", MODULES), ("model.safetensors", WEIGHTS), ("README.md", b""), ("tokenizer.json", TOKENIZER)];
    let folder = tempfile::tempdir().unwrap();
    FILES.iter().for_each(|(path, bytes)| fs::write(folder.path().join(path), bytes).unwrap());
    let on_disk = Package::open(folder.path()).unwrap();
    let in_memory = Package::from_memory(on_disk.name(), FILES).unwrap();
    let weights = (format::STATIC, "model.safetensors");
    let found = locked(&in_memory, None, weights);
    assert_eq!(found, locked(&on_disk, None, weights));
    assert_eq!(paths(&found), ["model.safetensors", "modules.json", "tokenizer.json"]);
}
