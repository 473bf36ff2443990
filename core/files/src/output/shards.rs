//! An output as a whole: one file, or a folder of files with a fixed number of rows each.

use std::{
    fs,
    path::{Path, PathBuf},
};

use drivetrain_contract::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{
    OutputFormat, Rows, Sink,
    layout::Layout,
    part_file::{is_direct, part_of},
    row_file::RowFile,
};
use crate::failure::{quoted, unwritable};

/// Where an output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One file.
    File(PathBuf),
    /// A folder with `part-00000.<extension>`, `part-00001.<extension>`, …
    Folder {
        /// The folder; it is made if it is not there.
        path: PathBuf,
        /// Rows in each file but the last, at least 1.
        shard_rows: u64,
    },
}

impl Target {
    /// The file or the folder.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Folder { path, .. } => path,
        }
    }

    /// Rows in a file.
    pub(crate) fn shard_rows(&self) -> u64 {
        match self {
            Self::File(_) => u64::MAX,
            Self::Folder { shard_rows, .. } => (*shard_rows).max(1),
        }
    }

    /// Whether it is written without a name of its own on the way, such as a pipe.
    pub(crate) fn is_direct(&self) -> bool {
        matches!(self, Self::File(path) if is_direct(path))
    }

    fn file(&self, shard: u64, format: OutputFormat) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Folder { path, .. } => path.join(format!("part-{shard:05}.{}", format.name())),
        }
    }
}

/// What of an output survives whatever happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Extent {
    /// Complete files.
    pub(crate) shards: u64,
    /// Rows in the file after them.
    pub(crate) rows: u64,
    /// Bytes that those rows end after.
    pub(crate) bytes: u64,
}

impl Extent {
    /// Rows of all files.
    pub(crate) fn n_rows(self, target: &Target) -> u64 {
        self.shards.saturating_mul(target.shard_rows()).saturating_add(self.rows)
    }
}

/// Writes rows to wherever they belong.
pub(crate) struct Output {
    target: Target,
    format: OutputFormat,
    dim: usize,
    current: Option<Box<dyn Sink>>,
    /// Complete files.
    shards: u64,
    /// Rows in the current one.
    rows: u64,
}

impl Output {
    pub(crate) fn create(target: Target, format: OutputFormat, dim: usize) -> Result<Self> {
        if let Target::Folder { path, .. } = &target {
            fs::create_dir_all(path).map_err(|err| unwritable(path, err))?;
            check_empty(path)?;
        }
        Self { target, format, dim, current: None, shards: 0, rows: 0 }.begun()
    }

    pub(crate) fn reopen(target: Target, format: OutputFormat, dim: usize, kept: Extent) -> Result<Self> {
        let mut this = Self { target, format, dim, current: None, shards: kept.shards, rows: kept.rows };
        if kept == Extent::default() {
            return this.begun();
        }
        if let Some(layout) = Layout::of(format).filter(|_| kept.rows > 0) {
            let place = (kept.rows, kept.bytes);
            this.current = Some(Box::new(RowFile::reopen(&this.file(), layout, dim, place)?));
        }
        Ok(this)
    }

    /// Rows so far.
    pub(crate) fn n_rows(&self) -> u64 {
        Extent { shards: self.shards, rows: self.rows, bytes: 0 }.n_rows(&self.target)
    }

    pub(crate) fn append(&mut self, rows: Rows<'_>) -> Result<()> {
        let mut start = 0;
        while start < rows.len() {
            let room = self.target.shard_rows() - self.rows;
            let n_rows = usize::try_from(room).unwrap_or(usize::MAX).min(rows.len() - start);
            self.current()?.append(rows.slice(start..start + n_rows))?;
            start += n_rows;
            self.rows += n_rows as u64;
            if self.rows == self.target.shard_rows() {
                self.complete()?;
            }
        }
        Ok(())
    }

    pub(crate) fn checkpoint(&mut self) -> Result<Extent> {
        let bytes = match &mut self.current {
            Some(sink) => sink.checkpoint()?,
            None => None,
        };
        Ok(match bytes {
            Some(bytes) if self.rows > 0 => Extent { shards: self.shards, rows: self.rows, bytes },
            _ => Extent { shards: self.shards, rows: 0, bytes: 0 },
        })
    }

    /// Completes the last file. There is one even without rows.
    pub(crate) fn finish(&mut self) -> Result<()> {
        if self.n_rows() == 0 {
            self.current()?;
        }
        self.complete()
    }

    /// Completes the last file if it has rows, else removes it.
    pub(crate) fn close(&mut self) -> Result<()> {
        if self.rows > 0 {
            return self.complete();
        }
        self.remove_part();
        Ok(())
    }

    /// Removes what has no name of its own yet, as far as that is possible.
    pub(crate) fn remove_part(&mut self) {
        self.current = None;
        if self.target.is_direct() {
            return;
        }
        drop(fs::remove_file(part_of(&self.file())));
        if let Target::Folder { path, .. } = &self.target {
            // It goes only if nothing is in it.
            drop(fs::remove_dir(path));
        }
    }

    fn file(&self) -> PathBuf {
        self.target.file(self.shards, self.format)
    }

    fn begun(mut self) -> Result<Self> {
        self.current()?;
        Ok(self)
    }

    fn current(&mut self) -> Result<&mut dyn Sink> {
        let sink = match self.current.take() {
            Some(sink) => sink,
            None => self.format.create(&self.file(), self.dim)?,
        };
        Ok(self.current.insert(sink).as_mut())
    }

    fn complete(&mut self) -> Result<()> {
        if let Some(sink) = self.current.take() {
            sink.finish()?;
            self.shards += 1;
            self.rows = 0;
        }
        Ok(())
    }
}

/// Fails for a folder with files of another job, which would be taken for some of this one.
fn check_empty(folder: &Path) -> Result<()> {
    let entries = folder.read_dir().map_err(|err| unwritable(folder, err))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let shards = names.filter(|name| name.starts_with("part-") && !name.ends_with(".part"));
    let Some(found) = shards.min() else { return Ok(()) };
    Err(Error::invalid(format!("{} holds `{found}` already", quoted(folder)))
        .with_hint("go on with `--resume`, or give an empty folder"))
}
