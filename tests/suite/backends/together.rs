//! Several engines in one process: whichever is loaded first, and while the others work, each gives what it gives alone.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    thread,
};

use drivetrain::Engine;
use drivetrain_tests::{Fixture, Rig, fixtures_dir, max_abs_error, texts};
use tempfile::TempDir;

use crate::{
    backends::{Settings, available::available, child, open, threads},
    vectors::copy_model,
};

/// What a vector may change by, when an engine shares the process.
const TOLERANCE: f32 = 1e-6;

/// Every order of the items.
fn orders<'a>(items: &[&'a str]) -> Vec<Vec<&'a str>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let first = |at: usize| {
        let rest: Vec<&str> = items.iter().enumerate().filter(|(idx, _)| *idx != at).map(|(_, item)| *item).collect();
        orders(&rest).into_iter().map(move |order| [&[items[at]], &order[..]].concat())
    };
    (0..items.len()).flat_map(first).collect()
}

#[test]
fn engines_do_not_change_each_other_in_any_order_of_loading() {
    let Some(rig) = Rig::new() else { return };
    let backends: Vec<&str> = available().iter().map(|backend| backend.id.as_str()).collect();
    let folder = TempDir::new().expect("a folder");
    for (fixture, model) in [("bert-mean", "transformer"), ("static-wordpiece", "table")] {
        let copy = copy_model(&rig, &Fixture::open(fixture).dir);
        fs::rename(copy, folder.path().join(model)).expect("a model");
    }
    for backend in available() {
        let model = if backend.runs_transformers() { "transformer" } else { "table" };
        symlink(model, model_of(&backend.id, folder.path())).expect("a link");
        child::run("alone", &[&backend.id], folder.path());
    }
    let orders = orders(&backends);
    // Two at a time: most of it is loading.
    thread::scope(|scope| {
        let (one, other) = orders.split_at(orders.len() / 2);
        for orders in [one, other] {
            let folder = folder.path();
            scope.spawn(move || orders.iter().for_each(|order| child::run("together", order, folder)));
        }
    });
}

/// The model that a backend runs.
fn model_of(backend: &str, folder: &Path) -> PathBuf {
    folder.join(format!("model-of-{backend}"))
}

fn engine(rig: &Rig, backend: &str, folder: &Path) -> Engine {
    open(rig, &model_of(backend, folder), &Settings::of(backend)).unwrap_or_else(|err| panic!("`{backend}`: {err}"))
}

fn vectors(engine: &Engine) -> Vec<f32> {
    engine.embed(&texts(&fixtures_dir().join("texts.json"))).expect("vectors").into_vec()
}

/// In a process of its own: writes down what a backend gives that is alone there.
pub(super) fn alone(backends: &[&str], folder: &Path) {
    let rig = Rig::new().expect("a rig");
    for backend in backends {
        let bytes: Vec<u8> = vectors(&engine(&rig, backend, folder)).iter().flat_map(|x| x.to_le_bytes()).collect();
        fs::write(folder.join(backend), bytes).expect("a file");
    }
}

/// In a process of its own: loads backends in an order, uses them at once and in turn, and compares.
pub(super) fn together(backends: &[&str], folder: &Path) {
    let rig = Rig::new().expect("a rig");
    let expected = |backend: &str| -> Vec<f32> {
        let bytes = fs::read(folder.join(backend)).expect("vectors of the backend alone");
        bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    };
    let check = |backend: &str, engine: &Engine, when: &str| {
        let error = max_abs_error(&vectors(engine), &expected(backend));
        assert!(error <= TOLERANCE, "`{backend}` {when}, loaded as {backends:?}: {error:e}");
    };
    let mut engines = Vec::new();
    for backend in backends {
        let engine = engine(&rig, backend, folder);
        check(backend, &engine, "when it was loaded");
        engines.push((backend, engine));
    }
    thread::scope(|scope| {
        for (backend, engine) in &engines {
            scope.spawn(|| (0..2).for_each(|_| check(backend, engine, "at once with the others")));
        }
    });
    engines.iter().for_each(|(backend, engine)| check(backend, engine, "in turn with the others"));
    threads::check_at_rest();
}

#[test]
fn orders_are_all_there_are() {
    assert_eq!(orders(&["a", "b", "c"]).len(), 6);
    assert_eq!(orders(&["a", "b"]), [["a", "b"], ["b", "a"]]);
}
