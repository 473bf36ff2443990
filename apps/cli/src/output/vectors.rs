//! Takes vectors window by window, and says what becomes of them when there are no more.

use std::{
    io::{self, Write},
    path::Path,
    time::Duration,
};

use drivetrain::{
    Embedded, Error, ErrorKind, Position,
    files::{Identity, Job, JobOptions, Kept, Record, Rows, write_jsonl},
};

use crate::{
    args::EmbedArgs,
    exit::{Blame, CommandError},
    interrupt,
    output::{Plan, file::AtomicFile, position, preview, unwritable},
};

/// The output of a command.
pub(crate) enum Vectors {
    Preview(Plain),
    Lines(Plain),
    Job(Box<Job>),
}

/// Text on standard output or in a file.
pub(crate) struct Plain {
    target: Target,
    label: String,
}

enum Target {
    Stdout(io::BufWriter<io::StdoutLock<'static>>),
    File(Box<AtomicFile>),
}

impl Vectors {
    /// Opens the output for vectors of `dim` numbers.
    pub(crate) fn create(plan: Plan, args: &EmbedArgs, dim: usize, identity: Identity) -> anyhow::Result<Self> {
        let (target, format) = match plan {
            Plan::Preview(path) => return Plain::create(path.as_deref()).map(Self::Preview),
            Plan::Lines => return Plain::create(None).map(Self::Lines),
            Plan::Job(target, format) => (target, format),
        };
        let checkpoint_every = Duration::from_secs(args.checkpoint_secs);
        let options = JobOptions { target, format, dim, identity, checkpoint_every };
        let job = if args.resume { Job::resume(options) } else { Job::begin(options) };
        job.map(|job| Self::Job(Box::new(job))).map_err(blamed)
    }

    /// Where to begin: the place in the stream, and the records before it.
    pub(crate) fn start(&self) -> anyhow::Result<(Position, u64)> {
        let Self::Job(job) = self else { return Ok((Position::default(), 0)) };
        let start = job.start();
        let Some(position) = position::from_json(&start.position) else {
            let error = CommandError::new(Blame::Usage, "the job was interrupted at a place that is none");
            return Err(error.with_hint("start again without `--resume`").into());
        };
        Ok((position, start.records))
    }

    /// Whether a person sees the vectors while they come.
    pub(crate) fn is_on_terminal(&self) -> bool {
        let plain = match self {
            Self::Preview(plain) | Self::Lines(plain) => plain,
            Self::Job(_) => return false,
        };
        matches!(plain.target, Target::Stdout(_)) && io::IsTerminal::is_terminal(&io::stdout())
    }

    /// Writes the vectors of one window.
    pub(crate) fn write(&mut self, embedded: &Embedded<'_, Record>) -> anyhow::Result<()> {
        let embeddings = embedded.embeddings;
        let rows = Rows::new(embedded.texts, embeddings.as_slice(), embeddings.dim())?;
        match self {
            Self::Preview(plain) => plain.write(|out| preview::write(out, rows)),
            Self::Lines(plain) => plain.write(|out| write_jsonl(out, rows)),
            Self::Job(job) => job.append(rows, || position::to_json(embedded.next)).map_err(blamed),
        }
    }

    /// Completes the output.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Preview(plain) | Self::Lines(plain) => plain.finish(),
            Self::Job(job) => job.finish().map_err(blamed),
        }
    }

    /// Ends before the end, and gives what is to be said of it.
    pub(crate) fn stop(self, why: anyhow::Error) -> anyhow::Error {
        let Self::Job(job) = self else { return why };
        if !interrupt::asked() || !is_cancelled(&why) {
            if let Some(Kept { path, records, .. }) = job.keep() {
                let path = path.display();
                log::warn!("{records} records are kept of `{path}`: the same command with `--resume` goes on");
            }
            return why;
        }
        match job.interrupt() {
            Ok(None) => why,
            Ok(Some(kept)) => Error::new(ErrorKind::Cancelled, "interrupted").with_hint(how_to_go_on(&kept)).into(),
            Err(err) => blamed(err),
        }
    }
}

fn how_to_go_on(kept: &Kept) -> String {
    let Kept { path, records, resumes_at } = kept;
    let how = match resumes_at {
        0 => "begins again, since this format can be gone on with only behind complete files (`--out-dir`)",
        _ => "goes on",
    };
    format!("`{}` holds the first {records} records; the same command with `--resume` {how}", path.display())
}

fn is_cancelled(err: &anyhow::Error) -> bool {
    err.downcast_ref::<Error>().is_some_and(|err| err.kind() == ErrorKind::Cancelled)
}

/// What cannot be written is the output's fault; the rest is about what was asked for.
fn blamed(err: Error) -> anyhow::Error {
    let blame = match err.kind() {
        ErrorKind::Io | ErrorKind::Busy => Blame::Output,
        ErrorKind::Internal => return err.into(),
        _ => Blame::Usage,
    };
    CommandError::of(blame, err).into()
}

impl Plain {
    fn create(path: Option<&Path>) -> anyhow::Result<Self> {
        let label = path.map_or_else(|| "standard output".to_owned(), |path| format!("`{}`", path.display()));
        let target = match path {
            Some(path) => AtomicFile::create(path).map(|file| Target::File(Box::new(file))),
            None => Ok(Target::Stdout(io::BufWriter::with_capacity(1 << 18, io::stdout().lock()))),
        };
        Ok(Self { target: target.map_err(|err| unwritable(&label, err))?, label })
    }

    fn write(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
        let written = match &mut self.target {
            Target::Stdout(stdout) => write(stdout),
            Target::File(file) => write(file.as_mut()),
        };
        written.map_err(|err| unwritable(&self.label, err).into())
    }

    fn finish(self) -> anyhow::Result<()> {
        let finished = match self.target {
            Target::Stdout(mut stdout) => stdout.flush(),
            Target::File(file) => file.finish(),
        };
        finished.map_err(|err| unwritable(&self.label, err).into())
    }
}
