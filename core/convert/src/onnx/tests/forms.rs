//! Exports in every form: which operators there are, and that integers stand for the numbers they were made of.

use std::{collections::BTreeMap, fs, path::Path, rc::Rc};

use drivetrain_contract::{ErrorKind, Result};
use drivetrain_package::Package;

use super::{
    super::{Activations, Contributed, ExportOptions, Form, Int8, Int8Preset, SiteForm, SiteNumbers, export},
    changed, check_graph, fixture, names, reader, stored,
};

const SITE: &str = "encoder.layer.1.intermediate.dense.weight";

fn export_with(package: &Path, target: &Path, options: &ExportOptions) -> Result<()> {
    export(&Package::open(package)?, target, options, &mut |_| Ok(())).map(|_| ())
}

fn exported(options: &ExportOptions) -> reader::Model {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model.onnx");
    export_with(&fixture("bert-mean"), &target, options).unwrap();
    let model = reader::read(&target);
    check_graph(&model);
    model
}

fn in_form(form: Form) -> reader::Model {
    exported(&ExportOptions { form, ..ExportOptions::default() })
}

fn count(model: &reader::Model, op: &str) -> usize {
    model.nodes.iter().filter(|node| node.op == op).count()
}

/// An [`Int8`] in which one site is as given.
fn with_site(activations: Activations, site: SiteForm) -> Int8 {
    Int8 { activations, sites: BTreeMap::from([(SITE.to_owned(), site)]), ..Int8::default() }
}

/// The numbers that the integers of `SITE`'s matrix stand for, `[inputs, outputs]`.
fn meant(model: &reader::Model, zero: i32) -> Vec<f32> {
    let values = &model.tensors[&format!("{SITE}.int8")];
    let steps = model.tensors[&format!("{SITE}.int8.step")].floats();
    let number = |(idx, &byte): (usize, &u8)| {
        let unit = if zero == 0 { i32::from(byte as i8) } else { i32::from(byte) - zero };
        unit as f32 * steps[idx % steps.len()]
    };
    values.bytes.iter().enumerate().map(number).collect()
}

/// The stored matrix of `SITE`, turned, and what a unit of each output stands for at the most.
fn original() -> (Vec<f32>, Vec<f32>) {
    let rows = stored(&fixture("bert-mean"), SITE);
    let turned = (0..rows.len()).map(|idx| rows[idx % 96 * 48 + idx / 96]).collect();
    let largest = |row: &[f32]| row.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    (turned, rows.chunks(48).map(largest).collect())
}

fn check_integers(int8: Int8, zero: i32, units: f32) {
    let model = in_form(Form::Int8(int8));
    let (original, largest) = original();
    for (idx, (found, expected)) in meant(&model, zero).iter().zip(&original).enumerate() {
        let allowed = largest[idx % 96] / units * 0.501;
        assert!((found - expected).abs() <= allowed, "{idx}: {found} for {expected}");
    }
}

#[test]
fn integers_are_the_nearest_to_the_weights() {
    check_integers(Int8Preset::Avx512Vnni.int8(), 0, 127.0);
    check_integers(Int8Preset::Avx2.int8(), 128, 127.0);
    check_integers(Int8 { reduced_range: true, ..Int8::default() }, 0, 63.0);
}

#[test]
fn measured_layers_are_what_onnx_runtime_fuses() {
    let model = in_form(Form::Int8(Int8Preset::Arm64.int8()));
    // Query, key and value share their input; the fixture has three layers.
    assert_eq!((count(&model, "DynamicQuantizeLinear"), count(&model, "MatMulInteger")), (3 * 4, 3 * 6));
    // Only attention itself multiplies floats.
    assert_eq!(count(&model, "MatMul"), 3 * 2);
    let table = &model.tensors["embeddings.word_embeddings.weight.int8"];
    assert_eq!((table.element_type, &*table.dims), (3, &[900, 48][..]));
    let kept = in_form(Form::Int8(Int8 { float_tables: true, ..Int8::default() }));
    assert_eq!(kept.tensors["embeddings.word_embeddings.weight"].element_type, 1);
    let float = in_form(Form::Int8(with_site(Activations::Measured, SiteForm::Float)));
    assert_eq!(count(&float, "MatMulInteger"), 3 * 6 - 1);
    assert_eq!(float.tensors[SITE].element_type, 1);
}

#[test]
fn only_calibrated_sites_are_quantised_with_calibrated_ranges() {
    let numbers = SiteNumbers { range: Some((-1.0, 3.0)), ..SiteNumbers::default() };
    let model = in_form(Form::Int8(with_site(Activations::Calibrated, SiteForm::Int8(numbers))));
    assert_eq!((count(&model, "QuantizeLinear"), count(&model, "DequantizeLinear")), (1, 2));
    assert_eq!(count(&model, "MatMulInteger"), 0);
    let step = model.tensors[&format!("{SITE}.input.step")].floats()[0];
    let zero = model.tensors[&format!("{SITE}.input.zero")].bytes[0];
    assert!((step - 4.0 / 255.0).abs() < 1e-7 && zero == 64, "{step} {zero}");
}

#[test]
fn smoothing_and_outliers_change_the_numbers_but_not_the_product() {
    let divisors: Vec<f32> = (0..48).map(|idx| 0.5 + idx as f32 / 16.0).collect();
    let outliers = [3, 40];
    let corrections = BTreeMap::from([(SITE.to_owned(), Rc::from(vec![0.25; 96]))]);
    let numbers = SiteNumbers {
        smoothing: Some(Rc::from(divisors)),
        outliers: Rc::from(outliers),
        range: Some((-1.0, 1.0)),
        corrections,
    };
    let model = in_form(Form::Int8(with_site(Activations::Calibrated, SiteForm::Int8(numbers))));
    let factors = model.tensors[&format!("{SITE}.input.factors")].floats();
    let exact = &model.tensors[&format!("{SITE}.outliers")];
    assert_eq!(exact.dims, [2, 96]);
    let (exact, rounded, (original, _)) = (exact.floats(), meant(&model, 0), original());
    let steps = model.tensors[&format!("{SITE}.int8.step")].floats();
    for (idx, expected) in original.iter().enumerate() {
        let (input, output) = (idx / 96, idx % 96);
        match outliers.iter().position(|&outlier| outlier == input) {
            Some(row) => assert_eq!((exact[row * 96 + output], rounded[idx], factors[input]), (*expected, 0.0, 0.0)),
            None => {
                let (found, allowed) = (rounded[idx] * factors[input], steps[output] * factors[input] * 0.501);
                assert!((found - expected).abs() <= allowed, "{idx}: {found} for {expected}");
            }
        }
    }
    let bias = stored(&fixture("bert-mean"), "encoder.layer.1.intermediate.dense.bias");
    let corrected = model.tensors[&format!("{SITE}.corrected_bias")].floats();
    assert!(corrected.iter().zip(&bias).all(|(corrected, bias)| *corrected == bias + 0.25));
}

#[test]
fn numbers_that_do_not_fit_a_site_are_refused() {
    let number = |change: &dyn Fn(&mut SiteNumbers)| {
        let mut numbers = SiteNumbers { range: Some((-1.0, 1.0)), ..SiteNumbers::default() };
        change(&mut numbers);
        let form = Form::Int8(with_site(Activations::Calibrated, SiteForm::Int8(numbers)));
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("model.onnx");
        let options = ExportOptions { form, ..ExportOptions::default() };
        let err = export_with(&fixture("bert-mean"), &target, &options).unwrap_err();
        assert!(names(folder.path()).is_empty());
        assert_eq!(err.kind(), ErrorKind::Invalid, "{}", err.to_text());
        assert!(err.to_text().contains(SITE), "{}", err.to_text());
    };
    number(&|numbers| numbers.range = None);
    number(&|numbers| numbers.range = Some((f32::NAN, 1.0)));
    number(&|numbers| numbers.range = Some((1.0, -1.0)));
    number(&|numbers| numbers.smoothing = Some(Rc::from(vec![1.0; 47])));
    number(&|numbers| numbers.smoothing = Some(Rc::from(vec![0.0; 48])));
    number(&|numbers| numbers.smoothing = Some(Rc::from(vec![f32::INFINITY; 48])));
    number(&|numbers| numbers.outliers = Rc::from([48]));
    number(&|numbers| numbers.outliers = Rc::from([5, 5]));
}

fn check_half(form: Form, element_type: u64) {
    let model = in_form(form);
    let (mut halves, mut others) = (0, 0);
    for (name, tensor) in model.tensors.iter().filter(|(name, _)| !name.starts_with("constant.")) {
        assert_eq!(tensor.element_type, element_type, "{name}");
        halves += 1;
    }
    for (name, tensor) in model.tensors.iter().filter(|(name, _)| name.starts_with("constant.f32")) {
        assert_eq!(tensor.element_type, 1, "{name}");
        others += 1;
    }
    // All weights are halves; pooling and normalisation have constants in 32 bits.
    assert!(halves > 40 && others > 0, "{halves} {others}");
    assert!(model.outputs.iter().all(|(_, element_type, _)| *element_type == 1));
}

#[test]
fn half_precision_is_of_everything_but_the_ends() {
    check_half(Form::F16, 10);
    check_half(Form::Bf16, 16);
}

#[test]
fn weights_beyond_half_precision_are_named() {
    let name = "encoder.layer.2.output.dense.weight";
    let package = changed(|header, data| {
        let start = header[name]["data_offsets"][0].as_u64().unwrap() as usize;
        data[start..start + 4].copy_from_slice(&1e6f32.to_le_bytes());
    });
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model.onnx");
    let options = |form| ExportOptions { form, ..ExportOptions::default() };
    let err = export_with(package.path(), &target, &options(Form::F16)).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Unsupported);
    assert!(err.to_text().contains(name) && err.hint().unwrap().contains("bf16"), "{}", err.to_text());
    assert!(names(folder.path()).is_empty());
    export_with(package.path(), &target, &options(Form::Bf16)).unwrap();
}

#[test]
fn operators_of_onnx_runtime_are_there_only_when_wanted() {
    let contributed = Contributed { attention: true, fast_gelu: true };
    let model = exported(&ExportOptions { contributed, ..ExportOptions::default() });
    assert_eq!((count(&model, "MultiHeadAttention"), count(&model, "FastGelu")), (3, 3));
    // What the fused nodes replace is left out.
    assert_eq!((count(&model, "Softmax"), count(&model, "Erf"), count(&model, "MatMul")), (0, 0, 3 * 6));
    let domains: Vec<&str> = model.nodes.iter().map(|node| &*node.domain).filter(|domain| !domain.is_empty()).collect();
    assert_eq!(domains, vec!["com.microsoft"; 6]);
    assert_eq!(model.opsets, [("".to_owned(), 17), ("com.microsoft".to_owned(), 1)]);
    assert_eq!(in_form(Form::F32).opsets, [("".to_owned(), 17)]);
}

#[test]
fn a_table_that_is_multiplied_too_is_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model.onnx");
    for name in ["splade-bert", "splade-distilbert"] {
        let options = ExportOptions { form: Form::Int8(Int8::default()), ..ExportOptions::default() };
        export_with(&fixture(name), &target, &options).unwrap();
        let model = reader::read(&target);
        check_graph(&model);
        let tables = model.tensors.values().filter(|tensor| tensor.dims.iter().product::<u64>() == 900 * 48);
        assert_eq!(tables.map(|table| table.element_type).collect::<Vec<_>>(), [3], "{name}");
    }
}

#[test]
fn equal_forms_give_equal_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let options = ExportOptions { form: Form::Int8(Int8::default()), ..ExportOptions::default() };
    let files = ["a.onnx", "b.onnx"].map(|name| {
        let target = folder.path().join(name);
        export_with(&fixture("modernbert-mean"), &target, &options).unwrap();
        fs::read(target).unwrap()
    });
    assert_eq!(files[0], files[1]);
}

#[test]
fn every_architecture_has_every_form() {
    let forms = [Form::F16, Form::Bf16, Form::Int8(Int8Preset::Avx2.int8())];
    for entry in fs::read_dir(fixture("")).unwrap() {
        let package = entry.unwrap().path();
        if Package::open(&package).unwrap().is_static() {
            continue;
        }
        for form in &forms {
            let folder = tempfile::tempdir().unwrap();
            let target = folder.path().join("model.onnx");
            let contributed = Contributed { attention: *form == Form::F16, fast_gelu: false };
            let options = ExportOptions { form: form.clone(), contributed, ..ExportOptions::default() };
            export_with(&package, &target, &options)
                .unwrap_or_else(|err| panic!("{}: {}", package.display(), err.to_text()));
            check_graph(&reader::read(&target));
        }
    }
}
