//! Peak memory of a process, as Linux tells it; nothing elsewhere.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use serde::Serialize;

/// How often anonymous memory is looked at, of which the system keeps no peak.
const INTERVAL: Duration = Duration::from_millis(10);

/// Peak memory in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Peak {
    /// Everything resident, files that are mapped included.
    pub(crate) total: u64,
    /// What the process allocated itself; sampled.
    pub(crate) anonymous: u64,
}

impl Peak {
    /// Raises this peak by what process `pid` has while `work` is done.
    pub(crate) fn watch<T>(&mut self, pid: u32, work: impl FnOnce() -> T) -> T {
        let done = AtomicBool::new(false);
        let watch = || {
            let mut peak = Peak::default();
            loop {
                let last = done.load(Ordering::Acquire);
                peak = peak.max(Peak::of(pid).unwrap_or_default());
                if last {
                    return peak;
                }
                // Not asleep: the end is not waited for longer than it takes.
                thread::park_timeout(INTERVAL);
            }
        };
        thread::scope(|scope| {
            let watcher = scope.spawn(watch);
            let result = work();
            done.store(true, Ordering::Release);
            watcher.thread().unpark();
            *self = self.max(watcher.join().unwrap_or_default());
            result
        })
    }

    /// What the process has had so far in total, and has now.
    fn of(pid: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        Some(Self { total: field(&status, "VmHWM:")?, anonymous: field(&status, "RssAnon:")? })
    }

    fn max(self, other: Self) -> Self {
        Self { total: self.total.max(other.total), anonymous: self.anonymous.max(other.anonymous) }
    }
}

/// A field given in kB.
fn field(status: &str, name: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn an_allocation_is_seen() {
        let mut peak = Peak::default();
        peak.watch(std::process::id(), || {
            let bytes = std::hint::black_box(vec![1_u8; 64 << 20]);
            thread::sleep(5 * INTERVAL);
            drop(bytes);
        });
        assert!(peak.anonymous >= 64 << 20, "{peak:?}");
        assert!(peak.total >= peak.anonymous, "{peak:?}");
    }

    #[test]
    fn fields_are_read() {
        let status = "VmPeak:\t  10 kB\nVmHWM:\t    1234 kB\nThreads:\t3\n";
        assert_eq!(field(status, "VmHWM:"), Some(1234 * 1024));
        assert_eq!(field(status, "Threads:"), None);
        assert_eq!(field(status, "RssAnon:"), None);
    }
}
