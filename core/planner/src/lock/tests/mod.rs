//! Locks of machines and models that are not there.

mod broken;
mod differences;
mod files;
mod plan_files;

use std::collections::BTreeMap;

use drivetrain_contract::{Capabilities, Device, DeviceKind, Precision, Precisions, Probe};
use serde_json::{Value, json};

use super::{Lock, LockedEngine, LockedFile, LockedMachine, LockedModel, LockedPlan, file_hashes::in_memory};
use crate::{
    Goal,
    plan::{Candidate, Memory, ModelFile, Shape},
    probe::machines,
};

fn cpu() -> Device {
    Device::cpu("processor", Precisions::F32, Capabilities::PADDED_IN)
}

fn cuda(name: &str, address: &str) -> Device {
    let fingerprint = address.as_bytes().to_vec();
    Device { kind: DeviceKind::Gpu, id: "cuda:0".to_owned(), name: name.to_owned(), fingerprint, ..cpu() }
}

fn file_of(bytes: u64) -> ModelFile {
    let (format, path) = ("onnx".to_owned(), "onnx/model.onnx".to_owned());
    ModelFile { format, precision: Precision::F32, path, bytes, target: None }
}

fn chosen(device: &Device) -> Candidate {
    let (device, kind) = (device.id.clone(), device.kind);
    Candidate {
        backend: "onnxruntime".to_owned(),
        release: None,
        device,
        kind,
        precision: Precision::F32,
        file: file_of(7),
    }
}

fn shape() -> Shape {
    Shape { sessions: 2, threads: 4, batch_tokens: None }
}

const MEMORY: Memory = Memory { program: 64 << 20, weights: 180 << 20, activations: 100 << 20 };

/// A lock made on one of the machines, for a plan on a device.
fn lock_on(machine: &str, device: &Device) -> Lock {
    let files: BTreeMap<String, LockedFile> = ["config.json", "onnx/model.onnx", "tokenizer.json"]
        .map(|path| (path.to_owned(), in_memory(path.as_bytes())))
        .into();
    let probe = Probe { engine_version: Some("1.28.0".to_owned()), ..Probe::default() };
    let Value::Object(settings) = json!({ "graph_optimization": "basic" }) else { unreachable!("it is an object") };
    Lock {
        model: LockedModel { name: "minilm".to_owned(), task: "embed".to_owned(), files },
        plan: LockedPlan::of(&chosen(device), shape(), MEMORY, Goal::Throughput),
        engine: LockedEngine::of("0.1.0", &probe, settings),
        machine: LockedMachine::of(&machines::machine(machine), Some(device)),
        measured: BTreeMap::new(),
    }
}

fn lock() -> Lock {
    lock_on("amd-zen5", &cpu())
}

/// What `drivetrain plan --json` prints, as far as it is read.
fn printed() -> Value {
    json!({
        "model": "minilm",
        "chosen": chosen(&cpu()),
        "shape": shape(),
        "memory": MEMORY,
        "goal": "throughput",
        "walk": null,
        "rejected": [
            { "backend": "static", "candidate": null, "reason": { "why": "no_file", "reads": ["static"] } },
            { "backend": "other", "candidate": chosen(&cpu()), "reason": { "why": "later", "choice": null } },
        ],
    })
}

#[track_caller]
fn check_round_trip(lock: &Lock) {
    let text = lock.to_toml();
    assert_eq!(&Lock::parse("l", &text).unwrap_or_else(|err| panic!("{err}\n{text}")), lock, "{text}");
}

#[test]
fn what_is_written_is_read() {
    for machine in machines::ALL {
        check_round_trip(&lock_on(machine, &cpu()));
    }
    check_round_trip(&lock_on("nvidia-t4", &cuda("Tesla T4", "0000:00:1e.0")));
    let mut lock = lock();
    let hard = "quotes \" ' \\, breaks \r\n\t, controls \u{0}\u{1b}\u{7f}\u{85}, ü \u{2028} 😀, # = [a] {b}";
    lock.model.name = hard.to_owned();
    lock.model.files.insert("sub folder/\"ü\".onnx_data".to_owned(), in_memory(b""));
    lock.machine.cpu_model = Some(hard.to_owned());
    lock.machine.cpus = Some(1.5);
    (lock.machine.isa, lock.machine.memory_bytes, lock.engine.version) = (None, None, None);
    lock.plan.batch_tokens = Some(512);
    let settings = json!({ "a b": { "c": [1, -2.5, true, hard], "d": {} }, "e": 1e300 });
    lock.engine.settings = settings.as_object().expect("an object").clone();
    lock.measured = [("ns_per_token", 41_000.0), ("odd name", 1e-300), ("much", f64::INFINITY)]
        .map(|(name, figure)| (name.to_owned(), figure))
        .into();
    check_round_trip(&lock);
    lock.engine.settings.insert("nothing".to_owned(), Value::Null);
    assert!(!lock.to_toml().contains("nothing"), "{}", lock.to_toml());
}

#[test]
fn what_is_locked_is_what_is_run() {
    assert_eq!((lock().candidate(), lock().shape()), (Candidate { file: file_of(15), ..chosen(&cpu()) }, shape()));
}

#[test]
fn the_text_is_for_people() {
    let text = lock().to_toml();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("# ") && lines[0].contains(env!("CARGO_PKG_VERSION")), "{text}");
    assert_eq!(lines[2], "version = 1");
    let files: Vec<&&str> = lines.iter().filter(|line| line.contains("sha256")).collect();
    assert_eq!(files.len(), 3, "a line for each file");
    assert!(files.is_sorted());
    assert!(lines.iter().all(|line| line.len() <= 140), "{text}");
    assert_eq!(text, lock().to_toml());
}

#[test]
fn a_file_is_whole_and_replaces_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("drivetrain.lock");
    for threads in [1, 2] {
        let mut lock = lock();
        lock.plan.threads = threads;
        lock.write(&path).unwrap();
        assert_eq!(Lock::read(&path).unwrap(), lock);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o600, 0o600, "{mode:o}");
        let plain = tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o666)).tempfile().unwrap();
        let expected = plain.as_file().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, expected & 0o777, "as any new file, not as a temporary one");
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    let err = lock().write(&folder.path().join("none/drivetrain.lock")).unwrap_err();
    assert_eq!(err.kind(), drivetrain_contract::ErrorKind::Io);
}
