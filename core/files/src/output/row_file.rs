//! JSON lines, NumPy arrays and safetensors: files that can be gone on with in their middle.

use std::{io::Write, path::Path};

use drivetrain_contract::{Error, Result};

use super::{Rows, Sink, layout::Layout, part_file::PartFile};
use crate::failure::unwritable;

#[derive(Debug)]
pub(super) struct RowFile {
    file: PartFile,
    layout: Layout,
    dim: usize,
    n_rows: u64,
}

impl RowFile {
    pub(super) fn create(path: &Path, layout: Layout, dim: usize) -> Result<Self> {
        let mut file = PartFile::create(path)?;
        file.write_all(&layout.header(0, dim)).map_err(|err| unwritable(path, err))?;
        Ok(Self { file, layout, dim, n_rows: 0 })
    }

    /// Goes on behind the first `n_rows`, which end after `n_bytes`.
    pub(super) fn reopen(path: &Path, layout: Layout, dim: usize, (n_rows, n_bytes): (u64, u64)) -> Result<Self> {
        let file = PartFile::reopen(path, n_bytes)?;
        Ok(Self { file, layout, dim, n_rows })
    }
}

impl Sink for RowFile {
    fn append(&mut self, rows: Rows<'_>) -> Result<()> {
        if rows.dim() != self.dim {
            return Err(Error::invalid(format!("vectors of {} dimensions, not {}", rows.dim(), self.dim)));
        }
        self.layout.write(&mut self.file, rows).map_err(|err| unwritable(self.file.path(), err))?;
        self.n_rows += rows.len() as u64;
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<Option<u64>> {
        self.file.sync().map(Some)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let header = self.layout.header(self.n_rows, self.dim);
        if !header.is_empty() {
            self.file.rewrite_start(&header).map_err(|err| unwritable(self.file.path(), err))?;
        }
        self.file.publish()
    }
}
