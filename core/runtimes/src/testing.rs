//! Hand-made wheels, libraries and installations for the tests of this crate.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use zip::{ZipWriter, write::SimpleFileOptions};

use crate::{
    Wheel, WheelRecord,
    digest::sha256,
    record::{FileRecord, Record},
};

/// Writes a wheel with these members and returns its path.
pub(crate) fn write_wheel(path: &Path, members: &[(&str, &[u8])]) -> PathBuf {
    let mut writer = ZipWriter::new(File::create(path).unwrap());
    for (name, bytes) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap();
    path.to_owned()
}

/// The catalogue entry for a wheel on disk.
pub(crate) fn wheel_entry(path: &Path, rules: &[(&str, &str)]) -> Wheel {
    Wheel {
        file: path.file_name().unwrap().to_str().unwrap().to_owned(),
        sha256: sha256(&File::open(path).unwrap()).unwrap(),
        bytes: path.metadata().unwrap().len(),
        unpack: rules.iter().map(|(member, target)| ((*member).to_owned(), (*target).to_owned())).collect(),
    }
}

/// Puts an installation into a data folder as `install` would, and returns its folder.
pub(crate) fn fake_installation(data_dir: &Path, id: &str, version: &str) -> PathBuf {
    let root = data_dir.join("runtimes").join(id).join(version);
    fs::create_dir_all(root.join("lib")).unwrap();
    let library = format!("lib/lib{id}.so");
    fs::write(root.join(&library), b"the library").unwrap();
    let record = Record {
        format_version: Record::FORMAT_VERSION,
        id: id.to_owned(),
        version: version.parse().unwrap(),
        library: library.clone(),
        telemetry: false,
        wheels: vec![WheelRecord { package: String::new(), file: String::new(), sha256: String::new() }],
        files: vec![FileRecord { path: library, bytes: 11 }],
    };
    record.write(&root).unwrap();
    root
}

/// A file whose numbers are put where they belong.
struct Image(Vec<u8>);

impl Image {
    fn put(&mut self, at: usize, bytes: &[u8]) -> &mut Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    fn u16(&mut self, at: usize, value: u16) -> &mut Self {
        self.put(at, &value.to_le_bytes())
    }

    fn u32(&mut self, at: usize, value: u32) -> &mut Self {
        self.put(at, &value.to_le_bytes())
    }
}

/// A 64-bit ELF library of one segment, with one version definition if asked for.
pub(crate) fn elf(machine: u16, version: Option<&str>) -> Vec<u8> {
    const LEN: usize = 0x200;
    let mut image = Image(vec![0; LEN]);
    image.put(0, b"\x7fELF\x02\x01\x01").u16(16, 3).u16(18, machine);
    image.u32(32, 64).u16(54, 56).u16(56, 1); // one segment: the whole file
    image.u32(64, 1).u32(64 + 32, LEN as u32);
    if let Some(version) = version {
        image.u32(40, 0x80).u16(58, 64).u16(60, 2); // two sections: definitions, their names
        image.u32(0x80 + 4, 0x6fff_fffd).u32(0x80 + 24, 0x100).u32(0x80 + 32, 0x40).u32(0x80 + 40, 1);
        image.u32(0xc0 + 4, 3).u32(0xc0 + 24, 0x140).u32(0xc0 + 32, 0x40);
        image.u16(0x100 + 2, 1).u32(0x100 + 12, 20).u32(0x100 + 16, 28).u32(0x100 + 20, 1);
        image.u16(0x11c + 2, 0).u32(0x11c + 12, 20).u32(0x11c + 20, 16);
        image.put(0x141, b"libx.so\0").put(0x150, version.as_bytes());
    }
    image.0
}

/// A 64-bit ELF library for x86_64 with this `DT_SONAME`.
pub(crate) fn elf_named(soname: &str) -> Vec<u8> {
    let mut image = Image(elf(62, None));
    image.u16(56, 2).u32(120, 2).u32(120 + 8, 0x100).u32(120 + 32, 48); // a second segment: three dynamic entries
    image.u32(0x100, 5).u32(0x108, 0x180).u32(0x110, 14).u32(0x118, 1);
    image.put(0x181, soname.as_bytes());
    image.0
}

/// A 64-bit Mach-O library with one segment and this version of its own.
pub(crate) fn macho(cpu: u32, version: u32) -> Vec<u8> {
    const LEN: usize = 0x100;
    let mut image = Image(vec![0; LEN]);
    image.u32(0, 0xfeed_facf).u32(4, cpu).u32(12, 6).u32(16, 2).u32(20, 72 + 24);
    image.u32(32, 0x19).u32(36, 72).u32(32 + 48, LEN as u32);
    image.u32(104, 0xd).u32(108, 24).u32(104 + 16, version);
    image.0
}

/// A Mach-O file for both processors, the second of which is for aarch64.
pub(crate) fn fat_macho() -> Vec<u8> {
    let parts = [(0x0100_0007, macho(0x0100_0007, 0x0001_0000)), (0x0100_000c, macho(0x0100_000c, 0x0001_1c00))];
    let mut bytes = vec![0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2];
    for (number, (cpu, part)) in parts.iter().enumerate() {
        let offset = 48 + number * part.len();
        for value in [*cpu, 0, offset as u32, part.len() as u32, 0] {
            bytes.extend(value.to_be_bytes());
        }
    }
    parts.iter().for_each(|(_, part)| bytes.extend(part));
    bytes
}

/// A Windows library with one section of resources, which holds a version if asked for.
pub(crate) fn pe(machine: u16, version: Option<(u32, u32, u32)>) -> Vec<u8> {
    let mut image = Image(vec![0; 0x100]);
    image.put(0, b"MZ").u32(0x3c, 0x40);
    image.put(0x40, b"PE\0\0").u16(0x44, machine).u16(0x46, 1).u16(0x56, 0x2000);
    image.put(0x58, b".rsrc").u32(0x58 + 16, 0x80).u32(0x58 + 20, 0x80);
    if let Some((major, minor, patch)) = version {
        image.u32(0xa0, 0xfeef_04bd).u32(0xa4, 0x0001_0000).u32(0xa8, major << 16 | minor).u32(0xac, patch << 16);
    }
    image.0
}
