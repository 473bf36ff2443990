//! Main memory, by `/proc/meminfo`.

use super::{
    Found, Memory,
    tree::{Tree, field, kilobytes},
};

pub(super) fn memory(tree: &Tree) -> Memory {
    let source = "/proc/meminfo";
    let Some(text) = tree.read(source) else { return Memory::default() };
    let found = |name| Some(Found::new(kilobytes(field(&text, name)?)?, source));
    Memory { total: found("MemTotal"), available: found("MemAvailable") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::fake::Fake;

    #[test]
    fn memory_is_read_in_bytes() {
        let check = |text: &str, total, available| {
            let memory = memory(&Fake::new(&[("/proc/meminfo", text)]).tree());
            let value = |found: Option<Found<u64>>| found.map(|found| found.value);
            assert_eq!((value(memory.total), value(memory.available)), (total, available), "{text}");
        };
        check("MemTotal:       24684084 kB\nMemAvailable:   24049992 kB\n", Some(25_276_502_016), Some(24_627_191_808));
        check("MemTotal: 1 kB\n", Some(1024), None);
        check("MemTotal: lots\nMemAvailable: 18446744073709551615 kB\n", None, None);
    }
}
