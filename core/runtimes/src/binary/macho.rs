//! Mach-O, the format of macOS, alone or several processors in one file.
//!
//! Layout: `mach-o/loader.h` and `mach-o/fat.h`, <https://github.com/apple-oss-distributions/xnu>.

use drivetrain_contract::Result;

use super::{
    BinaryFacts, LibraryFormat, Reader,
    reader::{u32_at, u64_at},
};
use crate::Version;

const MAGIC_64: [u8; 4] = [0xcf, 0xfa, 0xed, 0xfe];
const MAGIC_32: [u8; 4] = [0xce, 0xfa, 0xed, 0xfe];
const MAGIC_FAT: [u8; 4] = [0xca, 0xfe, 0xba, 0xbe];
const TYPE_DYLIB: u32 = 6;
const TYPE_BUNDLE: u32 = 8;
const COMMAND_ID: u32 = 0xd;
const COMMAND_SEGMENT: u32 = 0x19;
const HEADER_BYTES: u64 = 32;

/// Java class files begin with the same magic, but say 45 or more where a library counts its processors.
const MAX_CPUS: u32 = 32;

pub(super) fn is_magic(magic: &[u8]) -> bool {
    [MAGIC_64, MAGIC_32, MAGIC_FAT].iter().any(|known| magic == known)
}

pub(super) fn read(file: &Reader<'_>, cpu: &str) -> Result<BinaryFacts> {
    let is_fat = file.bytes(0, 4).is_some_and(|magic| magic == MAGIC_FAT);
    let start = if is_fat { slice_offset(file, cpu)? } else { 0 };
    let header = file.bytes(start, HEADER_BYTES).ok_or_else(|| file.truncated())?;
    let number = |at: usize| u32_at(&header, at).unwrap_or_default();
    if !matches!(number(12), TYPE_DYLIB | TYPE_BUNDLE) {
        return Err(file.unusable("it is another kind of Mach-O file"));
    }
    let mut facts = BinaryFacts {
        format: LibraryFormat::MachO,
        cpu: cpu_name(number(4)),
        symbol_version: None,
        header_version: None,
    };
    if header.starts_with(&MAGIC_64) {
        let commands = file.bytes(start + HEADER_BYTES, number(20).into()).ok_or_else(|| file.truncated())?;
        let (end, version) = walk(&commands, number(16)).ok_or_else(|| file.truncated())?;
        if start.checked_add(end).is_none_or(|end| end > file.len()) {
            return Err(file.truncated());
        }
        facts.header_version = version;
    }
    Ok(facts)
}

/// Where the part for `cpu` begins; the first part if there is none for it.
fn slice_offset(file: &Reader<'_>, cpu: &str) -> Result<u64> {
    // The table of processors is big-endian, whatever the processors are.
    let number = |bytes: &[u8], at: usize| u32_at(bytes, at).map(u32::swap_bytes);
    let count = file.bytes(4, 4).and_then(|bytes| number(&bytes, 0)).ok_or_else(|| file.truncated())?;
    if !(1..=MAX_CPUS).contains(&count) {
        return Err(file.unusable("it is a file of another kind"));
    }
    let table = file.bytes(8, u64::from(count) * 20).ok_or_else(|| file.truncated())?;
    let slices = || table.chunks_exact(20);
    let wanted = slices().find(|slice| number(slice, 0).is_some_and(|found| cpu_name(found) == cpu));
    let offset = wanted.or_else(|| slices().next()).and_then(|slice| number(slice, 8));
    offset.map(u64::from).ok_or_else(|| file.truncated())
}

/// Where the last part ends, relative to the header, and the version the library gives itself.
fn walk(commands: &[u8], count: u32) -> Option<(u64, Option<Version>)> {
    let (mut at, mut end, mut version) = (0_usize, 0_u64, None);
    for _ in 0..count {
        let command = commands.get(at..)?;
        let bytes = u32_at(command, 4)? as usize;
        if bytes < 8 {
            return None;
        }
        match u32_at(command, 0)? {
            COMMAND_SEGMENT => end = end.max(u64_at(command, 40)?.checked_add(u64_at(command, 48)?)?),
            COMMAND_ID => version = packed_version(u32_at(command, 16)?),
            _ => {}
        }
        at = at.checked_add(bytes)?;
    }
    Some((end, version))
}

/// A version as 16, 8 and 8 bits; all zero means none.
fn packed_version(packed: u32) -> Option<Version> {
    (packed != 0).then(|| Version::new(packed >> 16, (packed >> 8) & 0xff, packed & 0xff))
}

fn cpu_name(cpu: u32) -> String {
    let name = match cpu {
        0x0100_0007 => "x86_64",
        0x0100_000c => "aarch64",
        7 => "x86",
        12 => "arm",
        _ => return format!("machine {cpu}"),
    };
    name.to_owned()
}
