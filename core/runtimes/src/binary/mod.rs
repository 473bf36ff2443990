//! What the headers of a shared library say: format, processor, version. Read from the file, never loaded.

mod elf;
mod macho;
mod pe;
mod reader;

use std::path::Path;

use drivetrain_contract::Result;
use serde::Serialize;

use crate::Version;

pub(crate) use reader::Reader;

/// The container formats of shared libraries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LibraryFormat {
    /// Linux and most other Unix systems.
    Elf,
    /// macOS and iOS.
    MachO,
    /// Windows.
    Pe,
}

impl LibraryFormat {
    /// The format that this program's system loads.
    pub fn native() -> Self {
        match std::env::consts::OS {
            "macos" | "ios" => LibraryFormat::MachO,
            "windows" => LibraryFormat::Pe,
            _ => LibraryFormat::Elf,
        }
    }

    /// What a message calls it.
    pub fn name(self) -> &'static str {
        match self {
            LibraryFormat::Elf => "ELF",
            LibraryFormat::MachO => "Mach-O",
            LibraryFormat::Pe => "PE",
        }
    }
}

/// What the headers say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BinaryFacts {
    pub(crate) format: LibraryFormat,
    /// As `std::env::consts::ARCH` spells it.
    pub(crate) cpu: String,
    /// The version the library's symbols are tagged with: `VERS_1.28.0`.
    pub(crate) symbol_version: Option<Version>,
    /// The version in the header, where the format has such a field.
    pub(crate) header_version: Option<Version>,
}

/// The name by which other libraries ask for the one at `path`, where it is ELF and has one.
pub(crate) fn soname(path: &Path) -> Option<String> {
    elf::soname(&Reader::open(path).ok()?)
}

/// Reads the headers. Of a file for several processors, the part for `cpu` if there is one.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Dependency`] when it is not a shared library or is cut short: loading a truncated
/// one ends the process with a bus error.
pub(crate) fn read(file: &Reader<'_>, cpu: &str) -> Result<BinaryFacts> {
    match file.bytes(0, 4).as_deref() {
        Some(b"\x7fELF") => elf::read(file),
        Some([b'M', b'Z', ..]) => pe::read(file),
        Some(magic) if macho::is_magic(magic) => macho::read(file, cpu),
        _ => Err(file.unusable(reader::describe(file))),
    }
}
