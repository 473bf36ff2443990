//! ELF, the format of Linux.
//!
//! Layout: System V ABI, <https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html>; symbol versions: Linux
//! Standard Base, <https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html>.

use drivetrain_contract::Result;

use super::{
    BinaryFacts, LibraryFormat, Reader,
    reader::{u16_at, u32_at, u64_at},
};
use crate::Version;

const CLASS_64: u8 = 2;
const LITTLE_ENDIAN: u8 = 1;
const TYPE_SHARED: u16 = 3;
const SEGMENT_LOAD: u32 = 1;
const SEGMENT_DYNAMIC: u32 = 2;
const DYNAMIC_ENTRY_BYTES: usize = 16;
const DYNAMIC_STRINGS: u64 = 5;
const DYNAMIC_SONAME: u64 = 14;
const SEGMENT_BYTES: u64 = 56;
const SECTION_BYTES: u64 = 64;
const SECTION_VERSIONS: u32 = 0x6fff_fffd;
const VERSION_IS_FILE_NAME: u16 = 1;

/// More definitions than any library has: a chain that goes on longer runs in circles.
const MAX_VERSIONS: usize = 4096;

/// ONNX Runtime's linker script tags every exported symbol with its release: `VERS_1.28.0`.
const VERSION_PREFIX: &str = "VERS_";

pub(super) fn read(file: &Reader<'_>) -> Result<BinaryFacts> {
    let header = file.bytes(0, 64).ok_or_else(|| file.truncated())?;
    let is_full = header[4] == CLASS_64 && header[5] == LITTLE_ENDIAN;
    let number = |at: usize| match header[5] {
        LITTLE_ENDIAN => u16::from_le_bytes([header[at], header[at + 1]]),
        _ => u16::from_be_bytes([header[at], header[at + 1]]),
    };
    if number(16) != TYPE_SHARED {
        return Err(file.unusable("it is another kind of ELF file"));
    }
    let cpu = cpu_name(number(18), header[4]);
    let mut facts = BinaryFacts { format: LibraryFormat::Elf, cpu, symbol_version: None, header_version: None };
    if is_full {
        check_complete(file, &header)?;
        facts.symbol_version = symbol_version(file, &header);
    }
    Ok(facts)
}

fn cpu_name(machine: u16, class: u8) -> String {
    let name = match (machine, class) {
        (62, CLASS_64) => "x86_64",
        (62, _) => "x86_64 with 32-bit pointers",
        (3, _) => "x86",
        (183, CLASS_64) => "aarch64",
        (40, _) => "arm",
        (243, CLASS_64) => "riscv64",
        (243, _) => "riscv32",
        (21, _) => "powerpc64",
        (22, CLASS_64) => "s390x",
        (258, CLASS_64) => "loongarch64",
        _ => return format!("machine {machine}"),
    };
    name.to_owned()
}

/// Every part that the system would map must be in the file.
fn check_complete(file: &Reader<'_>, header: &[u8]) -> Result<()> {
    let end_of_parts = || {
        let table = table(file, header, (32, 54, 56), SEGMENT_BYTES)?;
        let mut end = 0;
        for segment in table.entries() {
            if u32_at(segment, 0)? == SEGMENT_LOAD {
                end = end.max(u64_at(segment, 8)?.checked_add(u64_at(segment, 32)?)?);
            }
        }
        Some(end)
    };
    match end_of_parts() {
        Some(end) if 0 < end && end <= file.len() => Ok(()),
        _ => Err(file.truncated()),
    }
}

/// The version in the library's own version definitions. Libraries without them, or with others, have none.
fn symbol_version(file: &Reader<'_>, header: &[u8]) -> Option<Version> {
    let sections = table(file, header, (40, 58, 60), SECTION_BYTES)?;
    let section = sections.entries().find(|section| u32_at(section, 4) == Some(SECTION_VERSIONS))?;
    let names = sections.entries().nth(u32_at(section, 40)? as usize)?;
    let names_offset = u64_at(names, 24)?;
    let definitions = file.bytes(u64_at(section, 24)?, u64_at(section, 32)?)?;
    let mut at = 0_usize;
    for _ in 0..MAX_VERSIONS {
        let flags = u16_at(&definitions, at.checked_add(2)?)?;
        let name_at = at.checked_add(u32_at(&definitions, at.checked_add(12)?)? as usize)?;
        let name = names_offset.checked_add(u64::from(u32_at(&definitions, name_at)?))?;
        if flags & VERSION_IS_FILE_NAME == 0
            && let Some(version) = file.text(name).as_deref().and_then(|name| name.strip_prefix(VERSION_PREFIX))
        {
            return Version::parse_at_least(version, 2);
        }
        match u32_at(&definitions, at.checked_add(16)?)? {
            0 => return None,
            next => at = at.checked_add(next as usize)?,
        }
    }
    None
}

/// `DT_SONAME`: the entry of the dynamic segment that names the library.
pub(super) fn soname(file: &Reader<'_>) -> Option<String> {
    let header = file.bytes(0, 64)?;
    if !header.starts_with(b"\x7fELF") || header[4] != CLASS_64 || header[5] != LITTLE_ENDIAN {
        return None;
    }
    let segments = table(file, &header, (32, 54, 56), SEGMENT_BYTES)?;
    let of_type = |kind: u32| segments.entries().filter(move |segment| u32_at(segment, 0) == Some(kind));
    let dynamic = of_type(SEGMENT_DYNAMIC).next()?;
    let entries = file.bytes(u64_at(dynamic, 8)?, u64_at(dynamic, 32)?)?;
    let value = |tag: u64| {
        let mut entries = entries.chunks_exact(DYNAMIC_ENTRY_BYTES);
        u64_at(entries.find(|entry| u64_at(entry, 0) == Some(tag))?, 8)
    };
    // Names are found by where they will be in memory, so the segment that brings them there has to be found.
    let name_at = value(DYNAMIC_STRINGS)?.checked_add(value(DYNAMIC_SONAME)?)?;
    let offset = of_type(SEGMENT_LOAD).find_map(|segment| {
        let within = name_at.checked_sub(u64_at(segment, 16)?)?;
        (within < u64_at(segment, 32)?).then(|| u64_at(segment, 8)?.checked_add(within)).flatten()
    });
    file.text(offset?)
}

/// A table of equal entries.
struct Table {
    bytes: Vec<u8>,
    entry_bytes: usize,
}

impl Table {
    fn entries(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks_exact(self.entry_bytes)
    }
}

/// The table whose offset, entry size and number of entries lie at `fields` of the header.
fn table(file: &Reader<'_>, header: &[u8], fields: (usize, usize, usize), min_bytes: u64) -> Option<Table> {
    let entry_bytes = u64::from(u16_at(header, fields.1)?);
    let count = u64::from(u16_at(header, fields.2)?);
    if entry_bytes < min_bytes {
        return None;
    }
    let bytes = file.bytes(u64_at(header, fields.0)?, entry_bytes * count)?;
    Some(Table { bytes, entry_bytes: entry_bytes as usize })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::{elf, elf_named};

    fn check(bytes: &[u8]) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libx.so");
        fs::write(&path, bytes).unwrap();
        soname(&Reader::open(&path).unwrap())
    }

    #[test]
    fn the_name_of_a_library_is_read_and_damage_is_survived() {
        let named = elf_named("libx.so.1");
        assert_eq!(check(&named).as_deref(), Some("libx.so.1"));
        assert_eq!(check(&elf(62, None)), None);
        for len in 0..named.len() {
            check(&named[..len]);
        }
        for at in 0..named.len() {
            let mut spoilt = named.clone();
            spoilt[at] = 0xff;
            check(&spoilt);
        }
    }
}
