//! PE, the format of Windows.
//!
//! Layout: <https://learn.microsoft.com/windows/win32/debug/pe-format>; the version is that of `VS_FIXEDFILEINFO`,
//! <https://learn.microsoft.com/windows/win32/api/verrsrc/ns-verrsrc-vs_fixedfileinfo>.

use drivetrain_contract::Result;

use super::{
    BinaryFacts, LibraryFormat, Reader,
    reader::{u16_at, u32_at},
};
use crate::Version;

const HEADER_BYTES: u64 = 24;
const SECTION_BYTES: u64 = 40;
const IS_DLL: u16 = 0x2000;
const VERSION_SIGNATURE: [u8; 8] = [0xbd, 0x04, 0xef, 0xfe, 0, 0, 1, 0];

/// The version lies near the beginning of the resources, which may hold pictures as well.
const MAX_RESOURCES: u32 = 1 << 20;

pub(super) fn read(file: &Reader<'_>) -> Result<BinaryFacts> {
    let start = file.bytes(0x3c, 4).and_then(|bytes| u32_at(&bytes, 0)).map(u64::from);
    let start = start.ok_or_else(|| file.unusable("it is a file of another kind"))?;
    let header = file.bytes(start, HEADER_BYTES).filter(|header| header.starts_with(b"PE\0\0"));
    let header = header.ok_or_else(|| file.unusable("it is a file of another kind"))?;
    let number = |at: usize| u16_at(&header, at).unwrap_or_default();
    if number(22) & IS_DLL == 0 {
        return Err(file.unusable("it is a program"));
    }
    let sections_at = start + HEADER_BYTES + u64::from(number(20));
    let sections = file.bytes(sections_at, u64::from(number(6)) * SECTION_BYTES).ok_or_else(|| file.truncated())?;
    for section in sections.chunks_exact(SECTION_BYTES as usize) {
        let (offset, len) = raw_data(section);
        if u64::from(offset) + u64::from(len) > file.len() {
            return Err(file.truncated());
        }
    }
    Ok(BinaryFacts {
        format: LibraryFormat::Pe,
        cpu: cpu_name(number(4)),
        symbol_version: None,
        header_version: resource_version(file, &sections),
    })
}

/// Offset and length of a section in the file.
fn raw_data(section: &[u8]) -> (u32, u32) {
    (u32_at(section, 20).unwrap_or_default(), u32_at(section, 16).unwrap_or_default())
}

/// The version of the file. Its third number may be a year: ONNX Runtime 1.14.0 calls itself 1.14.23.
fn resource_version(file: &Reader<'_>, sections: &[u8]) -> Option<Version> {
    let section = sections.chunks_exact(SECTION_BYTES as usize).find(|section| section.starts_with(b".rsrc\0\0\0"))?;
    let (offset, len) = raw_data(section);
    let resources = file.bytes(offset.into(), len.min(MAX_RESOURCES).into())?;
    let at = resources.windows(VERSION_SIGNATURE.len()).position(|window| window == VERSION_SIGNATURE)?;
    let (high, low) = (u32_at(&resources, at + 8)?, u32_at(&resources, at + 12)?);
    (high != 0).then(|| Version::new(high >> 16, high & 0xffff, low >> 16))
}

fn cpu_name(machine: u16) -> String {
    let name = match machine {
        0x8664 => "x86_64",
        0xaa64 => "aarch64",
        0x014c => "x86",
        0x01c4 => "arm",
        _ => return format!("machine {machine:#x}"),
    };
    name.to_owned()
}
