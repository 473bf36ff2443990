//! Everything that may differ between two locks has its name.

use super::{cpu, cuda, lock, lock_on};
use crate::{
    lock::{Lock, LockedMachine, file_hashes::in_memory},
    probe::machines,
};

#[track_caller]
fn check<T>(change: impl FnOnce(&mut Lock) -> T, expected: &[&str]) {
    let (before, mut now) = (lock(), lock());
    let _ = change(&mut now);
    let found: Vec<String> = before.differences(&now).iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
    let back = now.differences(&before);
    let names = |found: &[String]| found.iter().map(|one| one.split(": ").next().unwrap().to_owned()).collect();
    let expected: Vec<String> = names(&found);
    assert_eq!(back.into_iter().map(|one| one.name).collect::<Vec<_>>(), expected, "the other way round");
}

#[test]
fn every_difference_is_named() {
    check(|_| {}, &[]);
    check(|lock| lock.model.name = "m".into(), &["model.name: minilm → m (may differ)"]);
    check(|lock| lock.model.task = "rerank".into(), &["model.task: embed → rerank"]);
    check(|lock| lock.plan.backend = "b".into(), &["plan.backend: onnxruntime → b"]);
    check(|lock| lock.plan.device = "cuda:0".into(), &["plan.device: cpu → cuda:0"]);
    check(|lock| lock.plan.kind = drivetrain_contract::DeviceKind::Npu, &["plan.kind: cpu → npu"]);
    check(|lock| lock.plan.precision = drivetrain_contract::Precision::Bf16, &["plan.precision: f32 → bf16"]);
    check(|lock| lock.plan.stored = drivetrain_contract::Precision::F16, &["plan.stored: f32 → f16"]);
    check(|lock| lock.plan.file = "x".into(), &["plan.file: onnx/model.onnx → x"]);
    check(|lock| lock.plan.format = "x".into(), &["plan.format: onnx → x"]);
    check(|lock| lock.plan.goal = crate::Goal::Memory, &["plan.goal: throughput → memory"]);
    check(|lock| lock.plan.sessions = 1, &["plan.sessions: 2 → 1"]);
    check(|lock| lock.plan.threads = 8, &["plan.threads: 4 → 8"]);
    check(|lock| lock.plan.batch_tokens = Some(512), &["plan.batch_tokens: nothing → 512"]);
    check(|lock| lock.plan.memory_bytes = 1 << 20, &["plan.memory: 344 MiB → 1 MiB (may differ)"]);
    check(|lock| lock.engine.plugin = "0.2.0".into(), &["engine.plugin: 0.1.0 → 0.2.0"]);
    check(|lock| lock.engine.version = None, &["engine.version: 1.28.0 → nothing"]);
    check(
        |lock| lock.engine.settings = serde_json::from_str("{\"a\": [1]}").unwrap(),
        &["engine.settings.a: nothing → [1]", "engine.settings.graph_optimization: \"basic\" → nothing"],
    );
    check(
        |lock| lock.measured.insert("ns_per_token".into(), 41.5),
        &["measured.ns_per_token: nothing → 41.5 (may differ)"],
    );
}

#[test]
fn files_differ_by_length_or_contents() {
    check(
        |lock| lock.model.files.insert("config.json".into(), in_memory(b"longer than it was")),
        &["model.files.config.json: 11 bytes → 18 bytes"],
    );
    check(
        |lock| lock.model.files.insert("config.json".into(), in_memory(b"config.jsoM")),
        &["model.files.config.json: sha256 587cb980af76 → sha256 7dcd278d0b04"],
    );
    check(|lock| lock.model.files.remove("tokenizer.json"), &["model.files.tokenizer.json: 14 bytes → nothing"]);
    check(
        |lock| lock.model.files.insert("2_Dense/config.json".into(), in_memory(b"")),
        &["model.files.2_Dense/config.json: nothing → 0 bytes"],
    );
}

#[test]
fn every_fact_of_the_machine_is_named() {
    let machine = |change: fn(&mut LockedMachine)| move |lock: &mut Lock| change(&mut lock.machine);
    check(machine(|machine| machine.platform = "p".into()), &["machine.platform: linux-x86_64 → p"]);
    check(machine(|machine| machine.cpu_vendor = None), &["machine.cpu_vendor: amd → nothing"]);
    check(
        machine(|machine| machine.cpu_model = Some("M".into())),
        &["machine.cpu_model: AMD Ryzen 9 9950X 16-Core Processor → M"],
    );
    check(machine(|machine| machine.cpu_id = Some("I".into())), &["machine.cpu_id: AuthenticAMD 26/68/0 → I"]);
    check(machine(|machine| machine.cpus = Some(1.5)), &["machine.cpus: 32 → 1.5"]);
    check(machine(|machine| machine.cores = Some(1)), &["machine.cores: 16 → 1"]);
    check(
        machine(|machine| {
            let isa = machine.isa.as_mut().unwrap();
            assert!(isa.remove("avx512_bf16"));
            isa.extend(["amx_int8".to_owned(), "amx_tile".to_owned()]);
        }),
        &["machine.isa: avx512_bf16 → amx_int8 amx_tile"],
    );
    check(|lock| lock.machine.isa.as_mut().unwrap().pop_first(), &["machine.isa: avx2 → nothing"]);
}

#[test]
fn memory_may_differ_while_it_is_enough() {
    let may_differ = |bytes: Option<u64>| {
        let mut now = lock();
        now.machine.memory_bytes = bytes;
        let [difference] = &lock().differences(&now)[..] else { panic!("one difference") };
        assert_eq!(difference.name, "machine.memory");
        difference.may_differ
    };
    let needs = lock().plan.memory_bytes;
    assert!(may_differ(Some(needs)) && may_differ(None) && may_differ(Some(u64::MAX)));
    assert!(!may_differ(Some(needs - 1)));
}

#[test]
fn a_lock_is_for_its_machine_only() {
    for one in machines::ALL {
        for other in machines::ALL {
            let differences = lock_on(one, &cpu()).differences(&lock_on(other, &cpu()));
            let refused = differences.iter().any(|difference| !difference.may_differ);
            assert_eq!(refused, one != other, "{one}, {other}: {differences:?}");
            assert!(differences.iter().all(|difference| difference.name.starts_with("machine.")), "{differences:?}");
        }
    }
}

#[test]
fn the_first_differences_are_refused_by_name() {
    let (lock, mut now) = (lock(), lock());
    (now.model.name, now.plan.memory_bytes) = ("m".to_owned(), 0);
    lock.check("l", &now).unwrap();
    now.machine.cores = Some(1);
    let err = lock.check("l", &now).unwrap_err();
    assert_eq!(err.message(), "not as `l` says: machine.cores: 16 → 1");
    assert!(err.hint().unwrap().contains("`drivetrain plan --lock l`"));
    now.model.files.clear();
    let of_another = lock.check("l", &now).unwrap_err();
    assert_eq!(of_another.message(), format!("`l` is of the model `{}`, and this is `m`", lock.model.name));
    now.model.name.clone_from(&lock.model.name);
    (now.engine.plugin, now.engine.version) = ("9".to_owned(), None);
    let message = lock.check("l", &now).unwrap_err().message().to_owned();
    assert!(message.starts_with("not as `l` says: engine.plugin: 0.1.0 → 9; engine.version: "), "{message}");
    assert!(message.ends_with("; model.files.config.json: 11 bytes → nothing; and 2 more"), "{message}");
}

#[test]
fn cards_matter_to_plans_on_them() {
    let t4 = cuda("Tesla T4", "0000:00:1e.0");
    let on_card = lock_on("nvidia-t4", &t4);
    let gpu = on_card.machine.gpu.clone().unwrap();
    assert_eq!(gpu.name, "Tesla T4");
    let driver = machines::machine("nvidia-t4").gpus[0].value.driver.clone();
    assert!(driver.is_some());
    assert_eq!(gpu.driver, driver);
    for (name, address) in [("Tesla T4", "nowhere"), ("another name", "0000:00:1e.0"), ("another name", "nowhere")] {
        let gpu = lock_on("nvidia-t4", &cuda(name, address)).machine.gpu.unwrap();
        assert_eq!((gpu.name.as_str(), &gpu.driver), (name, &driver), "by address, by name, or the only one");
    }
    let mut updated = on_card.clone();
    updated.machine.gpu.as_mut().unwrap().driver = Some("999.1".to_owned());
    let [difference] = &on_card.differences(&updated)[..] else { panic!("one difference") };
    assert_eq!((difference.name.as_str(), difference.may_differ), ("machine.gpu.driver", false));
    assert_eq!(lock_on("nvidia-t4", &cpu()).machine.gpu, None);
}
