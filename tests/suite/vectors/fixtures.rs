//! Each fixture through its engine: every array of the reference, and each text alone as in a batch.

use drivetrain::Prompt;
use drivetrain_tests::{Array, Fixture, Rig, fixtures_dir, max_abs_error, texts};

use crate::vectors::{Wanted, copy_model, engine};

/// What is allowed: 2e-5 for vectors of length 1, relative to the largest number for others.
pub(crate) fn tolerance(fixture: &Fixture, reference: &Array) -> f32 {
    if fixture.normalized() {
        return 2e-5;
    }
    1e-4 * reference.data.iter().fold(0.0f32, |largest, value| largest.max(value.abs()))
}

fn check_fixture(rig: &Rig, fixture: &Fixture, static_tolerance: Option<f32>) {
    let texts = texts(&fixtures_dir().join("texts.json"));
    let model = copy_model(rig, &fixture.dir);
    for name in fixture.arrays() {
        let wanted = match name.split_once('.') {
            Some(("prompt", prompt)) => Wanted { prompt: Prompt::Named(prompt.to_owned()), ..Wanted::default() },
            Some(("truncate_dim", dim)) => Wanted { truncate_dim: dim.parse().ok(), ..Wanted::default() },
            _ => Wanted::default(),
        };
        let reference = fixture.array(&name);
        let allowed = static_tolerance.unwrap_or_else(|| tolerance(fixture, &reference));
        let engine = engine(rig, &model, wanted).unwrap();
        let together = engine.embed(&texts).unwrap();
        assert_eq!([together.len(), together.dim()], reference.shape, "{} {name}", fixture.name);
        let error = max_abs_error(together.as_slice(), &reference.data);
        assert!(error <= allowed, "{} {name}: {error:e} is more than {allowed:e}", fixture.name);
        for (text, row) in texts.iter().zip(together.rows()) {
            let alone = engine.embed(&[text]).unwrap();
            let error = max_abs_error(alone.row(0), row);
            assert!(error <= allowed, "{} {name}: alone differs by {error:e} for {text:?}", fixture.name);
        }
    }
}

/// Every fixture that embeds, but the static ones: one at least of each architecture.
fn transformers() -> Vec<Fixture> {
    let mut fixtures = Fixture::all("");
    fixtures.retain(|fixture| fixture.expected["task"] == "embed" && fixture.expected["architecture"] != "static");
    fixtures
}

#[test]
fn transformers_equal_the_reference() {
    let Some(rig) = Rig::new() else { return };
    for fixture in transformers() {
        check_fixture(&rig, &fixture, None);
    }
}

#[test]
fn static_fixtures_equal_the_reference() {
    let Some(rig) = Rig::new() else { return };
    for fixture in Fixture::all("static-") {
        check_fixture(&rig, &fixture, Some(1e-5));
    }
}

/// The graph pools by itself; the host does where a prompt is left out. Without that difference both must agree.
#[test]
fn pooling_in_the_graph_and_on_the_host_agree() {
    let Some(rig) = Rig::new() else { return };
    let texts = texts(&fixtures_dir().join("texts.json"));
    for fixture in transformers() {
        let model = copy_model(&rig, &fixture.dir);
        let in_graph =
            engine(&rig, &model, Wanted { prompt: Prompt::None, ..Wanted::default() }).unwrap().embed(&texts);
        strip_embedding_output(&model.join("onnx/model.onnx"));
        let on_host = engine(&rig, &model, Wanted { prompt: Prompt::None, ..Wanted::default() }).unwrap().embed(&texts);
        let (in_graph, on_host) = (in_graph.unwrap(), on_host.unwrap());
        let scale = in_graph.as_slice().iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
        let error = max_abs_error(in_graph.as_slice(), on_host.as_slice());
        assert!(error <= 1e-5 * scale, "{}: {error:e}", fixture.name);
    }
}

/// Renames the output `sentence_embedding` to something no one knows, in place: the name keeps its length.
fn strip_embedding_output(graph: &std::path::Path) {
    let mut bytes = std::fs::read(graph).unwrap();
    let (known, unknown) = (b"sentence_embedding", b"sentence_embeddinX");
    let mut renamed = 0;
    for start in 0..bytes.len() - known.len() {
        if &bytes[start..start + known.len()] == known {
            bytes[start..start + known.len()].copy_from_slice(unknown);
            renamed += 1;
        }
    }
    assert!(renamed >= 2, "the graph names its output where it is made and where it is declared");
    std::fs::write(graph, bytes).unwrap();
}
