//! A file that appears under its name only when it is complete.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

/// Written beside its place under another name, then renamed; removed when it is dropped unfinished.
///
/// What is no regular file (a pipe, `/dev/null`) is written directly.
pub(crate) struct AtomicFile {
    writer: BufWriter<Inner>,
    path: PathBuf,
}

enum Inner {
    Temporary(NamedTempFile),
    Direct(std::fs::File),
}

impl AtomicFile {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let special = path.metadata().is_ok_and(|facts| !facts.is_file());
        let inner = if special {
            Inner::Direct(std::fs::OpenOptions::new().write(true).open(path)?)
        } else {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let mut builder = tempfile::Builder::new();
            builder.prefix(".drivetrain-").suffix(".part");
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                // As for any new file, the user's mask takes from this what it wants.
                builder.permissions(std::fs::Permissions::from_mode(0o666));
            }
            Inner::Temporary(builder.tempfile_in(folder)?)
        };
        Ok(Self { writer: BufWriter::with_capacity(1 << 18, inner), path: path.to_owned() })
    }

    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.writer.flush()?;
        match self.writer.into_inner().map_err(io::IntoInnerError::into_error)? {
            Inner::Direct(_) => Ok(()),
            Inner::Temporary(file) => {
                file.as_file().sync_all()?;
                file.persist(&self.path).map(drop).map_err(|err| err.error)
            }
        }
    }
}

impl Inner {
    fn file(&mut self) -> &mut std::fs::File {
        match self {
            Inner::Temporary(file) => file.as_file_mut(),
            Inner::Direct(file) => file,
        }
    }
}

impl Write for Inner {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file().flush()
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
