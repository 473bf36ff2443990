//! Files of a model that were made to do harm: an error each that names the file, soon, and in little memory.

use std::{fs, os::unix::fs::symlink, path::Path, time::Duration};

use drivetrain_tests::{
    Program, fixtures_dir,
    wire::{int, part},
};

use crate::cli::{Workplace, workplace::copy_tree};

/// What a refusal may take beside what a run takes.
const MOST_BYTES: u64 = 100_000_000;
/// Milliseconds, but for machines that are busy with other tests.
const MOST_TIME: Duration = Duration::from_secs(20);

/// A copy of a model that is broken in one way after another.
struct Victim {
    place: Workplace,
    backend: &'static str,
    /// Memory that a run of the sound model takes.
    usual_bytes: u64,
}

impl Victim {
    /// With what the first run makes beside the model; `None` where that cannot be run.
    fn new(fixture: &str, backend: &'static str) -> Option<Self> {
        let place = Workplace::new()?;
        place.fixture(fixture, "model");
        let (outcome, usual_bytes) = embed(&place, backend).start().wait_with_peak();
        outcome.succeeded();
        copy_tree(&place.path("model"), &place.path("sound"));
        Some(Self { place, backend, usual_bytes })
    }

    /// Damages the model and checks that it is refused with all of this, then puts it back.
    fn check(&self, damage: impl FnOnce(&Path), expected: &[&str]) {
        let model = self.place.path("model");
        damage(&model);
        let (outcome, peak) = embed(&self.place, self.backend).start().wait_with_peak();
        outcome.failed(3, expected);
        assert!(outcome.took < MOST_TIME, "{expected:?}: {:?}", outcome.took);
        assert!(peak < self.usual_bytes + MOST_BYTES, "{expected:?}: {peak} bytes, usually {}", self.usual_bytes);
        fs::remove_dir_all(&model).expect("a copy");
        copy_tree(&self.place.path("sound"), &model);
    }

    fn check_file(&self, file: &str, contents: &[u8], expected: &str) {
        let name = file.rsplit('/').next().expect("a name");
        self.check(|model| put(model, file, contents), &[expected, name]);
    }
}

fn embed(place: &Workplace, backend: &str) -> Program {
    place.program(&["embed", "a text", "-m", "model", "--backend", backend])
}

fn put(model: &Path, file: &str, contents: &[u8]) {
    let path = model.join(file);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, contents).expect("a file");
}

fn model(graph: impl AsRef<[u8]>) -> Vec<u8> {
    [int(1, 8), part(8, int(2, 17)), part(7, graph)].concat()
}

/// An initializer of two floats that are in this file.
fn elsewhere(file: &str) -> Vec<u8> {
    let place = part(13, [part(1, "location"), part(2, file)].concat());
    model(part(5, [int(1, 2), int(2, 1), part(8, "w"), place, int(14, 1)].concat()))
}

fn node(inputs: &[&str], output: &str, op: &str) -> Vec<u8> {
    let inputs: Vec<u8> = inputs.iter().flat_map(|name| part(1, name)).collect();
    part(1, [inputs, part(2, output), part(4, op)].concat())
}

#[test]
fn graphs_that_do_harm_are_not_given_to_an_engine() {
    for backend in ["onnxruntime", "openvino"] {
        let Some(victim) = Victim::new("bert-mean", backend) else { return };
        let check = |contents: &[u8], expected| victim.check_file("onnx/model.onnx", contents, expected);
        check(&elsewhere("../../../../../../etc/passwd"), "which is not a file beside it");
        check(&elsewhere("/etc/passwd"), "which is not a file beside it");
        check(&elsewhere("../config.json"), "which is not a file beside it");
        check(&elsewhere("*/_ORT_MEM_ADDR_/*"), "missing");
        let circle = [node(&["input_ids", "b"], "a", "Add"), node(&["a"], "b", "Relu")].concat();
        check(&model(circle), "is computed from itself");
        let huge = [int(1, 1 << 30), int(1, 1 << 30), int(2, 1), part(8, "w"), part(9, [0; 4])].concat();
        check(&model(part(5, huge)), "4 bytes");
        check(&model([0x0a, 0].repeat(3_000_000)), "fields");
        check(&model((0..1000).fold(Vec::new(), |inner, _| part(1, part(5, part(6, inner))))), "inside each other");
        victim.check(
            |model| {
                put(model, "onnx/model.onnx", &elsewhere("stolen"));
                symlink("/etc/passwd", model.join("onnx/stolen")).expect("a link");
            },
            &["onnx/model.onnx", "`stolen`, which is not a file beside it"],
        );
    }
}

#[test]
fn graphs_for_openvino_do_not_reach_beyond_their_weights() {
    let Some(place) = Workplace::new() else { return };
    let folder = place.fixture("bert-mean", "model");
    place.run(&["convert", "model", "--to", "openvino"]).succeeded();
    let xml = fs::read_to_string(folder.join("openvino/openvino_model.xml")).expect("a graph");
    let Some(victim) = Victim::new("bert-mean", "openvino") else { return };
    let bin = fs::read(folder.join("openvino/openvino_model.bin")).expect("weights");
    let check = |xml: &str, bin: Option<&[u8]>, expected| {
        let damage = |model: &Path| {
            put(model, "openvino/openvino_model.xml", xml.as_bytes());
            bin.into_iter().for_each(|bin| put(model, "openvino/openvino_model.bin", bin));
        };
        victim.check(damage, &["openvino_model", expected]);
    };
    check(&xml, None, "missing");
    check(&xml, Some(&bin[..bin.len() - 1]), "bytes long");
    check(&xml.replacen("offset=\"0\"", "offset=\"18446744073709551600\"", 1), Some(&bin), "beyond any file");
    check(&xml.replacen("offset=\"0\"", "offset = '9999999999'", 1), Some(&bin), "bytes long");
    let bomb = (1..40).fold(String::from("<!ENTITY a0 \"x\">"), |entities, idx| {
        entities + &format!("<!ENTITY a{idx} \"&a{0};&a{0};\">", idx - 1)
    });
    let (head, rest) = xml.split_once("?>").unwrap_or(("", &xml));
    check(&format!("{head}?><!DOCTYPE net [{bomb}]>{rest}"), Some(&bin), "document type");
    check(&"<a>".repeat(1_000_000), Some(&bin), "nested");
}

#[test]
fn weights_that_do_harm_are_refused() {
    let Some(victim) = Victim::new("static-wordpiece", "static") else { return };
    let check = |contents: &[u8], expected| victim.check_file("model.safetensors", contents, expected);
    let with_header = |header: String| [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 16]].concat();
    for length in [(1u64 << 63) - 1, 1 << 63, u64::MAX] {
        check(&[&length.to_le_bytes()[..], b"{}"].concat(), "header would have");
    }
    let entry = |name: &str, shape: &str, begin: u64, end: u64| {
        format!("\"{name}\":{{\"dtype\":\"F32\",\"shape\":[{shape}],\"data_offsets\":[{begin},{end}]}}")
    };
    let two = |a: String, b: String| with_header(format!("{{{a},{b}}}"));
    check(&two(entry("a", "2", 0, 8), entry("b", "3", 4, 16)), "not a whole safetensors file");
    check(&two(entry("a", "2", 0, 8), entry("b", "200", 8, 808)), "truncated");
    check(&two(entry("a", "3", 0, 8), entry("b", "2", 8, 16)), "`a` of shape [3]");
    check(&two(entry("a", "4294967296,4294967296,4294967296", 0, 8), entry("b", "2", 8, 16)), "`a` of shape");
    check(&with_header(format!("{{{}}}", entry("a", &"1,".repeat(5_000_000), 0, 16))), "not the JSON");
}

#[test]
fn pickles_that_do_harm_are_refused() {
    let Some(place) = Workplace::new() else { return };
    let folder = place.fixture("bert-mean", "model");
    fs::remove_file(folder.join("model.safetensors")).expect("weights");
    let tiny = fs::read(fixtures_dir().join("pytorch/tiny.bin")).expect("a fixture");
    let check = |contents: &[u8], expected| {
        put(&folder, "pytorch_model.bin", contents);
        let (outcome, peak) = place.program(&["embed", "x", "-m", "model"]).start().wait_with_peak();
        outcome.failed(3, &["pytorch_model.bin", expected]);
        assert!(outcome.took < MOST_TIME && peak < 3 * MOST_BYTES, "{expected}: {:?}, {peak} bytes", outcome.took);
    };
    check(&tiny, "no tensor");
    check(&tiny[..tiny.len() - 1], "truncated");
    // A program in the place of the first tensor's maker, of the same length.
    let name = b"ctorch._utils\n_rebuild_tensor_v2\n";
    let at = tiny.windows(name.len()).position(|window| window == name).expect("a call");
    let mut program = tiny.clone();
    program[at..at + name.len()].copy_from_slice(b"cos\nsystem______________________\n");
    check(&program, "`os.system______________________`, which is not part of weights");
}
