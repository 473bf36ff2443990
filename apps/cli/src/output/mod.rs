//! Where vectors go: a preview for people, JSON lines, NumPy arrays.

mod file;
mod jsonl;
mod npy;
mod preview;

use std::{
    io::{self, Write},
    path::Path,
};

use drivetrain::Embeddings;

use crate::{
    args::OutputFormat,
    exit::{Blame, CommandError},
    output::{file::AtomicFile, npy::NpyWriter},
};

/// Takes vectors window by window. A file appears under its name when [`Sink::finish`] has returned.
pub(crate) struct Sink {
    kind: Kind,
    label: String,
}

enum Kind {
    Preview(Target),
    Jsonl(Target),
    Npy(Box<NpyWriter>),
}

enum Target {
    Stdout(io::BufWriter<io::StdoutLock<'static>>),
    File(Box<AtomicFile>),
}

impl Sink {
    /// Opens the output for vectors of `dim` numbers.
    pub(crate) fn create(format: OutputFormat, path: Option<&Path>, dim: usize) -> anyhow::Result<Self> {
        let label = path.map_or_else(|| "standard output".to_owned(), |path| format!("`{}`", path.display()));
        let target = || match path {
            Some(path) => AtomicFile::create(path).map(|file| Target::File(Box::new(file))),
            None => Ok(Target::Stdout(io::BufWriter::with_capacity(1 << 18, io::stdout().lock()))),
        };
        let kind = match (format, path) {
            (OutputFormat::Preview, _) => target().map(Kind::Preview),
            (OutputFormat::Npy, Some(path)) => {
                AtomicFile::create(path).and_then(|file| NpyWriter::new(file, dim)).map(|npy| Kind::Npy(Box::new(npy)))
            }
            (OutputFormat::Jsonl | OutputFormat::Npy, _) => target().map(Kind::Jsonl),
        };
        let kind = kind.map_err(|err| match path.and_then(missing_folder) {
            Some(folder) => unwritable(&label, err).with_hint(format!("there is no folder `{}`", folder.display())),
            None => unwritable(&label, err),
        });
        Ok(Self { kind: kind?, label })
    }

    /// Writes the vectors of one window.
    pub(crate) fn write(&mut self, texts: &[String], embeddings: &Embeddings) -> anyhow::Result<()> {
        let written = match &mut self.kind {
            Kind::Preview(target) => preview::write(target, texts, embeddings),
            Kind::Jsonl(target) => jsonl::write(target, embeddings),
            Kind::Npy(npy) => npy.write(embeddings),
        };
        written.map_err(|err| unwritable(&self.label, err).into())
    }

    /// Completes the output.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        let finished = match self.kind {
            Kind::Preview(target) | Kind::Jsonl(target) => match target {
                Target::Stdout(mut stdout) => stdout.flush(),
                Target::File(file) => file.finish(),
            },
            Kind::Npy(npy) => npy.finish(),
        };
        finished.map_err(|err| unwritable(&self.label, err).into())
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Target::Stdout(stdout) => stdout.write(bytes),
            Target::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Target::Stdout(stdout) => stdout.flush(),
            Target::File(file) => file.flush(),
        }
    }
}

/// Writes what a command has to say to standard output.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    let printed = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    printed.map_err(|err| unwritable("standard output", err).into())
}

fn unwritable(label: &str, err: io::Error) -> CommandError {
    CommandError::new(Blame::Output, format!("cannot write {label}")).with_source(err)
}

/// The folder that would have to be there for `path` to be written.
fn missing_folder(path: &Path) -> Option<&Path> {
    path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists())
}
