//! What can be known of a library without loading it.

use std::{
    env::consts,
    fs,
    path::{Path, PathBuf},
};

use drivetrain_contract::{Error, Result};
use serde::Serialize;

use crate::{
    Version,
    binary::{self, BinaryFacts, LibraryFormat, Reader},
    companion,
    record::Record,
    siblings,
};

/// A shared library that fits this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LibraryFacts {
    /// The file, with symbolic links resolved.
    pub path: PathBuf,
    /// Its version, where one can be known.
    pub version: Option<Version>,
    /// What the version is known from.
    pub version_source: Option<VersionSource>,
    /// Its format, always that of this system.
    pub format: LibraryFormat,
    /// Its processor, always that of this program.
    pub cpu: String,
    /// Size of the file.
    pub bytes: u64,
}

/// What a version is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionSource {
    /// The record of an installation that this file belongs to, unchanged.
    InstallRecord,
    /// The library's symbols carry it.
    Symbols,
    /// A file that comes with the library.
    Companion,
    /// The name of the file.
    FileName,
    /// A field of the library's header.
    Header,
}

/// Checks that a file is a shared library for this system and processor, complete, and reads its version.
///
/// The library is not loaded: no code of it runs.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Dependency`] when there is no such file, it is not a shared library, is cut short,
/// or was built for another system or processor; [`drivetrain_contract::ErrorKind::Io`] when it cannot be read.
pub fn inspect(path: &Path) -> Result<LibraryFacts> {
    inspect_for(path, LibraryFormat::native(), consts::ARCH)
}

fn inspect_for(path: &Path, format: LibraryFormat, cpu: &str) -> Result<LibraryFacts> {
    let resolved = fs::canonicalize(path).map_err(|err| {
        Error::dependency(format!("the library `{}` cannot be found", path.display())).with_source(err)
    })?;
    let file = Reader::open(&resolved)?;
    let binary = binary::read(&file, cpu)?;
    if binary.format != format || binary.cpu != cpu {
        let message = format!(
            "`{}` was built for another machine: it is {} for {}, this program needs {} for {cpu}",
            path.display(),
            binary.format.name(),
            binary.cpu,
            format.name()
        );
        return Err(Error::dependency(message));
    }
    siblings::check(&resolved, cpu)?;
    let (version, version_source) = version_of(&resolved, &binary).unzip();
    Ok(LibraryFacts { version, version_source, format, cpu: binary.cpu, bytes: file.len(), path: resolved })
}

/// The best witness first: files get renamed and copied, what is in them stays.
fn version_of(path: &Path, binary: &BinaryFacts) -> Option<(Version, VersionSource)> {
    let recorded = || recorded_version(path).map(|version| (version, VersionSource::InstallRecord));
    let symbols = || binary.symbol_version.map(|version| (version, VersionSource::Symbols));
    let told = || companion::version(path).map(|version| (version, VersionSource::Companion));
    let named = || named_version(path).map(|version| (version, VersionSource::FileName));
    let header = || binary.header_version.map(|version| (version, VersionSource::Header));
    recorded().or_else(symbols).or_else(told).or_else(named).or_else(header)
}

/// The version of the installation whose library this is.
fn recorded_version(path: &Path) -> Option<Version> {
    let root = path.ancestors().skip(1).take(3).find(|folder| folder.join(crate::record::RECORD_FILE).is_file())?;
    let record = Record::read(root).ok()?;
    (root.join(&record.library) == path).then_some(record.version)
}

/// The version in a name such as `libonnxruntime.so.1.14.0`, `libonnxruntime.1.28.0.dylib`, `onnxruntime-1.22.0.dll`.
fn named_version(path: &Path) -> Option<Version> {
    let name = path.file_name()?.to_str()?;
    let starts = name.match_indices(['.', '-']).map(|(at, _)| &name[at + 1..]);
    starts
        .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        .find_map(|rest| Version::parse_at_least(rest, 2))
        .or_else(|| openvino_version(name))
}

/// OpenVINO's own way: `libopenvino_c.so.2641` and `libopenvino_c.2641.dylib` are 2026.4.1, `…2510` is 2025.1.0.
fn openvino_version(name: &str) -> Option<Version> {
    if !name.starts_with("libopenvino") {
        return None;
    }
    let digits = name.split('.').find(|part| part.len() == 4 && part.bytes().all(|byte| byte.is_ascii_digit()))?;
    let number = digits.parse::<u32>().ok()?;
    Some(Version::new(2000 + number / 100, number / 10 % 10, number % 10))
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::ErrorKind;

    use super::*;
    use crate::testing::{elf, fake_installation, fat_macho, macho, pe};

    const X86: &str = "x86_64";

    /// Inspects `bytes` under a file name as on the given machine: version and where it is known from, or the message.
    fn check(
        name: &str,
        bytes: &[u8],
        machine: (LibraryFormat, &str),
    ) -> Result<Option<(String, VersionSource)>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let facts = inspect_for(&path, machine.0, machine.1).map_err(|err| {
            assert_eq!(err.kind(), ErrorKind::Dependency);
            assert!(err.message().contains(name), "{err}");
            err.to_text()
        })?;
        assert_eq!(facts.bytes, bytes.len() as u64);
        Ok(facts.version.map(|version| version.to_string()).zip(facts.version_source))
    }

    fn version(text: &str, source: VersionSource) -> Result<Option<(String, VersionSource)>, String> {
        Ok(Some((text.to_owned(), source)))
    }

    #[test]
    fn versions_come_from_the_best_witness() {
        use VersionSource::*;
        let linux = (LibraryFormat::Elf, X86);
        assert_eq!(check("libx.so", &elf(62, Some("VERS_1.14.0")), linux), version("1.14.0", Symbols));
        assert_eq!(check("libx.so.9.9.9", &elf(62, Some("VERS_1.14.0")), linux), version("1.14.0", Symbols));
        assert_eq!(check("libx.so.1.14.2", &elf(62, None), linux), version("1.14.2", FileName));
        assert_eq!(check("libx-2.13.0.so", &elf(62, Some("GLIBC_2.2")), linux), version("2.13.0", FileName));
        assert_eq!(check("libx.so.1", &elf(62, None), linux), Ok(None));
        assert_eq!(check("libopenvino_c.so.2641", &elf(62, None), linux), version("2026.4.1", FileName));
        assert_eq!(check("libopenvino_c.so.2510", &elf(62, None), linux), version("2025.1.0", FileName));
        for name in ["libopenvino_c.so", "libopenvino_c.so.26410", "libopenvino_c.so.26a1", "libx.so.2641"] {
            assert_eq!(check(name, &elf(62, None), linux), Ok(None), "{name}");
        }
        let mac = (LibraryFormat::MachO, "aarch64");
        let library = macho(0x0100_000c, 0x0001_1c00);
        assert_eq!(check("libx.dylib", &library, mac), version("1.28.0", Header));
        assert_eq!(check("libx.1.28.1.dylib", &library, mac), version("1.28.1", FileName));
        assert_eq!(check("libx.dylib", &fat_macho(), mac), version("1.28.0", Header));
        let windows = (LibraryFormat::Pe, X86);
        assert_eq!(check("x.dll", &pe(0x8664, Some((1, 28, 0))), windows), version("1.28.0", Header));
        assert_eq!(check("x.dll", &pe(0x8664, None), windows), Ok(None));
    }

    #[test]
    fn what_is_no_library_for_this_machine_is_refused_with_the_reason() {
        let linux = (LibraryFormat::Elf, X86);
        let library = elf(62, Some("VERS_1.14.0"));
        let mut program = library.clone();
        program[16] = 2;
        let mut narrow = library.clone();
        narrow[4] = 1;
        for (bytes, why) in [
            (&b""[..], "empty"),
            (b"I am text\n", "text file"),
            (b"\x7fEL", "another kind"),
            (b"\x7fELF", "cut short"),
            (b"MZ but nothing behind it", "another kind"),
            (b"!<arch>\n", "static library"),
            (b"PK\x03\x04", "zip file"),
            (b"\xca\xfe\xba\xbe\0\0\0\x34", "another kind"),
            (&elf(183, None), "ELF for aarch64, this program needs ELF for x86_64"),
            (&macho(0x0100_0007, 0), "Mach-O for x86_64, this program needs ELF for x86_64"),
            (&pe(0x8664, None), "PE for x86_64, this program needs ELF for x86_64"),
            (&narrow, "32-bit pointers"),
            (&program, "another kind of ELF"),
        ] {
            let said = check("libx.so", bytes, linux).unwrap_err();
            assert!(said.contains(why), "{why}: {said}");
        }
    }

    #[test]
    fn every_cut_and_every_spoilt_byte_is_survived() {
        for (bytes, machine) in [
            (elf(62, Some("VERS_1.14.0")), (LibraryFormat::Elf, X86)),
            (macho(0x0100_000c, 0x0001_1c00), (LibraryFormat::MachO, "aarch64")),
            (fat_macho(), (LibraryFormat::MachO, "aarch64")),
            (pe(0x8664, Some((1, 28, 0))), (LibraryFormat::Pe, X86)),
        ] {
            assert!(check("libx", &bytes, machine).is_ok());
            for len in 0..bytes.len() {
                assert!(check("libx", &bytes[..len], machine).is_err(), "{machine:?} cut to {len} passed");
            }
            for at in 0..bytes.len() {
                let mut spoilt = bytes.clone();
                spoilt[at] = 0xff;
                let _ = check("libx", &spoilt, machine);
            }
        }
    }

    #[test]
    fn missing_files_folders_and_pipes_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let missing = inspect(&folder.path().join("none.so")).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::Dependency);
        let directory = inspect(folder.path()).unwrap_err();
        assert!(directory.message().contains("it is a folder"), "{directory}");
        #[cfg(unix)]
        {
            let device = inspect(Path::new("/dev/zero")).unwrap_err();
            assert!(device.message().contains("not a regular file"), "{device}");
        }
    }

    #[test]
    fn an_installation_vouches_for_its_library_only() {
        let data = tempfile::tempdir().unwrap();
        let data = data.path().canonicalize().unwrap();
        let root = fake_installation(&data, "demo", "3.2.1");
        let library = root.join("lib/libdemo.so");
        assert_eq!(recorded_version(&library), Some(Version::new(3, 2, 1)));
        assert_eq!(recorded_version(&root.join("lib/other.so")), None);
        fs::write(&library, "replaced by something else").unwrap();
        assert_eq!(recorded_version(&library), None);
    }
}
