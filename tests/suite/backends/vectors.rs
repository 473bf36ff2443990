//! Vectors of every backend in every precision it computes in, against those of the reference library.

use std::{path::Path, thread};

use drivetrain::Engine;
use drivetrain_tests::{Array, Fixture, Program, Rig, fixtures_dir, max_abs_error, texts};

use crate::{
    backends::{
        Settings,
        available::{Available, available, transformers},
        open,
    },
    vectors::{copy_model, tolerance},
};

/// How far vectors in half precision may turn away: the cosine of the worst, and of all in the mean.
const HALF: (f64, f64) = (0.99, 0.999);

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Compares vectors with the reference, as exactly as the precision allows.
#[track_caller]
fn check(label: &str, precision: &str, found: &[f32], (reference, allowed): (&Array, f32)) {
    let [rows, dim] = reference.shape;
    assert_eq!(found.len(), rows * dim, "{label}");
    if precision == "f32" {
        let error = max_abs_error(found, &reference.data);
        return assert!(error <= allowed, "{label}: {error:e} is more than {allowed:e}");
    }
    let pairs = found.chunks_exact(dim).zip(reference.data.chunks_exact(dim));
    let cosines: Vec<f64> = pairs.map(|(found, wanted)| cosine(found, wanted)).collect();
    let (least, mean) = (cosines.iter().copied().fold(1.0, f64::min), cosines.iter().sum::<f64>() / rows as f64);
    assert!(least >= HALF.0 && mean >= HALF.1, "{label}: cosine {least} at least, {mean} in the mean");
}

/// Each text alone as it is in a batch, as exactly as the precision allows.
fn check_alone(label: &str, engine: &Engine, texts: &[String], together: &[f32], allowed: f32) {
    for (text, row) in texts.iter().zip(together.chunks_exact(engine.dim())) {
        let alone = engine.embed(&[text]).expect("a vector");
        let error = max_abs_error(alone.row(0), row);
        assert!(error <= allowed, "{label}: alone differs by {error:e} for {text:?}");
    }
}

fn check_fixture(rig: &Rig, backend: &Available, fixture: &Fixture, model: &Path) {
    let texts = texts(&fixtures_dir().join("texts.json"));
    let reference = fixture.array("embeddings");
    for precision in &backend.precisions {
        let label = format!("{} with {} in {precision}", fixture.name, backend.id);
        let engine = open(rig, model, &Settings { precision, ..Settings::of(&backend.id) });
        let engine = engine.unwrap_or_else(|err| panic!("{label}: {err}"));
        assert_eq!((engine.running().backend.as_str(), engine.running().precision.name()), (&*backend.id, *precision));
        let together = engine.embed(&texts).expect("vectors");
        check(&label, precision, together.as_slice(), (&reference, tolerance(fixture, &reference)));
        // In half precision, other shapes may be summed in another order; what is left of that is far below the loss.
        let scale = reference.data.iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
        let allowed = if *precision == "f32" { tolerance(fixture, &reference) } else { 0.02 * scale };
        check_alone(&label, &engine, &texts, together.as_slice(), allowed);
    }
}

#[test]
fn every_fixture_equals_the_reference() {
    let Some(rig) = Rig::new() else { return };
    for fixture in Fixture::all("bert-").iter().chain(&Fixture::all("static-")) {
        let model = copy_model(&rig, &fixture.dir);
        for backend in available().iter().filter(|backend| backend.runs(&fixture.name)) {
            check_fixture(&rig, backend, fixture, &model);
        }
    }
}

#[test]
fn the_real_model_equals_the_reference() {
    let Some(rig) = Rig::new() else { return };
    let folder = fixtures_dir().join("reference/all-MiniLM-L6-v2");
    let reference = Array::read(&folder.join("all-MiniLM-L6-v2.safetensors"), "embeddings");
    let texts = texts(&folder.join("texts.json"));
    for backend in available().iter().filter(|backend| backend.runs_transformers()) {
        for precision in &backend.precisions {
            let engine = open(&rig, &rig.minilm(), &Settings { precision, ..Settings::of(&backend.id) });
            let found = engine.expect("an engine").embed(&texts).expect("vectors");
            let label = format!("MiniLM with {} in {precision}", backend.id);
            check(&label, precision, found.as_slice(), (&reference, 2e-5));
        }
    }
}

#[test]
fn sessions_side_by_side_and_other_threads_give_the_same() {
    let Some(rig) = Rig::new() else { return };
    let texts = texts(&fixtures_dir().join("texts.json"));
    let texts: Vec<String> = (0..10 * texts.len()).map(|idx| format!("{idx} {}", texts[idx % texts.len()])).collect();
    let model = copy_model(&rig, &Fixture::open("bert-mean").dir);
    for backend in transformers() {
        let one = open(&rig, &model, &Settings::of(backend)).expect("an engine");
        let expect = one.embed(&texts).expect("vectors");
        let several = open(&rig, &model, &Settings { sessions: 2, ..Settings::of(backend) }).expect("an engine");
        assert_eq!(several.running().sessions, 2);
        let elsewhere = several.clone();
        let found = [
            several.embed(&texts).expect("vectors"),
            thread::spawn({
                let texts = texts.clone();
                move || elsewhere.embed(&texts).expect("vectors of another thread")
            })
            .join()
            .expect("the thread ends"),
        ];
        for found in found {
            let error = max_abs_error(found.as_slice(), expect.as_slice());
            assert!(error <= 1e-6, "`{backend}`: {error:e}");
        }
        // Two engines at once, each with sessions of its own.
        thread::scope(|scope| {
            for engine in [&one, &several] {
                scope.spawn(|| {
                    let error = max_abs_error(engine.embed(&texts).expect("vectors").as_slice(), expect.as_slice());
                    assert!(error <= 1e-6, "`{backend}`: {error:e}");
                });
            }
        });
    }
}

/// What the profile asks for and the engine cannot do is refused with what it can.
#[test]
fn a_precision_that_is_not_there_is_refused_with_those_that_are() {
    let Some(rig) = Rig::new() else { return };
    let model = copy_model(&rig, &Fixture::open("bert-mean").dir);
    for backend in available().iter().filter(|backend| backend.runs_transformers()) {
        for precision in ["bf16", "f16"].iter().filter(|precision| !backend.precisions.contains(precision)) {
            let err = open(&rig, &model, &Settings { precision, ..Settings::of(&backend.id) }).expect_err("a refusal");
            let text = err.to_text();
            assert!(text.contains(&format!("does not compute in {precision}")), "{text}");
            assert!(text.contains("it computes in f32"), "{text}");
        }
    }
}

/// Engines that turn weights into half precision by themselves also do where they compute in another one.
#[test]
fn a_precision_that_is_emulated_is_taken_when_that_is_allowed() {
    let Some(rig) = Rig::new() else { return };
    let turns_weights = ["libtorch", "openvino"];
    for backend in available().iter().filter(|backend| turns_weights.contains(&backend.id.as_str())) {
        for precision in ["bf16", "f16"].iter().filter(|precision| !backend.precisions.contains(precision)) {
            let run = |more: &[&str]| {
                let args = ["embed", "x", "--backend", &backend.id, "--precision", precision, "-m"];
                let program = Program::drivetrain(&rig).args(args).args([rig.minilm()]).args(more);
                program.env("DRIVETRAIN_PLUGIN_PATH", rig.plugins()).run()
            };
            run(&[]).failed(2, &["does not compute in", "--allow-emulated"]);
            run(&["--allow-emulated"]).succeeded();
        }
    }
}
