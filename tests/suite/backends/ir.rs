//! OpenVINO's own format, written by the project and run by OpenVINO: every architecture against the reference.

use std::path::Path;

use drivetrain::{
    convert::openvino_ir::{Form, IrOptions, export},
    open_package,
};
use drivetrain_tests::{Array, Fixture, Rig, fixtures_dir, max_abs_error, texts};

use crate::{
    backends::{Settings, available::available, open},
    vectors::{copy_model, tolerance},
};

/// How far vectors may be from the reference in each form.
fn allowed(form: &Form, fixture: &Fixture, reference: &Array) -> f32 {
    let exact = tolerance(fixture, reference);
    match form {
        Form::F32 => exact,
        // Weights of 11 bits: what is measured is below a fifth of this.
        _ => 100.0 * exact,
    }
}

fn write_ir(rig: &Rig, model: &Path, form: &Form) {
    let package = open_package(model.to_str().expect("a path"), &rig.locations()).expect("a package");
    let target = model.join("openvino/openvino_model.xml");
    export(&package, &target, &IrOptions { form: form.clone() }, &mut |_| Ok(())).expect("two files");
}

fn check(rig: &Rig, fixture: &Fixture, form: &Form) {
    let label = format!("{} in {form:?}", fixture.name);
    let texts = texts(&fixtures_dir().join("texts.json"));
    let model = copy_model(rig, &fixture.dir);
    write_ir(rig, &model, form);
    let engine = open(rig, &model, &Settings::of("openvino")).unwrap_or_else(|err| panic!("{label}: {err}"));
    assert!(!model.join("onnx").exists(), "{label}: another format was made");
    let together = engine.embed(&texts).expect("vectors");
    let reference = fixture.array("embeddings");
    let allowed = allowed(form, fixture, &reference);
    let error = max_abs_error(together.as_slice(), &reference.data);
    assert!(error <= allowed, "{label}: {error:e} is more than {allowed:e}");
    for (text, row) in texts.iter().zip(together.rows()) {
        let error = max_abs_error(engine.embed(&[text]).expect("a vector").row(0), row);
        assert!(error <= tolerance(fixture, &reference), "{label}: alone differs by {error:e} for {text:?}");
    }
}

#[test]
fn graphs_in_the_own_format_of_openvino_equal_the_reference() {
    let Some(rig) = Rig::new() else { return };
    if available().iter().all(|backend| backend.id != "openvino") {
        return;
    }
    let embeds = |fixture: &Fixture| fixture.expected["task"] == "embed" && !fixture.name.starts_with("static-");
    let fixtures: Vec<Fixture> = Fixture::all("").into_iter().filter(embeds).collect();
    assert!(fixtures.len() > 20);
    for fixture in fixtures {
        for form in [Form::F32, Form::F16] {
            check(&rig, &fixture, &form);
        }
    }
}
