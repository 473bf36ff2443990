//! Graphs in files: IR and its weights, external data, and compiled models that are kept.

use std::{
    fs,
    path::{Path, PathBuf},
};

use drivetrain_contract::{
    Artifact, ArtifactData, Backend, ErrorKind, NoCall, Output, Precision, SessionOptions, format,
};

use crate::{
    alone::alone,
    ir_file,
    onnx_file::{FLOAT, INT64},
    rig::{backend, graph, model_at, options, refuses, run},
};

#[test]
fn ir_is_read_and_found_by_any_of_its_names() {
    let Some(backend) = backend() else { return };
    let folder = tempfile::tempdir().unwrap();
    let model = model_at(format::OPENVINO_IR, ir_file::write(folder.path()));
    let mut session = backend.create_session(&model, &options(1, ""), &NoCall).unwrap();
    assert_eq!(session.describe().hidden, 2);
    let hidden = run(&mut *session, &[0, 2], 1, Output::LastHiddenState, &NoCall).unwrap();
    assert_eq!(hidden, [1.0, 2.0, 5.0, 6.0]);
}

#[test]
fn ir_is_preferred_to_onnx() {
    let Some(backend) = backend() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut model = model_at(format::OPENVINO_IR, ir_file::write(folder.path()));
    let nowhere = ArtifactData::Path(folder.path().join("none.onnx"));
    let onnx = Artifact { format: format::ONNX.to_owned(), precision: Precision::F32, data: nowhere };
    model.artifacts.insert(0, onnx);
    assert_eq!(backend.estimate(&model, &options(1, "")).unwrap().artifact_index, 1);
    assert!(backend.create_session(&model, &options(1, ""), &NoCall).is_ok());
}

#[test]
fn weights_that_are_missing_or_short_are_named_before_anything_is_read() {
    let Some(backend) = backend() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = ir_file::write(folder.path());
    let model = model_at(format::OPENVINO_IR, &path);
    let create = || backend.create_session(&model, &options(1, ""), &NoCall);
    let bin = path.with_extension("bin");
    for len in [0, 1, ir_file::WEIGHTS - 1] {
        fs::write(&bin, vec![0; len]).unwrap();
        refuses(create(), ErrorKind::Model, "openvino_model.bin");
    }
    fs::remove_file(&bin).unwrap();
    refuses(create(), ErrorKind::Model, "missing");
}

#[test]
fn every_cut_of_an_ir_is_refused() {
    let Some(backend) = backend() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = ir_file::write(folder.path());
    let model = model_at(format::OPENVINO_IR, &path);
    let xml = fs::read(&path).unwrap();
    for len in (0..xml.len() - 10).step_by(97) {
        fs::write(&path, &xml[..len]).unwrap();
        assert!(backend.create_session(&model, &options(1, ""), &NoCall).is_err(), "cut to {len}");
    }
    let text = String::from_utf8(xml).unwrap();
    for (from, to) in [
        ("3, 2", "3000000000, 2"),
        ("size=\"24\"", "size=\"8\""),
        ("Gather", "Divination"),
        ("opset8", "opset99"),
        ("to-layer=\"3\"", "to-layer=\"99\""),
        ("from-layer=\"0\"", "from-layer=\"3\""),
        ("<dim>-1</dim>", "<dim>-2</dim>"),
        ("f32", "f33"),
    ] {
        fs::write(&path, text.replace(from, to)).unwrap();
        // Some of it the engine mends by itself; what matters is that it ends.
        if let Err(err) = backend.create_session(&model, &options(1, ""), &NoCall) {
            assert!(err.to_text().contains("openvino_model"), "{from} → {to}: {}", err.to_text());
        }
    }
}

#[test]
fn files_that_are_not_there_or_no_files_are_named() {
    let Some(backend) = backend() else { return };
    let folder = tempfile::tempdir().unwrap();
    let create = |path: PathBuf| backend.create_session(&model_at(format::ONNX, path), &options(1, ""), &NoCall);
    refuses(create(folder.path().join("none.onnx")), ErrorKind::NotFound, "none.onnx");
    refuses(create(folder.path().to_owned()), ErrorKind::Io, "regular file");
    let text = folder.path().join("text.onnx");
    fs::write(&text, "not a graph").unwrap();
    refuses(create(text), ErrorKind::Model, "text.onnx");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn compiled_models_are_kept_and_told_apart_by_graph_and_weights() {
    let Some(backend) = backend() else { return };
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let path = ir_file::write(folder.path());
    let model = model_at(format::OPENVINO_IR, &path);
    let hidden = |config: &str| {
        let options = SessionOptions { cache_dir: Some(cache.clone()), ..options(1, config) };
        let mut session = backend.create_session(&model, &options, &NoCall).unwrap();
        run(&mut *session, &[0], 1, Output::LastHiddenState, &NoCall).unwrap()
    };
    hidden(r#"{"cache_dir":""}"#);
    assert_eq!(names(&cache), [""; 0]);
    for _ in 0..3 {
        assert_eq!(hidden(""), [1.0, 2.0]);
    }
    assert_eq!(hidden(r#"{"num_streams":3,"enable_cpu_pinning":true,"performance_hint":"latency"}"#), [1.0, 2.0]);
    let kept = cache.join("openvino");
    assert_eq!(names(&kept).len(), 1, "{:?}", names(&kept));
    assert_eq!(names(&kept.join(&names(&kept)[0])).len(), 1, "one for every number of threads");
    // Other weights of the same length beside the same graph: the engine by itself would not notice.
    let bin = path.with_extension("bin");
    let mut weights = fs::read(&bin).unwrap();
    weights[..4].copy_from_slice(&7.0f32.to_le_bytes());
    fs::write(&bin, weights).unwrap();
    assert_eq!(hidden(""), [7.0, 2.0]);
    assert_eq!(names(&kept).len(), 2, "{:?}", names(&kept));
}

#[test]
fn a_spoilt_cache_is_no_harm() {
    let Some(_) = backend() else { return };
    alone("files::a_spoilt_cache_is_no_harm", || {
        let backend = backend().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        fs::write(&path, graph(INT64, FLOAT, "2").finish()).unwrap();
        let options = SessionOptions { cache_dir: Some(folder.path().join("cache")), ..options(1, "") };
        let check = || {
            let mut session = backend.create_session(&model_at(format::ONNX, &path), &options, &NoCall).unwrap();
            assert_eq!(run(&mut *session, &[2], 1, Output::SentenceEmbedding, &NoCall).unwrap(), [5.0, 6.0]);
        };
        check();
        let kept = folder.path().join("cache/openvino");
        let blob = fs::read_dir(kept.join(&names(&kept)[0])).unwrap().next().unwrap().unwrap().path();
        let whole = fs::read(&blob).unwrap();
        for len in [0, 1, 16, 100, whole.len() / 2, whole.len() - 1] {
            fs::write(&blob, &whole[..len.min(whole.len())]).unwrap();
            check();
        }
        fs::write(&blob, vec![0xff; whole.len()]).unwrap();
        check();
        // A folder that cannot be written to is no reason to fail.
        fs::remove_dir_all(folder.path().join("cache")).unwrap();
        fs::write(folder.path().join("cache"), "a file").unwrap();
        check();
    });
}
