//! Whole exports of the fixtures, read back, and what is left behind when one fails.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    thread,
};

use drivetrain_contract::{Error, ErrorKind, Result};
use drivetrain_package::Package;
use half::f16;
use reader::{Graph, Layer};
use sha2::{Digest, Sha256};

use super::{IrOptions, export};
use crate::onnx::{Activations, ExportReport, Form, Int8, SiteForm, SiteNumbers};

mod reader;

fn models() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/models")).to_owned()
}

fn export_as(form: Form, folder: &Path, target: &Path) -> Result<ExportReport> {
    export(&Package::open(folder)?, target, &IrOptions { form }, &mut |_| Ok(()))
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The graph of a fixture, with the bytes of its weights.
fn graph_of(fixture: &str, form: Form) -> (Graph, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("openvino/openvino_model.xml");
    let report = export_as(form, &models().join(fixture), &target).unwrap();
    assert_eq!(names(target.parent().unwrap()), ["openvino_model.bin", "openvino_model.xml"].map(Into::into).into());
    let bin = fs::read(report.data_path.unwrap()).unwrap();
    assert_eq!(report.total_bytes, fs::metadata(&target).unwrap().len() + bin.len() as u64);
    let graph = reader::read(&target);
    let outputs: BTreeSet<&str> = report.outputs.iter().map(|(output, _)| output.name()).collect();
    let results: Vec<&Layer> = graph.layers.iter().filter(|layer| layer.kind == "Result").collect();
    let given: BTreeSet<&str> = results.iter().map(|result| graph.source(result.id, 0).1.names.as_str()).collect();
    assert_eq!((given, results.len()), (outputs, report.outputs.len()), "{fixture}");
    (graph, bin)
}

/// Layers in an order in which every input exists, each port with one edge, constants side by side in the file.
fn check_graph(label: &str, (graph, bin): &(Graph, Vec<u8>)) {
    let mut names = BTreeSet::new();
    let (mut used, mut free) = (BTreeSet::new(), 0);
    for (id, layer) in graph.layers.iter().enumerate() {
        assert!(layer.id == id && names.insert(&layer.name), "{label}: `{}`", layer.name);
        for port in 0..layer.inputs {
            let (from, output) = graph.source(id, port);
            assert!(from.id < id && output.port >= from.inputs, "{label}: `{}` uses `{}`", layer.name, from.name);
            used.insert(from.id);
        }
        if layer.kind == "Const" {
            let [offset, size] = ["offset", "size"].map(|key| layer.data[key].parse::<usize>().unwrap());
            let width = match &*layer.data["element_type"] {
                "i64" => 8,
                "f32" => 4,
                "f16" | "bf16" => 2,
                "i8" => 1,
                other => panic!("{label}: a constant of {other}"),
            };
            assert_eq!(size, layer.shape().iter().product::<usize>() * width, "{label}: `{}`", layer.name);
            assert!(offset >= free && offset < free + 64 && offset.is_multiple_of(64), "{label}: `{}`", layer.name);
            free = offset + size;
        }
    }
    assert_eq!(free, bin.len(), "{label}");
    let unused = |layer: &&Layer| !["Result", "Parameter"].contains(&&*layer.kind) && !used.contains(&layer.id);
    assert_eq!(graph.layers.iter().find(unused).map(|layer| &layer.name), None, "{label}");
    assert_eq!(graph.edges.len(), graph.layers.iter().map(|layer| layer.inputs).sum::<usize>(), "{label}");
}

#[test]
fn every_fixture_gives_a_sound_graph_in_every_form() {
    let mut fixtures = names(&models());
    fixtures.retain(|name| !name.starts_with("static-"));
    assert!(fixtures.len() > 30, "{fixtures:?}");
    for fixture in fixtures {
        for form in [Form::F32, Form::F16, Form::Bf16] {
            check_graph(&format!("{fixture} in {form:?}"), &graph_of(&fixture, form));
        }
    }
}

#[test]
fn inputs_are_open_and_of_64_bits() {
    for (fixture, expect) in [
        ("bert-mean", &["input_ids", "attention_mask", "token_type_ids"][..]),
        ("modernbert-mean", &["input_ids", "attention_mask"]),
    ] {
        let (graph, _) = graph_of(fixture, Form::F32);
        let inputs = graph.layers.iter().filter(|layer| layer.kind == "Parameter");
        let inputs: Vec<&str> = inputs
            .map(|input| {
                assert_eq!((&*input.data["shape"], &*input.data["element_type"]), ("?,?", "i64"));
                assert_eq!(input.outputs[0].names, input.name);
                input.name.as_str()
            })
            .collect();
        assert_eq!(inputs, expect);
    }
}

/// The numbers of a stored tensor.
fn stored(fixture: &str, name: &str) -> Vec<f32> {
    let mut numbers = Vec::new();
    Package::open(&models().join(fixture)).unwrap().weights().unwrap().read_f32(name, &mut numbers).unwrap();
    numbers
}

#[test]
fn weights_keep_their_values_or_are_narrowed_with_a_note() {
    let matrix = "encoder.layer.1.intermediate.dense.weight";
    let numbers = stored("bert-mean", matrix);
    let (graph, bin) = graph_of("bert-mean", Form::F32);
    let wide: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    assert_eq!(graph.constant(matrix, &bin), wide);
    assert_eq!(graph.layer(matrix).shape(), [96, 48]);

    let (graph, bin) = graph_of("bert-mean", Form::F16);
    let narrow: Vec<u8> = numbers.iter().flat_map(|&number| f16::from_f32(number).to_le_bytes()).collect();
    assert_eq!(graph.constant(matrix, &bin), narrow);
    let reader = graph.readers(graph.layer(matrix).id).next().unwrap();
    assert!(reader.kind == "Convert" && reader.decompresses, "{reader:?}");
    assert_eq!(reader.data["destination_type"], "f32");
    assert_eq!(graph.layer("encoder.layer.1.intermediate.dense.bias").data["element_type"], "f32");
}

fn calibrated(sites: &[(&str, SiteNumbers)]) -> Int8 {
    let sites: BTreeMap<String, SiteForm> =
        sites.iter().map(|(name, numbers)| ((*name).to_owned(), SiteForm::Int8(numbers.clone()))).collect();
    Int8 { activations: Activations::Calibrated, sites, ..Int8::default() }
}

#[test]
fn calibrated_sites_pass_through_256_levels() {
    let query = "encoder.layer.0.attention.self.query.weight";
    let numbers = SiteNumbers { range: Some((-1.0, 3.0)), ..SiteNumbers::default() };
    let (graph, bin) = graph_of("bert-mean", Form::Int8(calibrated(&[(query, numbers.clone())])));
    check_graph("int8", &(reader::read_text(&graph.text), bin.clone()));
    let quantized: Vec<&Layer> = graph.layers.iter().filter(|layer| layer.kind == "FakeQuantize").collect();
    assert_eq!(quantized.len(), 1);
    // Query, key and value share their input.
    assert_eq!(graph.readers(quantized[0].id).count(), 3);
    let bound = |port| {
        let bytes = graph.constant(&graph.source(quantized[0].id, port).0.name, &bin);
        f32::from_le_bytes(bytes.try_into().unwrap())
    };
    let step = 4.0 / 255.0;
    // 0 is the 64th of the levels, so that the bounds move to where levels are.
    assert_eq!([1, 2, 3, 4].map(bound), [-64.0 * step, 191.0 * step, -64.0 * step, 191.0 * step]);

    let matrix = graph.layer(&format!("{query}.int8"));
    assert_eq!((&*matrix.data["element_type"], matrix.shape()), ("i8", vec![48, 48]));
    let scaled = graph.readers(graph.readers(matrix.id).next().unwrap().id).next().unwrap();
    let steps = graph.constant(&graph.source(scaled.id, 1).0.name, &bin);
    let steps: Vec<f32> = steps.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    let units = graph.constant(&matrix.name, &bin);
    for (idx, number) in stored("bert-mean", query).iter().enumerate() {
        let (unit, step) = (f32::from(units[idx] as i8), steps[idx / 48]);
        assert!((unit * step - number).abs() <= 0.501 * step, "{idx}: {unit} units of {step} for {number}");
    }
}

#[test]
fn a_table_that_is_multiplied_too_is_stored_once() {
    for fixture in ["splade-bert", "splade-distilbert"] {
        let written = graph_of(fixture, Form::Int8(calibrated(&[])));
        check_graph(fixture, &written);
        let constants = written.0.layers.iter().filter(|layer| layer.kind == "Const");
        let tables = constants.filter(|layer| layer.shape().iter().product::<usize>() == 900 * 48);
        assert_eq!(tables.map(|table| &*table.data["element_type"]).collect::<Vec<_>>(), ["i8"], "{fixture}");
    }
}

#[test]
fn a_form_that_this_format_has_no_layers_for_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for int8 in [Int8::default(), Int8 { unsigned_weights: true, ..calibrated(&[]) }] {
        let target = folder.path().join("model.xml");
        let err = export_as(Form::Int8(int8), &models().join("bert-mean"), &target).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Unsupported, "{}", err.to_text());
    }
    assert!(names(folder.path()).is_empty());
}

#[test]
fn equal_packages_give_equal_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = ["a.xml", "b.xml"].map(|name| {
        let target = folder.path().join(name);
        let report = export_as(Form::F32, &models().join("deberta-v2-mean"), &target).unwrap();
        [target, report.data_path.unwrap()].map(|path| fs::read(path).unwrap())
    });
    assert!(pairs[0] == pairs[1]);
}

#[test]
fn what_fails_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model.xml");
    let files = [("model.xml", "old graph"), ("model.bin", "old weights")];
    files.iter().for_each(|(name, text)| fs::write(folder.path().join(name), text).unwrap());
    let package = Package::open(&models().join("bert-mean")).unwrap();
    let mut last = 0;
    let stopped = export(&package, &target, &IrOptions::default(), &mut |progress| {
        assert!(progress.written_bytes > last && progress.written_bytes <= progress.total_bytes);
        last = progress.written_bytes;
        if last * 2 > progress.total_bytes { Err(Error::new(ErrorKind::Cancelled, "enough")) } else { Ok(()) }
    });
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Cancelled);
    let refused = export_as(Form::F32, &models().join("static-wordpiece"), &target).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported, "{}", refused.to_text());
    assert_eq!(names(folder.path()).len(), 2);
    files.iter().for_each(|(name, text)| assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), *text));

    export_as(Form::F32, &models().join("bert-mean"), &target).unwrap();
    check_pair(&target);
    // Weights that cannot be replaced: the graph of others must not stay beside them.
    fs::remove_file(folder.path().join("model.bin")).unwrap();
    fs::create_dir(folder.path().join("model.bin")).unwrap();
    let err = export_as(Form::F16, &models().join("bert-mean"), &target).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Io, "{}", err.to_text());
    assert_eq!(names(folder.path()), ["model.bin".to_owned()].into());
}

/// The weights bear the hash that the graph says.
fn check_pair(target: &Path) {
    let hash = Sha256::digest(fs::read(target.with_extension("bin")).unwrap());
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(reader::read(target).facts["weights_sha256"], hash);
}

#[test]
fn exports_of_one_target_at_once_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model.xml");
    thread::scope(|scope| {
        for thread_idx in 0..6 {
            let (fixture, target) = (models().join(["bert-cls", "bert-mean"][thread_idx % 2]), &target);
            scope.spawn(move || (0..3).for_each(|_| drop(export_as(Form::F32, &fixture, target).unwrap())));
        }
    });
    check_pair(&target);
    assert_eq!(names(folder.path()).len(), 2);
}

#[test]
fn a_target_that_is_no_graph_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for target in [folder.path(), Path::new(""), &folder.path().join("model.bin"), &folder.path().join("model")] {
        let err = export_as(Form::F32, &models().join("bert-mean"), target).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Invalid, "{}", err.to_text());
    }
    let err = export_as(Form::F32, &models().join("bert-mean"), &folder.path().join("x\0.xml")).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Io, "{}", err.to_text());
}
