//! Bounded reading at positions that the file itself names, and so may be anything.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use drivetrain_contract::{Error, Result};

use crate::failure::io_error;

/// No table we read is larger; whatever claims to be is not worth the memory.
const MAX_READ: u64 = 1 << 20;

/// A file of known length that is read in small pieces.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    file: File,
    len: u64,
    path: &'a Path,
}

impl<'a> Reader<'a> {
    /// Opens a regular file. (Anything else could block for ever.)
    pub(crate) fn open(path: &'a Path) -> Result<Self> {
        let metadata = path.metadata().map_err(|err| io_error("read", path, err))?;
        let wrong =
            |what: &str| Err(Error::dependency(format!("`{}` is not a shared library: {what}", path.display())));
        if metadata.is_dir() {
            return wrong("it is a folder");
        }
        if !metadata.is_file() {
            return wrong("it is not a regular file");
        }
        let file = File::open(path).map_err(|err| io_error("read", path, err))?;
        Ok(Self { file, len: metadata.len(), path })
    }

    /// Length of the file.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// `len` bytes from `offset` on, or nothing when the file has none or it asks for too much.
    pub(crate) fn bytes(&self, offset: u64, len: u64) -> Option<Vec<u8>> {
        if len > MAX_READ || offset.checked_add(len)? > self.len {
            return None;
        }
        let mut bytes = vec![0; len as usize];
        let mut file = &self.file;
        file.seek(SeekFrom::Start(offset)).ok()?;
        file.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    /// The text that ends with a zero byte, of up to 255 bytes.
    pub(crate) fn text(&self, offset: u64) -> Option<String> {
        let len = self.len.checked_sub(offset)?.min(256);
        let bytes = self.bytes(offset, len)?;
        let end = bytes.iter().position(|&byte| byte == 0)?;
        String::from_utf8(bytes[..end].to_vec()).ok()
    }

    /// The error for a file that is no usable library.
    pub(crate) fn unusable(&self, why: impl AsRef<str>) -> Error {
        Error::dependency(format!("`{}` is not a shared library: {}", self.path.display(), why.as_ref()))
    }

    /// The error for a library of which a part is missing.
    pub(crate) fn truncated(&self) -> Error {
        let message =
            format!("`{}` is a damaged shared library: it is cut short or its headers are wrong", self.path.display());
        Error::dependency(message)
    }
}

/// A little-endian number in a piece of the file.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

/// A little-endian number in a piece of the file.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// A little-endian number in a piece of the file.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// What a file that is no library seems to be.
pub(super) fn describe(file: &Reader<'_>) -> &'static str {
    let head = file.bytes(0, file.len().min(64)).unwrap_or_default();
    let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r' | 0x80..);
    if head.is_empty() {
        "it is empty"
    } else if head.starts_with(b"!<arch>\n") {
        "it is a static library"
    } else if head.starts_with(b"PK\x03\x04") {
        "it is a zip file, such as a wheel"
    } else if head.iter().all(is_text) {
        "it is a text file"
    } else {
        "it is a file of another kind"
    }
}
