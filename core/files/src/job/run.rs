//! One output, from its beginning or from where it was interrupted.

use std::{
    collections::VecDeque,
    fmt,
    path::PathBuf,
    time::{Duration, Instant},
};

use drivetrain_contract::{Error, Result};
use serde_json::Value;

use super::{
    Identity,
    sidecar::{Sidecar, State},
};
use crate::{
    OutputFormat, Rows, Target,
    failure::quoted,
    output::{Extent, Output},
};

/// What a job is to write, and by what it is known again.
#[derive(Clone, Debug)]
pub struct JobOptions {
    /// Where the output goes.
    pub target: Target,
    /// How it is written.
    pub format: OutputFormat,
    /// Numbers in each vector.
    pub dim: usize,
    /// Inputs and options.
    pub identity: Identity,
    /// Time between two checkpoints at the least. One happens at [`Job::append`] only.
    pub checkpoint_every: Duration,
}

/// An output that is being written, with a file beside it that says how to go on.
///
/// However the process ends, [`Job::resume`] goes on behind the last checkpoint. A job that ends tidily should still
/// say how: [`Job::finish`], [`Job::interrupt`] or [`Job::keep`].
pub struct Job {
    output: Output,
    target: Target,
    identity: Identity,
    /// None for what is written directly.
    sidecar: Option<Sidecar>,
    start: Start,
    /// Records whose rows are in the output already, of those that come first.
    to_drop: u64,
    /// Records so far, and where to go on, after the last checkpoint; the first is the latest that lies within what
    /// is kept of the output.
    positions: VecDeque<(u64, Value)>,
    /// Rows kept by the last checkpoint.
    saved: u64,
    checkpoint_every: Duration,
    last_checkpoint: Instant,
    /// Whether the output may end within a row.
    is_torn: bool,
}

/// Where a job begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Records to pass over.
    pub records: u64,
    /// What was given to [`Job::append`] with the last of them; null at the beginning.
    pub position: Value,
}

/// What is left of a job that did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The output, or the folder.
    pub path: PathBuf,
    /// Records in it.
    pub records: u64,
    /// Records that [`Job::resume`] need not write again.
    pub resumes_at: u64,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("target", &self.target).field("rows", &self.output.n_rows()).finish_non_exhaustive()
    }
}

impl Job {
    /// Begins an output. What has its name stays until the new one is complete or interrupted.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`] for places that cannot be written,
    /// [`drivetrain_contract::ErrorKind::Busy`] while another process writes there, and
    /// [`drivetrain_contract::ErrorKind::Invalid`] for a folder with files of another job.
    pub fn begin(options: JobOptions) -> Result<Self> {
        let sidecar = sidecar(&options.target)?;
        let before = sidecar.as_ref().and_then(|sidecar| sidecar.read().ok().flatten());
        let output = Output::create(options.target.clone(), options.format, options.dim)?;
        if let Some(given_up) = before.map(|state| state.output.n_rows(&options.target)).filter(|&rows| rows > 0) {
            let path = quoted(options.target.path());
            log::warn!("{path} begins again: {given_up} records of an interrupted job are given up");
        }
        let start = Start { records: 0, position: Value::Null };
        let mut job = Self::new(options, output, sidecar, start);
        if let Err(err) = job.save(Extent::default()) {
            job.output.remove_part();
            return Err(err);
        }
        Ok(job)
    }

    /// Goes on with an output. The records after [`Start::records`] are to come, with vectors computed from
    /// [`Start::position`] on: those that are in the output already are passed over.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::NotFound`] when there is nothing to go on with,
    /// [`drivetrain_contract::ErrorKind::Invalid`] when the job was another one (the message says in what) or its files
    /// were changed, and those of [`Job::begin`].
    pub fn resume(options: JobOptions) -> Result<Self> {
        let Some(sidecar) = sidecar(&options.target)? else {
            let message =
                format!("{} is no regular file: there is nothing to go on with", quoted(options.target.path()));
            return Err(Error::not_found(message));
        };
        let Some(state) = sidecar.read()? else {
            let message = format!("there is nothing to resume: {} is not there", quoted(sidecar.path()));
            let hint =
                format!("{} is complete or was never begun; leave out `--resume`", quoted(options.target.path()));
            return Err(Error::not_found(message).with_hint(hint));
        };
        if let Some(what) = state.identity.difference(&identity(&options)) {
            let message = format!("{} belongs to another job: {what}", quoted(sidecar.path()));
            return Err(Error::invalid(message).with_hint("repeat the command as it was, or leave out `--resume`"));
        }
        let in_output = state.output.n_rows(&options.target);
        let Some(to_drop) = in_output.checked_sub(state.records) else {
            let message = format!("{} contradicts itself", quoted(sidecar.path()));
            return Err(Error::invalid(message).with_hint("start again without `--resume`"));
        };
        let output = Output::reopen(options.target.clone(), options.format, options.dim, state.output)?;
        let start = Start { records: state.records, position: state.position };
        let mut job = Self::new(options, output, Some(sidecar), start);
        job.to_drop = to_drop;
        job.saved = in_output;
        Ok(job)
    }

    fn new(options: JobOptions, output: Output, sidecar: Option<Sidecar>, start: Start) -> Self {
        Self {
            identity: identity(&options),
            output,
            target: options.target,
            sidecar,
            positions: [(start.records, start.position.clone())].into(),
            start,
            to_drop: 0,
            saved: 0,
            checkpoint_every: options.checkpoint_every,
            last_checkpoint: Instant::now(),
            is_torn: false,
        }
    }

    /// Where to go on.
    pub fn start(&self) -> &Start {
        &self.start
    }

    /// Writes the next rows. After them, vectors can be computed on from `position`.
    ///
    /// # Errors
    /// As [`crate::Sink::append`].
    pub fn append(&mut self, rows: Rows<'_>, position: impl FnOnce() -> Value) -> Result<()> {
        let dropped = self.to_drop.min(rows.len() as u64);
        self.to_drop -= dropped;
        let written = self.output.append(rows.slice(dropped as usize..rows.len()));
        self.is_torn |= written.is_err();
        written?;
        let before = self.positions.back().map_or(0, |(records, _)| *records);
        self.positions.push_back((before + rows.len() as u64, position()));
        if self.last_checkpoint.elapsed() >= self.checkpoint_every {
            self.checkpoint()?;
        }
        Ok(())
    }

    /// Makes everything so far survive, as far as the format allows.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`] when the disk fails.
    pub fn checkpoint(&mut self) -> Result<()> {
        let kept = self.output.checkpoint();
        self.is_torn |= kept.is_err();
        let kept = kept?;
        let n_rows = kept.n_rows(&self.target);
        while self.positions.get(1).is_some_and(|(records, _)| *records <= n_rows) {
            self.positions.pop_front();
        }
        self.save(kept)
    }

    fn save(&mut self, kept: Extent) -> Result<()> {
        self.last_checkpoint = Instant::now();
        let (Some(sidecar), Some(position)) = (&self.sidecar, self.positions.front()) else { return Ok(()) };
        sidecar.write(&State::new(position.clone(), kept, self.identity.clone()))?;
        self.saved = kept.n_rows(&self.target);
        Ok(())
    }

    /// Completes the output: it has its name, and nothing else is left.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`] when that cannot be done.
    pub fn finish(mut self) -> Result<()> {
        self.output.finish()?;
        self.sidecar.as_ref().map_or(Ok(()), Sidecar::remove)
    }

    /// Ends before the end: the output is well-formed, ends at a whole record and has its name, and can be gone on
    /// with. Without a single record nothing is left, and what is written directly cannot be gone on with: `None`.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`] when that cannot be done.
    pub fn interrupt(mut self) -> Result<Option<Kept>> {
        let records = self.output.n_rows();
        if records == 0 {
            self.remove();
            return Ok(None);
        }
        self.checkpoint()?;
        self.output.close()?;
        Ok(self.sidecar.as_ref().map(|_| self.kept(records)))
    }

    /// Ends after an error: the output keeps the name of an incomplete one, and can be gone on with behind the last
    /// checkpoint. If there was none, nothing is left, which is `None`.
    pub fn keep(mut self) -> Option<Kept> {
        if !self.is_torn
            && let Err(err) = self.checkpoint()
        {
            log::debug!("no last checkpoint: {}", err.to_text());
        }
        if self.saved == 0 || self.sidecar.is_none() {
            self.remove();
            return None;
        }
        Some(self.kept(self.saved))
    }

    fn kept(&self, records: u64) -> Kept {
        Kept { path: self.target.path().to_owned(), records, resumes_at: self.saved }
    }

    /// Leaves nothing, as far as that is possible.
    fn remove(&mut self) {
        self.output.remove_part();
        if let Some(Err(err)) = self.sidecar.as_ref().map(Sidecar::remove) {
            log::debug!("{}", err.to_text());
        }
    }
}

fn sidecar(target: &Target) -> Result<Option<Sidecar>> {
    if target.is_direct() { Ok(None) } else { Sidecar::of(target.path()).map(Some) }
}

/// What the caller says of the job, and what the output says of itself.
fn identity(options: &JobOptions) -> Identity {
    let identity = options.identity.clone().and("format", &options.format.name()).and("dimensions", &options.dim);
    match options.target {
        Target::File(_) => identity,
        Target::Folder { .. } => identity.and("shard rows", &options.target.shard_rows()),
    }
}
