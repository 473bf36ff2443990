//! Extensions of the instruction set: what the kernel lists, and what the processor says where it can be asked.
//!
//! A processor that has an extension is not enough: the operating system must keep its registers (XCR0 on x86). The
//! kernel lists none it does not; the standard library, which asks the processor, looks at XCR0 too. It does not know
//! AMX yet, which is therefore taken from the kernel's list.

#[cfg(target_arch = "aarch64")]
#[path = "aarch64.rs"]
mod processor;
#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
#[path = "other.rs"]
mod processor;
#[cfg(target_arch = "x86_64")]
#[path = "x86_64.rs"]
mod processor;

use std::collections::BTreeSet;

use super::{Cpu, Found, tree::field};
use crate::rules::ISA;

/// Linux's names of what the manuals of Arm and the rules call otherwise.
const ARM_NAMES: [(&str, &str); 3] = [("asimd", "neon"), ("asimddp", "dotprod"), ("asimdhp", "fp16")];

/// The extensions that rules have words for, out of `flags` (x86) or `Features` (Arm) of the first processor.
pub(super) fn from_cpuinfo(text: &str) -> Option<BTreeSet<String>> {
    let words = field(text, "flags").or_else(|| field(text, "Features"))?.split_whitespace();
    let words = words.map(|word| ARM_NAMES.iter().find(|(linux, _)| *linux == word).map_or(word, |(_, name)| *name));
    Some(words.filter(|word| ISA.contains(word)).map(str::to_owned).collect())
}

/// Replaces what was read by what the processor says itself, as far as it can be asked.
pub(super) fn ask_processor(cpu: &mut Cpu) {
    let answers = processor::ask();
    if answers.is_empty() {
        return;
    }
    let (mut isa, read) = match cpu.isa.take() {
        Some(found) => (found.value, format!("{}, {}", processor::SOURCE, found.source)),
        None => (BTreeSet::new(), processor::SOURCE.to_owned()),
    };
    for &(name, is_there) in &answers {
        match is_there {
            true => isa.insert(name.to_owned()),
            false => isa.remove(name),
        };
    }
    cpu.isa = Some(Found::new(isa, read));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_lists_are_understood() {
        let check = |text: &str, expected: &str| {
            let isa: Vec<String> = from_cpuinfo(text).unwrap().into_iter().collect();
            assert_eq!(isa.join(" "), expected);
        };
        check("flags\t\t: fpu avx2 avx512f amx_tile avx_vnni sse2\n", "amx_tile avx2 avx512f avx_vnni");
        check("Features\t: fp asimd aes asimdhp asimddp sve i8mm bf16\n", "bf16 dotprod fp16 i8mm neon sve");
        check("flags :\n", "");
        assert_eq!(from_cpuinfo("model name: x\n"), None);
    }

    #[test]
    fn the_processor_overrules_the_list() {
        let wrong: BTreeSet<String> = ISA.iter().map(|word| (*word).to_owned()).collect();
        let mut cpu = Cpu { isa: Some(Found::new(wrong, "a file")), ..Cpu::default() };
        ask_processor(&mut cpu);
        let isa = cpu.isa.unwrap();
        for (name, is_there) in processor::ask() {
            assert_eq!(isa.value.contains(name), is_there, "{name}");
            assert!(ISA.contains(&name));
        }
        assert!(isa.source.ends_with("a file"));
    }
}
