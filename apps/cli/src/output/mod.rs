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
        Ok(Self { kind: kind.map_err(|err| unwritable(&label, err))?, label })
    }

    /// Writes the vectors of one window.
    pub(crate) fn write(&mut self, texts: &[String], embeddings: &Embeddings) -> anyhow::Result<()> {
        let written = match &mut self.kind {
            Kind::Preview(target) => preview::write(target, texts, embeddings),
            Kind::Jsonl(target) => jsonl::write(target, embeddings),
            Kind::Npy(npy) => npy.write(embeddings),
        };
        written.map_err(|err| unwritable(&self.label, err))
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
        finished.map_err(|err| unwritable(&self.label, err))
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

fn unwritable(label: &str, err: io::Error) -> anyhow::Error {
    let command = CommandError::new(Blame::Output, format!("cannot write {label}"));
    anyhow::Error::new(err).context(command)
}
