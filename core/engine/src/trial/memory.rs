//! What a process holds of main memory.

/// Most bytes of main memory that this process has held so far, where the system tells.
pub fn peak_bytes() -> Option<u64> {
    status_bytes(&std::fs::read_to_string("/proc/self/status").ok()?, "VmHWM:")
}

/// A number of bytes in what Linux says of a process in `/proc/PID/status`, where it is given in kB.
pub fn status_bytes(status: &str, name: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kilobytes_are_read_by_name() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 5\n";
        assert_eq!(status_bytes(status, "VmHWM:"), Some(2 << 20));
        assert_eq!(status_bytes(status, "VmRSS:"), None);
        assert_eq!(status_bytes(status, "VmSwap:"), None);
        assert_eq!(status_bytes("VmHWM: 99999999999999999999 kB", "VmHWM:"), None);
        if cfg!(target_os = "linux") {
            assert!(peak_bytes().unwrap() > 1 << 20);
        }
    }
}
