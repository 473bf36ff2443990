//! The process's own memory, as the operating system counts it.

/// Anonymous resident memory of this process in bytes; 0 where the system does not tell.
///
/// OpenVINO does not tell what a compiled model holds on the processor. The difference of this figure before and after
/// is what loading or running took, plus whatever other threads took meanwhile.
pub(crate) fn anonymous_bytes() -> u64 {
    std::fs::read_to_string("/proc/self/status").ok().and_then(|status| parse(&status)).unwrap_or(0)
}

fn parse(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_found_and_scaled() {
        assert_eq!(parse("VmRSS:\t 9 kB\nRssAnon:\t     420 kB\nRssFile: 1 kB\n"), Some(420 * 1024));
        assert_eq!(parse("VmRSS: 9 kB\n"), None);
        assert_eq!(parse("RssAnon: many kB\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn allocations_are_seen() {
        let before = anonymous_bytes();
        let block = std::hint::black_box(vec![1u8; 64 << 20]);
        assert!(anonymous_bytes() >= before + (block.len() as u64) / 2);
    }
}
