//! Processors read from trees as kernels write them.

use super::*;
use crate::probe::{Hardware, fake::Fake};

/// A processor with `threads` logical processors in each core, as a tree's files.
fn topology(fake: &Fake, n_cpus: u32, threads: u32) {
    fake.write("/sys/devices/system/cpu/online", &format!("{}\n", CpuSet::first(n_cpus)));
    let n_cores = n_cpus / threads;
    for cpu in 0..n_cpus {
        let siblings: CpuSet = (0..threads).map(|thread| cpu % n_cores + thread * n_cores).collect();
        fake.write(
            &format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"),
            &format!("{siblings}\n"),
        );
    }
}

#[test]
fn an_intel_server_in_a_part_of_its_cores() {
    let fake = Fake::new(&[
        (
            "/proc/cpuinfo",
            "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\n\
             model name\t: Intel(R) Xeon(R) Platinum 8488C\nstepping\t: 8\nflags\t\t: fpu avx2 amx_tile amx_int8\n",
        ),
        ("/proc/self/status", "Name:\tx\nCpus_allowed:\tf\nCpus_allowed_list:\t0-1,4-5\n"),
        ("/sys/devices/system/cpu/cpu0/cache/index0/level", "1\n"),
        ("/sys/devices/system/cpu/cpu0/cache/index0/type", "Data\n"),
        ("/sys/devices/system/cpu/cpu0/cache/index0/size", "48K\n"),
        ("/sys/devices/system/cpu/cpu0/cache/index0/shared_cpu_list", "0,4\n"),
        ("/sys/devices/system/node/online", "0-1\n"),
        ("/sys/devices/system/node/node0/cpulist", "0-1,4-5\n"),
        ("/sys/devices/system/node/node0/meminfo", "Node 0 MemTotal:   1048576 kB\nNode 0 MemFree: 1 kB\n"),
        ("/sys/devices/system/node/node1/cpulist", "2-3,6-7\n"),
    ]);
    topology(&fake, 8, 2);
    let hardware = Hardware::under(fake.root());
    let cpu = &hardware.cpu;
    assert_eq!(cpu.vendor.as_ref().unwrap().value, "intel");
    assert_eq!(cpu.id.as_ref().unwrap().value, "GenuineIntel 6/143/8");
    assert_eq!(cpu.model.as_ref().unwrap(), &Found::new("Intel(R) Xeon(R) Platinum 8488C".to_owned(), "/proc/cpuinfo"));
    assert!(cpu.isa.as_ref().unwrap().value.contains("amx_int8"));
    assert_eq!((cpu.cores.as_ref().unwrap().value, cpu.threads_per_core.as_ref().unwrap().value), (4, 2));
    assert_eq!((hardware.cpus(), hardware.limits.cores.as_ref().unwrap().value), (Some(4.0), 2));
    assert_eq!(cpu.efficiency, None);
    let cache = &cpu.caches.as_ref().unwrap().value[0];
    assert_eq!((cache.level, cache.kind.as_str(), cache.bytes, cache.shared_by), (1, "data", 49152, 2));
    let nodes = &cpu.nodes.as_ref().unwrap().value;
    assert_eq!((nodes.len(), nodes[0].memory_bytes, nodes[1].memory_bytes), (2, Some(1 << 30), None));
}

#[test]
fn slow_cores_are_told_from_fast_ones() {
    let check = |files: &[(&str, &str)], slow: Option<&str>| {
        let fake = Fake::new(files);
        topology(&fake, 8, 1);
        let hardware = Hardware::under(fake.root());
        assert_eq!(hardware.cpu.efficiency.map(|slow| slow.value.to_string()).as_deref(), slow);
    };
    check(&[("/sys/devices/cpu_core/cpus", "0-3\n"), ("/sys/devices/cpu_atom/cpus", "4-15\n")], Some("4-7"));
    check(&[("/sys/devices/cpu_atom/cpus", "0-7\n")], None);
    check(&[("/sys/devices/cpu_atom/cpus", "\n")], None);
    let capacities: Vec<(String, &str)> = ["1024", "905", "905", "905", "379", "379", "379", "379"]
        .into_iter()
        .enumerate()
        .map(|(cpu, capacity)| (format!("/sys/devices/system/cpu/cpu{cpu}/cpu_capacity"), capacity))
        .collect();
    check(&capacities.iter().map(|(path, text)| (path.as_str(), *text)).collect::<Vec<_>>(), Some("4-7"));
    check(&[], None);
}

#[test]
fn processors_of_arms_kind_have_numbers() {
    let check = |text: &str, vendor: &str, model: &str, id: &str| {
        let cpu = Hardware::under(Fake::new(&[("/proc/cpuinfo", text)]).root()).cpu;
        let values = [cpu.vendor, cpu.model, cpu.id].map(|found| found.unwrap().value);
        assert_eq!(values, [vendor, model, id]);
    };
    let arm = "BogoMIPS\t: 2100\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU architecture: 8\n";
    let graviton = format!("{arm}CPU variant\t: 0x1\nCPU part\t: 0xd40\nCPU revision\t: 1\n");
    check(&graviton, "arm", "Arm Neoverse V1", "0x41/0xd40 r1p1");
    check(&format!("{arm}CPU part\t: 0xfff\n"), "arm", "0x41/0xfff", "0x41/0xfff r0p0");
    check("CPU implementer\t: 0x61\nCPU part\t: 0x032\n", "apple", "0x61/0x032", "0x61/0x032 r0p0");
}

#[test]
fn a_set_of_another_numbering_is_left_out() {
    let check = |affinity: &str, online: &str, cpuset: &str, expected: Option<f64>| {
        let fake = Fake::new(&[
            ("/proc/self/status", &format!("Cpus_allowed_list:\t{affinity}\n")),
            ("/sys/devices/system/cpu/online", online),
            ("/proc/self/cgroup", "0::/\n"),
            ("/proc/self/mountinfo", "30 23 0:26 / /cg rw - cgroup2 cgroup2 rw\n"),
            ("/cg/cpuset.cpus.effective", cpuset),
        ]);
        assert_eq!(Hardware::under(fake.root()).cpus(), expected);
    };
    check("0-3", "0-7", "2-5", Some(2.0));
    check("0-3", "0-7", "64-65", Some(4.0));
    check("nonsense", "0-7", "", Some(8.0));
    check("", "", "", None);
}

#[test]
fn an_empty_machine_is_no_error() {
    let hardware = Hardware::under(Fake::new(&[]).root());
    assert_eq!(hardware, Hardware::unknown());
    assert_eq!((hardware.cpus(), hardware.memory_bytes(), hardware.best_gpu()), (None, None, None));
}
