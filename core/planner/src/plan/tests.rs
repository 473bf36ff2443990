//! Plans for machines that are not there.

use drivetrain_contract::{
    Capabilities, Device, DeviceKind, ErrorKind, FormatSupport, Precision, Precisions, Probe, Result, format,
};
use drivetrain_package::Task;

use super::{Absence, Engine, ModelFacts, ModelFile, Plan, Release, Room, Situation, Size, plan};
use crate::{
    Goal, Layer, Profile, Side,
    probe::{Hardware, machines},
    profile::Shipped,
    rules::RuleSet,
    tune::{Figures, Outcome, Speed, Trial},
};

/// Every backend of the project as it describes itself on a machine.
fn engines(hardware: &Hardware) -> Vec<Engine> {
    let cpu = |precisions| Device::cpu("processor", precisions, Capabilities::PADDED_IN | Capabilities::MULTI_INSTANCE);
    let isa = hardware.facts().isa.unwrap_or_default();
    let bf16 = match isa.contains("avx512_bf16") || isa.contains("amx_bf16") || isa.contains("bf16") {
        true => Precisions::BF16,
        false => Precisions::empty(),
    };
    let cuda = hardware.best_gpu().filter(|gpu| gpu.vendor == "nvidia").map(|_| Device {
        kind: DeviceKind::Gpu,
        id: "cuda:0".to_owned(),
        precisions_native: Precisions::F32 | Precisions::F16,
        tier: 100,
        ..cpu(Precisions::empty())
    });
    let engine = |backend: &str, devices: Vec<Device>, formats: &[(&str, i32)]| {
        let formats = formats.iter().map(|&(name, preference)| FormatSupport {
            format: name.to_owned(),
            precisions: Precisions::all(),
            preference,
        });
        Engine {
            backend: backend.to_owned(),
            release: None,
            found: Ok(Probe { devices, formats: formats.collect(), engine_version: None }),
        }
    };
    let int8 = Precisions::F32 | Precisions::I8;
    let with_cuda = |first: Device| cuda.clone().into_iter().chain([first]).collect::<Vec<Device>>();
    let text = Device { capabilities: Capabilities::TEXT_IN, ..cpu(int8) };
    vec![
        engine("libtorch", with_cuda(cpu(Precisions::F32 | bf16)), &[(format::SAFETENSORS, 100)]),
        engine("onnxruntime", with_cuda(cpu(int8)), &[(format::ONNX, 100)]),
        engine("openvino", vec![cpu(int8 | bf16)], &[(format::OPENVINO_IR, 100), (format::ONNX, 50)]),
        engine("static", vec![text], &[(format::STATIC, 100)]),
    ]
}

fn file(format: &str, precision: Precision, path: &str, target: Option<&str>) -> ModelFile {
    let bytes = if precision == Precision::Int8 { 23_000_000 } else { 90_000_000 };
    ModelFile { format: format.into(), precision, path: path.into(), bytes, target: target.map(str::to_owned) }
}

/// A transformer as it is downloaded: weights and a graph; the rest can be made.
fn transformer() -> ModelFacts {
    ModelFacts {
        obstacle: None,
        name: "minilm".to_owned(),
        task: Task::Embed,
        architecture: Some("bert".to_owned()),
        files: vec![
            file(format::SAFETENSORS, Precision::F32, "model.safetensors", None),
            file(format::ONNX, Precision::F32, "onnx/model.onnx", None),
            file(format::ONNX, Precision::F16, "onnx/model_O4.onnx", Some("onnx-O4")),
            file(format::ONNX, Precision::Int8, "onnx/model_qint8_avx512_vnni.onnx", Some("onnx-int8")),
            file(format::OPENVINO_IR, Precision::F32, "openvino/openvino_model.xml", Some("openvino")),
            file(
                format::OPENVINO_IR,
                Precision::Int8,
                "openvino/openvino_model_qint8_quantized.xml",
                Some("openvino-int8"),
            ),
        ],
        max_tokens: Some(256),
        size: Some(Size { hidden: 384, intermediate: 1536, heads: 12 }),
        room: None,
    }
}

fn table() -> ModelFacts {
    let files = vec![file(format::STATIC, Precision::Int8, "model.safetensors", None)];
    ModelFacts { name: "table".to_owned(), files, max_tokens: None, size: None, ..transformer() }
}

struct Case {
    hardware: Hardware,
    engines: Vec<Engine>,
    model: ModelFacts,
    profile: Profile,
}

impl Case {
    fn new(machine: &str, profile: &str) -> Self {
        let hardware = machines::machine(machine);
        let engines = engines(&hardware);
        Self { hardware, engines, model: transformer(), profile: profile_of(&[Layer::text(profile).unwrap()]) }
    }

    fn plan(&self) -> Result<Plan> {
        let Self { hardware, engines, model, profile } = self;
        let situation = Situation { hardware, engines, model, profile, goal: Goal::Throughput, trials: &[] };
        plan(&situation, &RuleSet::named(&profile.plan.rules.value).unwrap())
    }

    #[track_caller]
    fn reason(&self, what: &str) -> String {
        let plan = self.plan().unwrap();
        let found = plan.rejected.iter().find(|rejected| rejected.what().contains(what));
        found.unwrap_or_else(|| panic!("no `{what}` in\n{}", plan.explain())).reason.to_string()
    }
}

fn profile_of(layers: &[Layer]) -> Profile {
    Profile::build(layers).unwrap()
}

#[track_caller]
fn check(machine: &str, profile: &str, expect: &str) {
    let plan = Case::new(machine, profile).plan().unwrap();
    assert!(plan.summary().starts_with(expect), "{machine}, {profile}: not {expect}, but\n{}", plan.explain());
}

#[test]
fn published_rules_decide_where_all_can_be_had() {
    let v5 = "plan.rules = \"sentence-transformers-v5\"\n";
    check("amd-zen5", v5, "onnxruntime on cpu in f32");
    check("intel-laptop", v5, "openvino on cpu in f32");
    check("intel-laptop", &format!("{v5}accuracy.max_loss = 0.004"), "openvino on cpu in int8");
    check("nvidia-t4", &format!("{v5}workload.text_length = \"short\""), "onnxruntime on cuda:0 in f16");
    check("nvidia-t4", &format!("{v5}workload.text_length = \"long\""), "libtorch on cuda:0 in f16");
}

#[test]
fn what_the_profile_says_wins() {
    check("nvidia-t4", "device = \"cpu\"", "openvino on cpu in f32");
    check("nvidia-t4", "limits.deny_devices = [\"gpu\"]", "openvino on cpu in f32");
    check("amd-zen5", "backend = \"libtorch\"", "libtorch on cpu in f32");
    check("amd-zen5", "backend = \"libtorch\"\nprecision = \"bf16\"", "libtorch on cpu in bf16");
    check("amd-zen5", "limits.deny_backends = [\"onnxruntime\"]", "openvino on cpu in f32");
    check("amd-zen5", "precision = \"int8\"", "openvino on cpu in int8");
    check("amd-zen5", "precision = \"int8\"\nlimits.allow_backends = [\"onnxruntime\"]", "onnxruntime on cpu in int8");
}

#[test]
fn everything_else_has_its_reason() {
    let case = Case::new("amd-zen5", "backend = \"onnxruntime\"");
    assert_eq!(case.reason("in int8"), "loses about 0.4 % of the quality, 0 % may be lost");
    assert_eq!(case.reason("libtorch on cpu in f32"), "`backend` is `onnxruntime` (program)");
    assert_eq!(case.reason("static"), "it reads static, which this model has not");
    let case = Case::new("intel-laptop", "");
    assert_eq!(case.reason("onnxruntime on cpu in f32"), "the rules put it later, as onnx");
    assert_eq!(case.reason("libtorch on cpu in bf16"), "the device does not compute in bf16");
    let mut case = Case::new("intel-laptop", "plan.artifacts = \"use-existing\"\naccuracy.max_loss = \"1%\"");
    let remedy = |case: &Case| case.plan().unwrap().rejected.iter().find_map(|rejected| rejected.reason.remedy());
    assert!(remedy(&case).is_some_and(|remedy| remedy.starts_with("drivetrain convert minilm --to ")));
    case.engines[2].found = Err(Absence { reason: "no library".into(), remedy: Some("install it".into()) });
    assert_eq!(case.reason("openvino"), "no library");
    let plan = case.plan().unwrap();
    assert_eq!(plan.chosen.backend, "onnxruntime", "{}", plan.explain());
    assert!(plan.explain().contains("openvino f32 on cpu: not taken: no library"), "{}", plan.explain());
    assert!(plan.explain().contains("→ install it"), "{}", plan.explain());
}

#[test]
fn another_release_of_an_engine_is_used_where_it_was_found_faster() {
    let mut case = Case::new("amd-zen5", "limits.allow_backends = [\"onnxruntime\"]");
    let release = Release { version: "1.31.1".into(), library: "/data/libonnxruntime.so".into() };
    case.engines.push(Engine { release: Some(release), ..case.engines[1].clone() });
    assert_eq!(case.plan().unwrap().summary(), "onnxruntime on cpu in f32, 16 sessions, 16 threads");
    let reason = "another installed release, which is used only where a trial found it faster";
    assert_eq!(case.reason("onnxruntime 1.31.1 on cpu in f32"), reason);
    let rules = RuleSet::named(&case.profile.plan.rules.value).unwrap();
    let Case { hardware, engines, model, profile } = &case;
    let situation = Situation { hardware, engines, model, profile, goal: Goal::Throughput, trials: &[] };
    let contenders = crate::tune::field(&situation, &rules).contenders;
    let names: Vec<String> = contenders.iter().map(|one| one.candidate.engine()).collect();
    assert_eq!(names, ["onnxruntime", "onnxruntime 1.31.1"]);
    let seconds = [2.0, 1.0];
    let trials: Vec<Trial> = contenders
        .iter()
        .zip(seconds)
        .map(|(contender, seconds_per_text)| Trial {
            candidate: contender.candidate.clone(),
            shape: contender.shape,
            outcome: Outcome::Ran(Figures {
                agreement: None,
                speed: Some(Speed { seconds_per_text, spread: 0.0, laps: 3 }),
                ..Figures::default()
            }),
        })
        .collect();
    let plan = plan(&Situation { trials: &trials, ..situation }, &rules).unwrap();
    assert!(plan.summary().starts_with("onnxruntime 1.31.1 on cpu in f32"), "{}", plan.explain());
}

#[test]
fn weights_of_an_unknown_architecture_are_of_no_use() {
    let mut case = Case::new("amd-zen5", "");
    case.model.obstacle =
        Some(Absence { reason: "nobody knows `minilm`".into(), remedy: Some("bring an ONNX file".into()) });
    assert_eq!(case.plan().unwrap().chosen.file.path, "onnx/model.onnx", "a graph needs no architecture");
    assert_eq!(case.reason("libtorch on cpu in f32"), "nobody knows `minilm`");
    case.model.files.retain(|file| file.format == format::SAFETENSORS || file.target.is_some());
    let err = case.plan().unwrap_err();
    assert_eq!((err.kind(), err.message()), (ErrorKind::Unsupported, "nobody knows `minilm`"));
    assert_eq!(err.hint(), Some("bring an ONNX file"));
}

#[test]
fn files_that_the_disk_has_no_room_for_are_not_made() {
    let mut case = Case::new("intel-laptop", "accuracy.max_loss = 0.004\nlimits.disk = \"1MiB\"");
    let plan = case.plan().unwrap();
    assert!(plan.chosen.file.target.is_none(), "{}", plan.explain());
    let reason = "takes about 22 MiB, 1 MiB may be used: `limits.disk` is `1MiB` (program)";
    assert!(case.reason("openvino on cpu in int8").ends_with(reason), "{}", case.reason("openvino on cpu in int8"));
    assert!(plan.explain().contains("→ --set limits.disk=22MiB"), "{}", plan.explain());
    // What the remedy says is enough, unless the disk is full.
    case.profile = profile_of(&[Layer::text("accuracy.max_loss = 0.004\nlimits.disk = \"22MiB\"").unwrap()]);
    assert!(case.plan().unwrap().chosen.file.target.is_some());
    case.model.room = Some(Room { free_bytes: 4 << 20, total_bytes: 1 << 40 });
    let plan = case.plan().unwrap();
    assert!(plan.chosen.file.target.is_none() && !plan.explain().contains("limits.disk="), "{}", plan.explain());
}

#[test]
fn each_side_keeps_to_the_budget_whatever_precision_it_names() {
    let case = |profile: &str, side: Side| {
        let mut case = Case::new("amd-zen5", "");
        case.profile = profile_of(&[Layer::text(profile).unwrap()]).for_side(side);
        case.plan().map(|plan| format!("{}; {}", plan.chosen.precision, plan.loss())).map_err(|err| err.to_text())
    };
    let check = |profile: &str, expect: [&str; 2]| {
        for (side, expect) in Side::ALL.into_iter().zip(expect) {
            let found = case(profile, side).unwrap_or_else(|err| err);
            assert!(found.contains(expect), "{profile}, {side}: {found}");
        }
    };
    let (exact, int8) =
        ("f32; loses nothing: it computes in f32", "int8; loses about 0.4 % of the quality, as is expected");
    check("query.threads = 1", [exact, exact]);
    // Both lose the same: their vectors agree.
    check("precision = \"int8\"\nquery.threads = 1", [int8, int8]);
    check("query.precision = \"int8\"\ndocument.precision = \"int8\"", [int8, int8]);
    // One that loses more than may be lost is not compared with one that loses nothing.
    check("query.precision = \"int8\"", ["loses about 0.4 % of the quality, 0 % may be lost", exact]);
    check(
        "precision = \"int8\"\nquery.precision = \"f32\"",
        [exact, "loses about 0.4 % of the quality, 0 % may be lost"],
    );
    check("query.precision = \"int8\"\naccuracy.max_loss = \"0.4%\"\ndocument.precision = \"f32\"", [int8, exact]);
}

#[test]
fn static_models_run_where_nothing_else_is() {
    let mut case = Case::new("small-container", "");
    case.model = table();
    for engine in &mut case.engines[..3] {
        engine.found = Err(Absence { reason: "no library".into(), remedy: None });
    }
    assert!(case.plan().unwrap().summary().starts_with("static on cpu in f32, 1 session"), "{:?}", case.plan());
}

#[test]
fn memory_limits_shape_the_plan_or_say_what_would_do() {
    let sessions = |profile: &str| Case::new("amd-zen5", profile).plan().map(|plan| plan.shape.sessions);
    assert_eq!(sessions("threads = 8").unwrap(), 8);
    assert!(sessions("threads = 8\nlimits.memory = \"500MiB\"").unwrap() < 8);
    assert_eq!(sessions("threads = 8\nlimits.memory = \"500MiB\"\nworkload.goal = \"latency\"").unwrap(), 1);
    let err = sessions("limits.memory = \"50MiB\"").unwrap_err();
    assert_eq!(err.kind(), ErrorKind::OutOfMemory);
    assert!(err.to_text().contains("raise `limits.memory` to `"), "{}", err.to_text());
    // What the message says is enough.
    let needs = err.to_text().split("to `").nth(1).unwrap().split('`').next().unwrap().to_owned();
    assert_eq!(sessions(&format!("limits.memory = \"{needs}\"")).unwrap(), 1);
}

#[test]
fn when_nothing_is_left_the_error_says_why() {
    let mut case = Case::new("amd-zen5", "backend = \"openvino\"\ndevice = \"cuda:0\"");
    let text = case.plan().unwrap_err().to_text();
    assert!(
        text.contains("nothing here can run the model `minilm`") && text.contains("`device` is `cuda:0`"),
        "{text}"
    );
    case.engines.clear();
    assert_eq!(case.plan().unwrap_err().kind(), ErrorKind::Unsupported);
}

/// Every machine with every shipped profile, its sides too, with the loss it allows and with 0.4 %. After a change that is
/// meant, run with `UPDATE_SNAPSHOTS=1` and read the difference.
#[test]
fn plans_are_as_they_were() {
    const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/plan/tests.snapshot");
    let mut lines = String::new();
    for machine in machines::ALL {
        for name in Shipped::names().into_iter().chain(["default"]) {
            for loss in ["", "accuracy.max_loss = 0.004"] {
                let shipped = (name != "default").then(|| Layer::shipped(name).unwrap());
                let layers: Vec<Layer> = shipped.into_iter().chain([Layer::text(loss).unwrap()]).collect();
                for (side, profile) in with_sides(profile_of(&layers)) {
                    let max_loss = profile.accuracy.max_loss.value;
                    let case = Case { profile, ..Case::new(machine, "") };
                    let summary = case.plan().map_or_else(|err| err.to_text(), |plan| plan.summary());
                    lines += &format!("{machine}, {name}{side}, {max_loss}: {summary}\n");
                }
            }
        }
    }
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(PATH, &lines).unwrap();
    }
    let expect = std::fs::read_to_string(PATH).unwrap();
    assert_eq!(lines, expect, "plans have changed");
}

/// A profile, or one for each of its sides, each with what distinguishes it.
fn with_sides(profile: Profile) -> Vec<(String, Profile)> {
    if !profile.has_sides() {
        return vec![(String::new(), profile)];
    }
    Side::ALL.map(|side| (format!(" {side}"), profile.for_side(side))).into()
}

#[test]
fn what_failed_is_out_also_where_nothing_can_be_lost() {
    let case = Case { model: table(), ..Case::new("amd-zen5", "") };
    let Case { hardware, engines, model, profile } = &case;
    let chosen = case.plan().unwrap();
    let outcome = Outcome::Failed { why: "it broke".to_owned(), may_pass: false };
    let trials = [Trial { candidate: chosen.chosen, shape: chosen.shape, outcome }];
    let rules = RuleSet::named(&profile.plan.rules.value).unwrap();
    let situation = Situation { hardware, engines, model, profile, goal: Goal::Throughput, trials: &trials };
    let err = plan(&situation, &rules).unwrap_err();
    assert!(err.message().contains("failed when it was tried: it broke"), "{}", err.to_text());
}
