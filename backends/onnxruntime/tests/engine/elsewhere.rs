//! Weights in files of their own, as the hub's cache holds them.
#![cfg(unix)]

use std::{fs, os::unix::fs::symlink, path::Path};

use drivetrain_contract::{Backend, ErrorKind, NoCall, Output};

use crate::{
    at, backend,
    onnx_file::{FLOAT, GraphFile, INT64},
    options, refuses, run,
};

/// A graph whose table is in `file`.
fn graph_with(file: &str) -> Vec<u8> {
    let graph = GraphFile::default().input("input_ids", INT64, &["batch", "length"]).weights_in(file, "table", &[3, 2]);
    let graph = graph.node("Gather", &["table", "input_ids"], "last_hidden_state", &[]);
    graph.output("last_hidden_state", FLOAT, &["batch", "length", "2"]).finish()
}

/// Writes the table and the graph into `folder`.
fn write(folder: &Path, graph: &str, table: &str, file: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(graph), graph_with(file)).unwrap();
    fs::write(folder.join(table), [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0].map(f32::to_le_bytes).concat()).unwrap();
}

#[test]
fn weights_are_found_beside_the_graph_and_through_the_links_of_the_hub_s_cache() {
    let Some(backend) = backend() else { return };
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    write(&plain, "model.onnx", "model.onnx_data", "model.onnx_data");
    let snapshot = folder.path().join("models--a--b/snapshots/0123/onnx");
    fs::create_dir_all(&snapshot).unwrap();
    write(&folder.path().join("models--a--b/blobs"), "g", "w", "model.onnx_data");
    symlink("../../../blobs/g", snapshot.join("model.onnx")).unwrap();
    symlink("../../../blobs/w", snapshot.join("model.onnx_data")).unwrap();
    for folder in [plain, snapshot] {
        let model = at(folder.join("model.onnx"));
        let mut session = backend.create_session(&model, &options(1, ""), &NoCall).unwrap();
        let rows = run(&mut *session, &[0, 2], 1, Output::LastHiddenState, &NoCall).unwrap();
        assert_eq!(rows, [1.0, 2.0, 5.0, 6.0], "{}", folder.display());
    }
}

#[test]
fn weights_from_elsewhere_are_refused_before_the_engine_opens_them() {
    let Some(backend) = backend() else { return };
    let folder = tempfile::tempdir().unwrap();
    let graph = folder.path().join("onnx/model.onnx");
    fs::create_dir_all(graph.parent().unwrap()).unwrap();
    for name in ["secret", "onnx/short"] {
        fs::write(folder.path().join(name), [0; 8]).unwrap();
    }
    symlink("../secret", folder.path().join("onnx/link")).unwrap();
    for (file, part) in [
        ("../secret", "not a file beside it"),
        ("/etc/passwd", "not a file beside it"),
        ("link", "not a file beside it"),
        ("none", "missing"),
        ("short", "lies outside `short`, which has 8 bytes"),
    ] {
        fs::write(&graph, graph_with(file)).unwrap();
        let model = at(graph.clone());
        refuses(backend.create_session(&model, &options(1, ""), &NoCall), ErrorKind::Model, part);
    }
}
