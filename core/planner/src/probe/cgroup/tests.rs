//! Limits read from trees as container engines and init systems make them.

use super::*;
use crate::probe::fake::Fake;

const V2: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
const GIB: u64 = 1 << 30;

/// Quota, memory, memory left, and the processors of the set.
type Expected<'a> = (Option<f64>, Option<u64>, Option<u64>, Option<&'a str>);

fn check(files: &[(&str, &str)], expected: Expected<'_>) -> Limits {
    let limits = limits(&Fake::new(files).tree());
    let set = limits.cpuset.as_ref().map(|set| set.value.to_string());
    let value = |found: &Option<Found<u64>>| found.as_ref().map(|found| found.value);
    let found = (limits.cpu_quota.as_ref().map(|quota| quota.value), value(&limits.memory));
    assert_eq!((found.0, found.1, value(&limits.memory_available), set.as_deref()), expected);
    limits
}

#[test]
fn a_container_sees_its_own_group_as_the_root() {
    let limits = check(
        &[
            ("/proc/self/cgroup", "0::/\n"),
            ("/proc/self/mountinfo", V2),
            ("/sys/fs/cgroup/cpu.max", "150000 100000\n"),
            ("/sys/fs/cgroup/cpuset.cpus.effective", "0-1\n"),
            ("/sys/fs/cgroup/memory.max", "2147483648\n"),
            ("/sys/fs/cgroup/memory.high", "max\n"),
            ("/sys/fs/cgroup/memory.current", "1610612736\n"),
            ("/sys/fs/cgroup/memory.stat", "anon 5\ninactive_file 1073741824\nactive_file 7\n"),
        ],
        (Some(1.5), Some(2 * GIB), Some(3 * GIB / 2), Some("0-1")),
    );
    assert_eq!(limits.cpu_quota.unwrap().source, "/sys/fs/cgroup/cpu.max");
}

#[test]
fn the_least_of_all_groups_above_counts() {
    let pod = "/sys/fs/cgroup/kubepods.slice/pod1";
    let limits = check(
        &[
            ("/proc/self/cgroup", "0::/kubepods.slice/pod1/box\n"),
            ("/proc/self/mountinfo", V2),
            (&format!("{pod}/box/cpu.max"), "max 100000\n"),
            (&format!("{pod}/box/memory.max"), "8589934592\n"),
            (&format!("{pod}/box/memory.current"), "0\n"),
            (&format!("{pod}/cpu.max"), "50000 100000\n"),
            (&format!("{pod}/memory.max"), "max\n"),
            (&format!("{pod}/memory.high"), "1073741824\n"),
            (&format!("{pod}/memory.current"), "2147483648\n"),
            ("/sys/fs/cgroup/kubepods.slice/cpu.max", "400000\n"),
            ("/sys/fs/cgroup/kubepods.slice/cpuset.cpus.effective", "0-3\n"),
        ],
        (Some(0.5), Some(GIB), Some(0), Some("0-3")),
    );
    assert_eq!(limits.cpu_quota.unwrap().source, format!("{pod}/cpu.max"));
    assert_eq!(limits.memory.unwrap().source, format!("{pod}/memory.high"));
}

#[test]
fn a_path_from_outside_is_read_at_the_mount() {
    for path in ["0::/../../system.slice/docker-1.scope\n", "0::/docker/absent\n"] {
        check(
            &[("/proc/self/cgroup", path), ("/proc/self/mountinfo", V2), ("/sys/fs/cgroup/cpu.max", "200000 100000\n")],
            (Some(2.0), None, None, None),
        );
    }
}

#[test]
fn version_1_has_a_hierarchy_for_each_kind() {
    let mounts = "\
31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 /docker/a /sys/fs/cgroup/cpu,cpuacct ro,nosuid master:11 - cgroup cgroup rw,cpu,cpuacct
34 31 0:31 /docker/a /sys/fs/cgroup/cpuset ro - cgroup cgroup rw,cpuset
35 31 0:32 /docker/a /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
";
    let memory = "/sys/fs/cgroup/memory";
    check(
        &[
            (
                "/proc/self/cgroup",
                "7:memory:/docker/a/b\n5:cpuset:/docker/a\n4:cpu,cpuacct:/docker/a\n1:name=x:/\n0::/\n",
            ),
            ("/proc/self/mountinfo", mounts),
            ("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "250000\n"),
            ("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            ("/sys/fs/cgroup/cpuset/cpuset.cpus", "2-5\n"),
            (&format!("{memory}/b/memory.limit_in_bytes"), "9223372036854771712\n"),
            (&format!("{memory}/memory.limit_in_bytes"), "536870912\n"),
            (&format!("{memory}/memory.usage_in_bytes"), "268435456\n"),
            (&format!("{memory}/memory.stat"), "inactive_file 1\ntotal_inactive_file 134217728\n"),
            ("/sys/fs/cgroup/unified/cgroup.procs", ""),
        ],
        (Some(2.5), Some(GIB / 2), Some(GIB * 3 / 8), Some("2-5")),
    );
}

#[test]
fn no_limit_is_none() {
    let v1 = "32 31 0:29 / /c rw - cgroup cgroup rw,cpu,memory,cpuset\n";
    check(&[], (None, None, None, None));
    check(&[("/proc/self/cgroup", "0::/\n"), ("/proc/self/mountinfo", V2)], (None, None, None, None));
    check(
        &[
            ("/proc/self/cgroup", "1:cpu,memory,cpuset:/\n"),
            ("/proc/self/mountinfo", v1),
            ("/c/cpu.cfs_quota_us", "-1\n"),
            ("/c/cpu.cfs_period_us", "100000\n"),
            ("/c/memory.limit_in_bytes", "9223372036854771712\n"),
            ("/c/cpuset.cpus", "\n"),
        ],
        (None, None, None, None),
    );
}

#[test]
fn nonsense_limits_nothing() {
    for quota in ["", "max", "0 100000", "100000 0", "x y", "-5 100000", "99999999999999999999 1"] {
        check(
            &[
                ("/proc/self/cgroup", "0::/\nnonsense\n:::\n"),
                ("/proc/self/mountinfo", V2),
                ("/sys/fs/cgroup/cpu.max", quota),
                ("/sys/fs/cgroup/memory.max", "-1"),
                ("/sys/fs/cgroup/cpuset.cpus.effective", "0-4294967295"),
            ],
            (None, None, None, None),
        );
    }
}
