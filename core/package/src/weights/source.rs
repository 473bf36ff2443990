//! One file of weights, read by position.

use std::{fs::File, io};

use drivetrain_contract::{Error, Result};

use super::TensorPlace;
use crate::Files;

/// One file of weights: opened, or in memory.
#[derive(Debug)]
pub(crate) struct Source {
    label: String,
    length: u64,
    bytes: Bytes,
}

#[derive(Debug)]
enum Bytes {
    File(File),
    Memory(&'static [u8]),
}

impl Source {
    pub(crate) fn open(files: &Files, rel: &str) -> Result<Self> {
        let label = files.label(rel);
        if let Some(bytes) = files.in_memory(rel) {
            return Ok(Self { label, length: bytes.len() as u64, bytes: Bytes::Memory(bytes) });
        }
        let (file, length) = files.open_regular(rel)?;
        Ok(Self { label, length, bytes: Bytes::File(file) })
    }

    /// What a message calls it.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Length in bytes when it was opened.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The place of bytes that lie in it.
    pub(crate) fn place(&self, offset: u64, n_bytes: u64) -> TensorPlace<'_> {
        match &self.bytes {
            Bytes::File(file) => TensorPlace::File { file, offset, n_bytes },
            // The header was compared with the length, so these are inside.
            Bytes::Memory(bytes) => TensorPlace::Memory(&bytes[offset as usize..][..n_bytes as usize]),
        }
    }

    /// Fills `out` from `offset` on. Takes `&self`: readers on several threads do not disturb each other.
    pub(crate) fn read_at(&self, out: &mut [u8], offset: u64) -> Result<()> {
        let read = match &self.bytes {
            Bytes::File(file) => read_exact_at(file, out, offset),
            Bytes::Memory(bytes) => copy_at(bytes, out, offset),
        };
        read.map_err(|err| Error::io(format!("failed to read `{}`", self.label)).with_source(err))
    }
}

fn copy_at(bytes: &[u8], out: &mut [u8], offset: u64) -> io::Result<()> {
    let start = usize::try_from(offset).ok().filter(|&start| start <= bytes.len());
    match start.and_then(|start| bytes[start..].get(..out.len())) {
        Some(part) => {
            out.copy_from_slice(part);
            Ok(())
        }
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut out: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !out.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, out, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                out = &mut out[read..];
                offset += read as u64;
            }
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
    Ok(())
}
