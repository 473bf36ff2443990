//! Whole exports of the fixtures, read back, and what is left behind when one fails.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    thread,
};

use drivetrain_contract::{Error, ErrorKind, Result};
use drivetrain_package::{Package, Weights};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{ExportOptions, ExportReport, export};

mod forms;
mod reader;

fn fixture(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/models")).join(name)
}

fn export_folder(folder: &Path, target: &Path, max_file_bytes: u64) -> Result<ExportReport> {
    export(&Package::open(folder)?, target, &ExportOptions { max_file_bytes, ..ExportOptions::default() }, &mut |_| {
        Ok(())
    })
}

/// A file may be as large as it needs to be.
const WHOLE: u64 = u64::MAX;

/// Weights go to a file of their own.
const SPLIT: u64 = 10_000;

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn check_structure(name: &str, dim: &str, modules: &str) {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("onnx/model.onnx");
    let report = export_folder(&fixture(name), &target, WHOLE).unwrap();
    assert_eq!(report.total_bytes, fs::metadata(&target).unwrap().len());
    let extents = report.outputs.iter().map(|(output, extent)| (output.name(), extent.to_string()));
    let expect = [("last_hidden_state", "48".to_owned()), ("sentence_embedding", dim.to_owned())];
    assert_eq!(extents.collect::<Vec<_>>(), expect);
    assert_eq!(names(target.parent().unwrap()).len(), 1);
    let model = reader::read(&target);
    assert_eq!((model.ir_version, model.opset), (8, 17));
    assert_eq!(model.metadata["drivetrain.modules"], modules);
    let (batch, tokens) = ("batch_size".to_owned(), "sequence_length".to_owned());
    let ids = ["input_ids", "attention_mask", "token_type_ids"];
    assert_eq!(model.inputs, ids.map(|name| (name.to_owned(), 7, vec![batch.clone(), tokens.clone()])));
    let hidden_state = ("last_hidden_state".to_owned(), 1, vec![batch.clone(), tokens, "48".to_owned()]);
    assert_eq!(model.outputs, [hidden_state, ("sentence_embedding".to_owned(), 1, vec![batch, dim.to_owned()])]);
    check_graph(&model);
}

/// Nodes in an order in which every input exists, each value with one origin, each tensor as long as its shape says.
fn check_graph(model: &reader::Model) {
    let mut known: BTreeSet<&str> = model.inputs.iter().map(|(name, ..)| &**name).collect();
    let mut used = BTreeSet::new();
    for (name, tensor) in &model.tensors {
        assert!(known.insert(name), "`{name}` is there twice");
        let width = match tensor.element_type {
            7 => 8,
            1 | 6 => 4,
            10 | 16 => 2,
            2 | 3 => 1,
            other => panic!("`{name}` has elements of type {other}"),
        };
        assert_eq!(tensor.bytes.len() as u64, tensor.dims.iter().product::<u64>() * width, "{name}");
    }
    let mut node_names = BTreeSet::new();
    for node in &model.nodes {
        assert!(node_names.insert(&node.name), "`{}` is there twice", node.name);
        for input in &node.inputs {
            let is_left_out = input.is_empty() && node.domain == "com.microsoft";
            let exists = is_left_out || known.contains(&**input);
            assert!(exists, "`{}` ({}) uses `{input}` before it exists", node.name, node.op);
            used.insert(&**input);
        }
        assert!(node.outputs.iter().all(|output| known.insert(output)), "`{}` gives a value twice", node.name);
    }
    for (name, ..) in &model.outputs {
        assert!(known.contains(&**name), "nothing gives `{name}`");
    }
    assert!(model.tensors.keys().all(|name| used.contains(&**name)), "a tensor is not used");
}

#[test]
fn every_fixture_gives_a_sound_graph() {
    let transformer_and = |modules: &str| format!("[\"Transformer\",{modules}]");
    for (name, dim, modules) in [
        ("bert-cls", "48", r#""Pooling:cls","Normalize""#),
        ("bert-max-raw", "48", r#""Pooling:max""#),
        ("bert-mean", "48", r#""Pooling:mean","Normalize""#),
        ("bert-mean-dense", "32", r#""Pooling:mean","Dense:32","Normalize""#),
        ("bert-meansqrt-raw", "48", r#""Pooling:mean_sqrt_len_tokens""#),
        ("bert-weightedmean", "48", r#""Pooling:weightedmean","Normalize""#),
    ] {
        check_structure(name, dim, &transformer_and(modules));
    }
}

/// Exports a fixture, and compares inputs and outputs with what is expected: names, and the extent of the last axis.
fn check_interface(name: &str, has_segments: bool, outputs: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model.onnx");
    export_folder(&fixture(name), &target, WHOLE).unwrap();
    let model = reader::read(&target);
    check_graph(&model);
    let inputs: Vec<&str> = model.inputs.iter().map(|(name, ..)| &**name).collect();
    let expect = ["input_ids", "attention_mask", "token_type_ids"];
    assert_eq!(inputs, expect[..if has_segments { 3 } else { 2 }], "{name}");
    let found: Vec<(&str, &str)> =
        model.outputs.iter().map(|(name, _, dims)| (&**name, &**dims.last().unwrap())).collect();
    assert_eq!(found, outputs, "{name}");
}

#[test]
fn every_architecture_and_head_gives_a_sound_graph() {
    let vectors = [("last_hidden_state", "48"), ("sentence_embedding", "48")];
    for name in ["albert-mean", "electra-mean", "jina-bert-v2-mean", "jina-bert-v2-12heads", "nomic-bert-mean"] {
        check_interface(name, true, &vectors);
    }
    for name in ["deberta-v2-mean", "eurobert-mean", "gte-cls", "modernbert-mean", "mpnet-mean", "qwen3-last"] {
        check_interface(name, false, &vectors);
    }
    for name in ["roberta-mean", "xlm-roberta-cls"] {
        check_interface(name, false, &vectors);
    }
    check_interface("distilbert-mean-dense", false, &[("last_hidden_state", "48"), ("sentence_embedding", "24")]);
    check_interface("cross-bert", true, &[("logits", "1")]);
    check_interface("cross-bert-3labels", true, &[("logits", "3")]);
    for name in ["cross-deberta-v2", "cross-modernbert", "cross-xlm-roberta"] {
        check_interface(name, false, &[("logits", "1")]);
    }
    check_interface("splade-bert", true, &[("vocab_scores", "900")]);
    check_interface("splade-distilbert", false, &[("vocab_scores", "900")]);
    check_interface("colbert-bert", true, &[("last_hidden_state", "16")]);
    check_interface("colbert-modernbert", false, &[("last_hidden_state", "24")]);
}

/// The numbers of a stored tensor.
fn stored(package: &Path, name: &str) -> Vec<f32> {
    let mut numbers = Vec::new();
    let weights: Weights = Package::open(package).unwrap().weights().unwrap();
    weights.read_f32(name, &mut numbers).unwrap();
    numbers
}

#[test]
fn weights_keep_their_values_and_matrices_are_turned() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model.onnx");
    export_folder(&fixture("bert-mean"), &target, WHOLE).unwrap();
    let model = reader::read(&target);
    let table = "embeddings.word_embeddings.weight";
    assert_eq!(model.tensors[table].dims, [900, 48]);
    assert_eq!(model.tensors[table].floats(), stored(&fixture("bert-mean"), table));

    let matrix = "encoder.layer.1.intermediate.dense.weight";
    let turned = &model.tensors[matrix];
    assert_eq!(turned.dims, [48, 96]);
    let (turned, plain) = (turned.floats(), stored(&fixture("bert-mean"), matrix));
    for (idx, number) in plain.iter().enumerate() {
        assert_eq!(turned[idx % 48 * 96 + idx / 48], *number);
    }
}

#[test]
fn equal_packages_give_equal_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let targets = ["a.onnx", "b.onnx"].map(|name| folder.path().join(name));
    for target in &targets {
        export_folder(&fixture("bert-mean-dense"), target, WHOLE).unwrap();
    }
    assert_eq!(fs::read(&targets[0]).unwrap(), fs::read(&targets[1]).unwrap());
}

#[test]
fn weights_beyond_the_limit_go_to_a_file_named_by_its_contents() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.onnx");
    let size = export_folder(&fixture("bert-mean-dense"), &whole, WHOLE).unwrap().total_bytes;
    assert_eq!(export_folder(&fixture("bert-mean-dense"), &whole, size).unwrap().data_path, None);

    let target = folder.path().join("model.onnx");
    let report = export_folder(&fixture("bert-mean-dense"), &target, size - 1).unwrap();
    let data_path = report.data_path.unwrap();
    check_data_file(&target);
    let lengths = [&target, &data_path].map(|path| fs::metadata(path).unwrap().len());
    assert_eq!(report.total_bytes, lengths.iter().sum::<u64>());

    let (whole, split) = (reader::read(&whole), reader::read(&target));
    check_graph(&split);
    assert!(whole.tensors.keys().eq(split.tensors.keys()));
    for (name, tensor) in &split.tensors {
        let constant = name.starts_with("constant.");
        assert_eq!(tensor.external.is_none(), constant, "{name}");
        assert!(constant || tensor.external.as_ref().unwrap().1.is_multiple_of(4096), "{name}");
        assert_eq!(tensor.bytes, whole.tensors[name].bytes, "{name}");
    }
}

/// The data file that `target` refers to bears the hash of its own contents.
fn check_data_file(target: &Path) {
    let model = reader::read(target);
    let data_name = model.tensors.values().find_map(|tensor| tensor.external.clone()).unwrap().0;
    let data = fs::read(target.with_file_name(&data_name)).unwrap();
    let hash: String = Sha256::digest(&data).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(model.metadata["drivetrain.weights_sha256"], hash);
    let stem = target.file_stem().unwrap().to_str().unwrap();
    assert_eq!(data_name, format!("{stem}-{}.onnx_data", &hash[..16]));
}

/// A copy of `bert-mean` with its weights changed: header as JSON, tensors' bytes.
fn changed(change: impl FnOnce(&mut Value, &mut Vec<u8>)) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in ["config.json", "modules.json", "tokenizer.json", "tokenizer_config.json", "1_Pooling/config.json"] {
        let target = copy.path().join(name);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(fixture("bert-mean").join(name), target).unwrap();
    }
    let bytes = fs::read(fixture("bert-mean").join("model.safetensors")).unwrap();
    let header_len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&bytes[8..][..header_len]).unwrap();
    let mut data = bytes[8 + header_len..].to_vec();
    change(&mut header, &mut data);
    let header = header.to_string();
    let len = (header.len() as u64).to_le_bytes();
    fs::write(copy.path().join("model.safetensors"), [&len, header.as_bytes(), &data].concat()).unwrap();
    copy
}

/// Exporting fails, whole and split, without a trace and without harm to the file that was there.
fn check_failure(package: &Path, kind: ErrorKind, message: &str) {
    for max_file_bytes in [WHOLE, SPLIT] {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("model.onnx");
        fs::write(&target, "old").unwrap();
        let err = export_folder(package, &target, max_file_bytes).unwrap_err();
        assert_eq!(err.kind(), kind, "{}", err.to_text());
        assert!(err.to_text().contains(message), "{}", err.to_text());
        assert_eq!(names(folder.path()).len(), 1, "{:?}", names(folder.path()));
        assert_eq!(fs::read(&target).unwrap(), b"old");
    }
}

#[test]
fn broken_weights_leave_nothing_behind() {
    let name = "encoder.layer.2.output.dense.weight";
    let with_nan = changed(|header, data| {
        let start = header[name]["data_offsets"][0].as_u64().unwrap() as usize;
        data[start + 40..start + 44].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    check_failure(with_nan.path(), ErrorKind::Model, "`encoder.layer.2.output.dense.weight`");
    check_failure(with_nan.path(), ErrorKind::Model, "index 10");
    let truncated = changed(|_, data| data.truncate(1000));
    check_failure(truncated.path(), ErrorKind::Model, "truncated");
    let reshaped = changed(|header, _| header[name]["shape"] = serde_json::json!([96, 48]));
    check_failure(reshaped.path(), ErrorKind::Model, "[96, 48]");
    check_failure(&fixture("static-wordpiece"), ErrorKind::Unsupported, "static");
}

#[test]
fn an_error_of_the_caller_stops_the_export() {
    for max_file_bytes in [WHOLE, SPLIT] {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("model.onnx");
        let package = Package::open(&fixture("bert-mean")).unwrap();
        let mut last = 0;
        let stopped =
            export(&package, &target, &ExportOptions { max_file_bytes, ..ExportOptions::default() }, &mut |progress| {
                assert!(progress.written_bytes > last && progress.written_bytes <= progress.total_bytes);
                last = progress.written_bytes;
                if last * 2 > progress.total_bytes { Err(Error::new(ErrorKind::Cancelled, "enough")) } else { Ok(()) }
            });
        assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Cancelled);
        assert!(names(folder.path()).is_empty(), "{:?}", names(folder.path()));
    }
}

#[test]
fn a_target_that_is_no_file_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for target in [folder.path(), Path::new("/"), Path::new("")] {
        let err = export_folder(&fixture("bert-mean"), target, WHOLE).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Invalid, "{}", err.to_text());
    }
}

#[test]
fn exports_of_one_target_at_once_do_not_meet() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model.onnx");
    let packages = ["bert-cls", "bert-mean"].map(fixture);
    thread::scope(|scope| {
        for thread_idx in 0..6 {
            let (package, target) = (&packages[thread_idx % 2], &target);
            scope.spawn(move || {
                for _ in 0..3 {
                    export_folder(package, target, SPLIT).unwrap();
                    // Whichever export was last, its model finds its own data.
                    check_data_file(target);
                }
            });
        }
    });
    check_graph(&reader::read(&target));
    let names = names(folder.path());
    assert_eq!(names.len(), 3, "one model and the data of two packages: {names:?}");
}

#[test]
fn half_precision_is_widened() {
    let package = changed(|header, data| {
        let upper_halves: Vec<u8> = data.as_chunks::<4>().0.iter().flat_map(|word| [word[2], word[3]]).collect();
        *data = upper_halves;
        header.as_object_mut().unwrap().remove("__metadata__");
        for tensor in header.as_object_mut().unwrap().values_mut() {
            tensor["dtype"] = "BF16".into();
            for idx in 0..2 {
                tensor["data_offsets"][idx] = (tensor["data_offsets"][idx].as_u64().unwrap() / 2).into();
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model.onnx");
    export_folder(package.path(), &target, WHOLE).unwrap();
    let table = "embeddings.word_embeddings.weight";
    let cut = |number: &f32| f32::from_bits(number.to_bits() & 0xffff_0000);
    let expected: Vec<f32> = stored(&fixture("bert-mean"), table).iter().map(cut).collect();
    let tensors = reader::read(&target).tensors;
    assert_eq!(tensors[table].element_type, 1);
    assert_eq!(tensors[table].floats(), expected);
}
