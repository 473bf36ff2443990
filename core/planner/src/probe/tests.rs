//! Tests of machines as a whole: those among the fixtures, and the one this runs on.

use std::{collections::BTreeSet, fs};

use drivetrain_contract::DeviceKind;

use super::{Hardware, fake::Fake, machines};
use crate::rules::{Facts, ISA};

#[test]
fn machines_are_data_that_says_where_it_is_from() {
    let files = fs::read_dir(machines::FOLDER).unwrap();
    let files: BTreeSet<String> =
        files.map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(files, machines::ALL.map(str::to_owned).into());
    for name in machines::ALL {
        let written: serde_json::Value = serde_json::from_str(&machines::text(name)).unwrap();
        let machine = machines::machine(name);
        assert_eq!(machine.version, Hardware::VERSION);
        assert_eq!(serde_json::to_value(&machine).unwrap(), written, "{name}");
        let isa = machine.cpu.isa.unwrap();
        assert!(isa.value.iter().all(|word| ISA.contains(&word.as_str())), "{name}: {isa:?}");
        assert!(!isa.source.is_empty());
    }
}

#[test]
fn what_may_be_used_is_the_least_of_all_limits() {
    let check = |name: &str, cpus: f64, cores: Option<u32>, gib: f64| {
        let machine = machines::machine(name);
        let memory = machine.memory_bytes().unwrap() as f64 / (1u64 << 30) as f64;
        assert_eq!(machine.cpus(), Some(cpus), "{name}");
        assert_eq!(machine.limits.cores.as_ref().map(|cores| cores.value), cores, "{name}");
        assert!((memory - gib).abs() < 1.0, "{name}: {memory}");
        assert!(machine.memory_available_bytes() <= machine.memory_bytes());
    };
    check("intel-amx-server", 64.0, Some(32), 246.0);
    check("intel-laptop", 16.0, Some(12), 15.3);
    check("nvidia-h200", 16.0, Some(8), 128.0);
    check("small-container", 1.0, Some(4), 0.5);
    check("apple-m", 10.0, None, 16.0);
    let mut container = machines::machine("small-container");
    container.limits.cpu_quota.as_mut().unwrap().value = 1.5;
    assert_eq!(container.cpus(), Some(1.5));
}

#[test]
fn machines_are_told_apart_by_what_matters_to_engines() {
    let check = |name: &str, expected: &str| assert_eq!(machines::machine(name).identity().to_string(), expected);
    check(
        "intel-laptop",
        "linux-x86_64 12th Gen Intel(R) Core(TM) i7-1260P (GenuineIntel 6/154/3); avx2 avx_vnni f16c fma; \
         16 on 12 cores of 12, 8 slow, 2 threads each",
    );
    check(
        "nvidia-t4",
        "linux-x86_64 Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz (GenuineIntel 6/85/7); \
         avx2 avx512_vnni avx512bw avx512dq avx512f avx512vl f16c fma; 16 on 8 cores of 8, 0 slow, 2 threads each; \
         Tesla T4 (driver 550.54.15)",
    );
    let machine = machines::machine("nvidia-l4");
    let mut other = machine.clone();
    other.gpus[0].value.memory_free = Some(1);
    other.gpus[0].value.uuid = None;
    other.memory.available = None;
    assert_eq!(other.identity(), machine.identity());
    other.gpus[0].value.driver = Some("1".to_owned());
    assert_ne!(other.identity(), machine.identity());
    let all: BTreeSet<String> = machines::ALL.map(|name| machines::machine(name).identity().to_string()).into();
    assert_eq!(all.len(), machines::ALL.len());
    assert!(!Hardware::unknown().identity().to_string().is_empty());
}

#[test]
fn rules_are_told_what_is_known_and_no_more() {
    let facts = |name: &str| machines::machine(name).facts();
    let t4 = facts("nvidia-t4");
    assert_eq!((t4.device, t4.device_memory_gib), (Some(DeviceKind::Gpu), Some(15.0)));
    assert_eq!((t4.gpu_vendor.as_deref(), t4.compute_capability), (Some("nvidia"), Some(7.5)));
    assert_eq!((t4.flash_attention, facts("nvidia-l4").flash_attention), (Some(false), None));
    let container = facts("small-container");
    assert_eq!((container.device, container.cpus, container.memory_gib), (Some(DeviceKind::Cpu), Some(1.0), Some(0.5)));
    assert_eq!((container.text_chars, container.max_loss, container.goal), (None, None, None));
    assert_eq!(facts("apple-m").device, Some(DeviceKind::IntegratedGpu));
    let nothing = Hardware::unknown().facts();
    assert_eq!(nothing, Facts { device: Some(DeviceKind::Cpu), ..Facts::default() });

    let mut several = machines::machine("nvidia-l4");
    several.gpus.extend(machines::machine("apple-m").gpus);
    several.gpus.extend(machines::machine("nvidia-h200").gpus);
    assert_eq!(several.best_gpu().unwrap().name, "NVIDIA H200");
}

/// Files of a machine in a container, each of which something is read from.
const FILES: [(&str, &str); 15] = [
    ("/proc/cpuinfo", "vendor_id: GenuineIntel\ncpu family: 6\nmodel: 143\nmodel name: X\nflags: avx2\n"),
    ("/proc/meminfo", "MemTotal: 8 kB\nMemAvailable: 4 kB\n"),
    ("/proc/self/status", "Cpus_allowed_list: 0-1\n"),
    ("/proc/self/cgroup", "0::/a\n3:cpu,cpuset,memory:/a\n"),
    ("/proc/self/mountinfo", "1 2 0:3 / /v2 rw - cgroup2 c rw\n1 2 0:4 / /v1 rw - cgroup c rw,cpu,cpuset,memory\n"),
    ("/v2/a/cpu.max", "150000 100000\n"),
    ("/v2/a/cpuset.cpus.effective", "0\n"),
    ("/v2/a/memory.max", "4096\n"),
    ("/v2/a/memory.current", "1024\n"),
    ("/v1/a/cpu.cfs_quota_us", "50000\n"),
    ("/v1/a/cpu.cfs_period_us", "100000\n"),
    ("/v1/a/memory.limit_in_bytes", "2048\n"),
    ("/sys/devices/system/cpu/online", "0-1\n"),
    ("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0-1\n"),
    ("/sys/devices/system/node/online", "0\n"),
];

#[test]
fn whatever_a_file_says_the_others_are_read() {
    let whole = Hardware::under(Fake::new(&FILES).root());
    assert_eq!(
        (whole.cpus(), whole.memory_bytes(), whole.memory_available_bytes()),
        (Some(0.5), Some(2048), Some(2048))
    );
    let long = "9".repeat(1 << 20);
    let garbage =
        ["", "\0", "-1", ":", "0-65535", "99999999999999999999", "a - b - c", "/../..:::\\", "\u{7f}\u{85}:", &long];
    for (path, _) in FILES {
        let fake = Fake::new(&FILES);
        for text in garbage {
            fake.write(path, text);
            let hardware = Hardware::under(fake.root());
            assert!(
                hardware.cpus().is_some_and(|cpus| cpus > 0.0 && cpus <= 2.0),
                "{path}: {}",
                &text[..text.len().min(40)]
            );
            assert!(!hardware.identity().to_string().is_empty());
        }
    }
}

#[test]
fn this_machine_has_a_processor() {
    let machine = Hardware::of_this_machine();
    assert!(machine.cpus().unwrap() > 0.0);
    assert!(machine.usable().len() >= machine.cpus().unwrap().ceil() as usize);
    let again: Hardware = serde_json::from_value(serde_json::to_value(&machine).unwrap()).unwrap();
    assert_eq!(again, machine);
    assert_eq!(Hardware::of_this_machine().identity(), machine.identity());
}

#[cfg(target_os = "linux")]
#[test]
fn this_machine_says_what_it_is() {
    let machine = Hardware::of_this_machine();
    assert!(machine.cpu.vendor.is_some() && machine.cpu.isa.is_some() && machine.cpu.online.is_some());
    assert!(machine.memory_bytes().unwrap() >= machine.memory_available_bytes().unwrap());
}
