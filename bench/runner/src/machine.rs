//! What is said about the machine beside the figures, and who used it meanwhile, as Linux tells it; nothing elsewhere.

use std::{fs, thread};

use serde::Serialize;

/// Threads the machine has for us.
pub(crate) fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Name of the processor, where the system tells.
pub(crate) fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(": ").map(|(_, name)| name.to_owned())
}

/// Threads that wanted to run in the last minute, where the system tells.
pub(crate) fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// Processor time used since the machine started, in ticks of all processors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    total: u64,
    busy: u64,
    own: u64,
    processors: usize,
}

/// Processors that were busy on average over some time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Usage {
    /// With the process that was watched.
    pub(crate) own: f64,
    /// With anything else, other machines on the same hardware included.
    pub(crate) others: f64,
}

impl Clock {
    /// Now, for process `pid`.
    pub(crate) fn now(pid: u32) -> Option<Self> {
        let machine = fs::read_to_string("/proc/stat").ok()?;
        let process = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Self::parse(&machine, &process)
    }

    /// From the first line of `/proc/stat` (user, nice, system, idle, iowait, irq, softirq, steal) and the fields utime and
    /// stime of `/proc/PID/stat`, as proc(5) has them.
    fn parse(machine: &str, process: &str) -> Option<Self> {
        let mut lines = machine.lines();
        let line = lines.next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> = line.split_whitespace().take(8).map_while(|field| field.parse().ok()).collect();
        let [user, nice, system, idle, iowait, irq, softirq, steal] = ticks[..] else { return None };
        let busy = user + nice + system + irq + softirq + steal;
        // The name before the fields may hold blanks and parentheses.
        let mut fields = process.rsplit_once(')')?.1.split_whitespace().skip(11);
        let mut next = || fields.next()?.parse::<u64>().ok();
        let processors = lines.take_while(|line| line.starts_with("cpu")).count();
        Some(Self { total: busy + idle + iowait, busy, own: next()? + next()?, processors })
    }

    /// What was used from then until now.
    pub(crate) fn until(self, now: Self) -> Option<Usage> {
        let total = now.total.checked_sub(self.total).filter(|&total| total > 0)?;
        let (busy, own) = (now.busy.saturating_sub(self.busy), now.own.saturating_sub(self.own));
        let processors = |ticks: u64| ticks as f64 / total as f64 * now.processors as f64;
        Some(Usage { own: processors(own), others: processors(busy.saturating_sub(own)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_split_between_the_process_and_the_others() {
        let process = |ticks: u64| format!("7 (a) b) R 1 1 1 0 -1 0 0 0 0 0 {ticks} 20 0 0 20 0");
        let machine = |user: u64, idle: u64| format!("cpu  {user} 0 5 {idle} 3 0 0 2 0 0\ncpu0 1\ncpu1 1\nintr");
        let then = Clock::parse(&machine(100, 100), &process(10)).unwrap();
        let now = Clock::parse(&machine(170, 130), &process(60)).unwrap();
        assert_eq!(then.until(now), Some(Usage { own: 1.0, others: 0.4 }));
        assert_eq!(then.until(then), None);
    }

    #[test]
    fn other_files_say_nothing() {
        assert!(Clock::parse("", "").is_none());
        assert!(Clock::parse("cpu  1 2 3", "7 (a) R 1 1 1 0 -1 0 0 0 0 0 1 2").is_none());
        assert!(Clock::parse("cpu  1 2 3 4 5 6 7 8", "7 (a) R").is_none());
    }
}
