//! Graphs in every precision, made by the project and run by the engines they are for.

use std::{
    fs,
    path::{Path, PathBuf},
};

use drivetrain::{
    Layer, Locations, Origin, Profile, Workbench,
    contract::{Call, NoCall, Result, Session},
    convert::{
        GraphEngine, Level, Rewriting, Target, Tools,
        calibrate::{Accuracy, Calibrated, Samples, calibrate},
        convert,
        onnx::Int8Preset,
    },
    open_package,
};
use drivetrain_tests::{Array, Fixture, Rig, fixtures_dir, texts};

use crate::{
    backends::{Settings, available::available, open},
    vectors::{copy_model, sts_benchmark},
};

/// Runs ONNX Runtime for conversions, and a folder for what they need for a while.
struct Shop {
    workbench: Workbench,
    scratch: tempfile::TempDir,
}

impl Shop {
    fn open(rig: &Rig) -> Self {
        let mut layer = Layer::default();
        layer.set("backend", "onnxruntime", Origin::Program);
        layer.set("threads", 2, Origin::Program);
        let profile = Profile::build(&[layer]).unwrap();
        let workbench = Workbench::open(&profile, &rig.locations()).unwrap();
        Self { workbench, scratch: tempfile::tempdir().unwrap() }
    }

    fn calibrate(&mut self, model: &Path, texts: usize, locations: &Locations) -> Calibrated {
        let package = open_package(model.to_str().unwrap(), locations).unwrap();
        let samples = Samples::builtin(&package).unwrap().thinned(texts);
        let mut tools = Tools { engine: &mut self.workbench, scratch: self.scratch.path(), call: &NoCall };
        calibrate(&package, &samples, &Accuracy::INT8, &mut tools).unwrap()
    }

    /// Makes a graph the only one of a model.
    fn convert(&mut self, rig: &Rig, model: &Path, target: Target, calibrated: Option<&Calibrated>) -> PathBuf {
        for folder in ["onnx", "openvino"] {
            let _ = fs::remove_dir_all(model.join(folder));
        }
        let package = open_package(model.to_str().unwrap(), &rig.locations()).unwrap();
        let path = model.join(target.file());
        let mut tools = Tools { engine: &mut self.workbench, scratch: self.scratch.path(), call: &NoCall };
        let conversion = convert(&package, target, &path, calibrated, &mut tools)
            .unwrap_or_else(|err| panic!("{target}: {}", err.to_text()));
        assert_eq!(conversion.path, path);
        path
    }
}

fn has(backend: &str) -> bool {
    available().iter().any(|known| known.id == backend)
}

/// Cosines of each row to that of the reference: mean and least.
fn cosines(found: &[f32], reference: &Array) -> (f64, f64) {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let rows = found.chunks_exact(reference.shape[1]).zip(reference.data.chunks_exact(reference.shape[1]));
    let cosines: Vec<f64> = rows.map(|(a, b)| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()).collect();
    assert_eq!(cosines.len(), reference.shape[0]);
    (cosines.iter().sum::<f64>() / cosines.len() as f64, cosines.iter().copied().fold(1.0, f64::min))
}

/// The graph of `target`, alone in a model, gives vectors that are at least as close to the reference as `least`.
fn check(rig: &Rig, shop: &mut Shop, fixture: &Fixture, (target, precision, least): (Target, &str, f64)) {
    let (label, model) = (format!("{} as {target}", fixture.name), copy_model(rig, &fixture.dir));
    let calibrated = target.is_calibrated().then(|| shop.calibrate(&model, 60, &rig.locations()));
    shop.convert(rig, &model, target, calibrated.as_ref());
    let backend = if target.file().ends_with(".xml") { "openvino" } else { "onnxruntime" };
    let settings = Settings { precision, allow_emulated: true, ..Settings::of(backend) };
    let engine = open(rig, &model, &settings).unwrap_or_else(|err| panic!("{label}: {err}"));
    let texts = texts(&fixtures_dir().join("texts.json"));
    let (_, found) = cosines(engine.embed(&texts).unwrap().as_slice(), &fixture.array("embeddings"));
    assert!(found >= least, "{label}: {found}");
}

#[test]
fn every_precision_is_close_to_the_reference() {
    let Some(rig) = Rig::new() else { return };
    let mut shop = Shop::open(&rig);
    for fixture in ["bert-mean", "modernbert-mean"].map(Fixture::open) {
        let mut check = |target, precision, least| check(&rig, &mut shop, &fixture, (target, precision, least));
        check(Target::Optimized(Level::O1), "f32", 0.999_999);
        check(Target::Optimized(Level::O2), "f32", 0.999_999);
        check(Target::Optimized(Level::O3), "f32", 0.9999);
        check(Target::Optimized(Level::O4), "f16", 0.9999);
        check(Target::OnnxFp16, "f16", 0.9999);
        for preset in Int8Preset::ALL {
            check(Target::OnnxInt8(preset), "int8", 0.999);
        }
        check(Target::OnnxInt8Static, "int8", 0.997);
        if has("openvino") {
            check(Target::OpenvinoInt8, "int8", 0.997);
        }
    }
}

#[test]
fn equal_models_and_texts_give_equal_integers() {
    let Some(rig) = Rig::new() else { return };
    let mut shop = Shop::open(&rig);
    let model = copy_model(&rig, &Fixture::open("albert-mean").dir);
    let files = [(); 2].map(|()| {
        let calibrated = shop.calibrate(&model, 40, &rig.locations());
        assert!(calibrated.accuracy.unwrap().meets(&Accuracy::INT8), "{:?}", calibrated.accuracy);
        fs::read(shop.convert(&rig, &model, Target::OnnxInt8Static, Some(&calibrated))).unwrap()
    });
    assert_eq!(files[0], files[1]);
}

/// An engine that is asked for something no conversion without calibration needs.
struct Absent;

impl GraphEngine for Absent {
    fn open(&mut self, _graph: &Path, _call: &dyn Call) -> Result<Box<dyn Session>> {
        panic!("no session is needed")
    }

    fn rewrite(&mut self, _graph: &Path, _rewriting: Rewriting, _target: &Path, _call: &dyn Call) -> Result<()> {
        panic!("nothing is to be rewritten")
    }
}

#[test]
fn ranges_are_not_made_up() {
    let Some(rig) = Rig::new() else { return };
    let model = copy_model(&rig, &Fixture::open("bert-mean").dir);
    let package = open_package(model.to_str().unwrap(), &rig.locations()).unwrap();
    let mut tools = Tools { engine: &mut Absent, scratch: rig.cache(), call: &NoCall };
    for target in [Target::OnnxInt8Static, Target::OpenvinoInt8] {
        let err = convert(&package, target, &model.join(target.file()), None, &mut tools).unwrap_err();
        assert!(err.to_text().contains(target.name()), "{}", err.to_text());
        assert!(!model.join(target.file()).exists());
    }
}

/// Figures of the issue that matter to users of 8-bit integers: close vectors, the same ranking, a quarter of the size.
#[test]
fn minilm_in_8_bits_stays_close_to_the_reference() {
    let Some(rig) = Rig::new() else { return };
    let folder = fixtures_dir().join("reference/all-MiniLM-L6-v2");
    let reference = Array::read(&folder.join("all-MiniLM-L6-v2.safetensors"), "embeddings");
    let texts = texts(&folder.join("texts.json"));
    let (mut shop, model) = (Shop::open(&rig), copy_model(&rig, &rig.minilm()));
    let calibrated = shop.calibrate(&model, 150, &rig.locations());
    let mut targets = vec![(Target::OnnxInt8(Int8Preset::of_this_machine()), "onnxruntime")];
    if has("openvino") {
        targets.push((Target::OpenvinoInt8, "openvino"));
    }
    for (target, backend) in targets {
        let path = shop.convert(&rig, &model, target, Some(&calibrated));
        let bytes: u64 = ["xml", "bin", "onnx"]
            .iter()
            .filter_map(|end| Some(fs::metadata(path.with_extension(end)).ok()?.len()))
            .sum();
        assert!(bytes < 24_000_000, "{target}: {bytes} bytes");
        let engine = open(&rig, &model, &Settings { precision: "int8", ..Settings::of(backend) }).unwrap();
        let (mean, least) = cosines(engine.embed(&texts).unwrap().as_slice(), &reference);
        assert!(mean >= 0.997 && least >= 0.99, "{target}: {mean} {least}");
        let correlation = sts_benchmark(&engine);
        assert!(correlation >= 0.8203 * 0.996, "{target}: {correlation}");
    }
}
