//! A candidate that runs in another process.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use drivetrain::{
    Error, ErrorKind, Result,
    planner::tune::{Lap, Sampled, Seat},
};

use super::message::{Ask, Loading, Say};
use crate::{args::SourceArgs, commands::doctor::Listener, interrupt};

/// How often it is looked whether the user wants to stop, and how much memory the process holds.
const POLL: Duration = Duration::from_millis(20);
/// How long a process that ended is waited for.
const AFTERWARDS: Duration = Duration::from_secs(1);

/// Within what a process has to stay.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// How long it may take for one answer.
    pub(super) patience: Duration,
    /// Bytes of main memory that it may hold, where there is a limit.
    pub(super) memory: Option<u64>,
}

/// A candidate that runs in another process, which ends with it.
pub(super) struct ChildSeat {
    child: Child,
    asks: Option<ChildStdin>,
    answers: Receiver<Say>,
    complaints: Listener,
    bounds: Bounds,
    batch_tokens: Option<usize>,
}

impl ChildSeat {
    /// Starts the process, which begins to load the candidate.
    ///
    /// # Errors
    /// When no process can be started.
    pub(super) fn begin(source: &SourceArgs, loading: Loading, bounds: Bounds) -> Result<Self> {
        let failed = |err| Error::io("a process to try a candidate in cannot be started").with_source(err);
        let mut command = Command::new(env::current_exe().map_err(failed)?);
        command.arg("trial").args(source.arguments());
        let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = streams.spawn().map_err(failed)?;
        let (asks, complaints) = (child.stdin.take(), Listener::new(child.stderr.take()));
        let (said, answers) = mpsc::channel();
        if let Some(pipe) = child.stdout.take() {
            thread::spawn(move || {
                // Lines that are none of ours come from libraries that write to standard output.
                for line in BufReader::new(pipe).lines().map_while(std::io::Result::ok) {
                    if let Ok(answer) = serde_json::from_str(&line)
                        && said.send(answer).is_err()
                    {
                        return;
                    }
                }
            });
        }
        let mut seat = Self { child, asks, answers, complaints, bounds, batch_tokens: None };
        seat.send(&Ask::Load(Box::new(loading)))?;
        Ok(seat)
    }

    /// Waits until the candidate is loaded.
    ///
    /// # Errors
    /// What keeps it from running, how the process ended, or that it went beyond its bounds.
    pub(super) fn loaded(mut self) -> Result<Self> {
        match self.answer()? {
            Say::Loaded { batch_tokens } => self.batch_tokens = batch_tokens,
            _ => return Err(unexpected()),
        }
        Ok(self)
    }

    fn ask(&mut self, ask: &Ask) -> Result<Say> {
        self.send(ask)?;
        self.answer()
    }

    fn send(&mut self, ask: &Ask) -> Result<()> {
        let line = serde_json::to_string(ask).map_err(|err| Error::internal("no JSON").with_source(err))?;
        // A process that no longer listens has ended, and how is said where its answer is waited for.
        if let Some(asks) = &mut self.asks {
            let _ = writeln!(asks, "{line}").and_then(|()| asks.flush());
        }
        Ok(())
    }

    fn answer(&mut self) -> Result<Say> {
        let started = Instant::now();
        loop {
            match self.answers.recv_timeout(POLL) {
                Ok(Say::Failed { is_cancelled: true, .. }) => return Err(interrupted()),
                Ok(Say::Failed { why, hint, .. }) => {
                    let err = Error::unsupported(why);
                    return Err(hint.into_iter().fold(err, Error::with_hint));
                }
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Disconnected) => return Err(self.ended()),
                Err(RecvTimeoutError::Timeout) if interrupt::asked() => return Err(interrupted()),
                Err(RecvTimeoutError::Timeout) => self.check_bounds(started)?,
            }
        }
    }

    fn check_bounds(&self, started: Instant) -> Result<()> {
        let Bounds { patience, memory } = self.bounds;
        if started.elapsed() > patience {
            return Err(Error::new(ErrorKind::Deadline, format!("no answer within {} s", patience.as_secs())));
        }
        match (memory, resident_bytes(self.child.id())) {
            (Some(most), Some(held)) if held > most => {
                let (held, most) = (held >> 20, most >> 20);
                Err(Error::new(ErrorKind::OutOfMemory, format!("it took {held} MiB, and {most} MiB may be used")))
            }
            _ => Ok(()),
        }
    }

    /// How the process ended.
    fn ended(&mut self) -> Error {
        let started = Instant::now();
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status.to_string(),
                Ok(None) if started.elapsed() < AFTERWARDS => thread::sleep(POLL),
                _ => break "it closed its output".to_owned(),
            }
        };
        if interrupt::asked() {
            return interrupted();
        }
        let message = format!("the process that ran it ended ({status}){}", self.complaints.last_words());
        // What ends processes with this signal is the system, when memory runs short, or a person.
        let kind = if status.starts_with("signal: 9") { ErrorKind::OutOfMemory } else { ErrorKind::Unsupported };
        Error::new(kind, message)
    }
}

impl Seat for ChildSeat {
    fn vectors(&mut self, most: usize) -> Result<Sampled> {
        match self.ask(&Ask::Vectors { most })? {
            Say::Vectors(sampled) => Ok(sampled),
            _ => Err(unexpected()),
        }
    }

    fn lap(&mut self, lap: Lap) -> Result<Duration> {
        match self.ask(&Ask::Lap(lap))? {
            Say::Lap { seconds } => Duration::try_from_secs_f64(seconds).map_err(|_| unexpected()),
            _ => Err(unexpected()),
        }
    }

    fn batch_tokens(&self) -> Option<usize> {
        self.batch_tokens
    }

    fn peak_bytes(&mut self) -> Option<u64> {
        match self.ask(&Ask::Peak) {
            Ok(Say::Peak { bytes }) => bytes,
            _ => None,
        }
    }
}

impl Drop for ChildSeat {
    fn drop(&mut self) {
        // It may have ended meanwhile.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn interrupted() -> Error {
    Error::new(ErrorKind::Cancelled, "interrupted")
}

fn unexpected() -> Error {
    Error::internal("the process that runs the candidate answered something else")
}

/// What a process holds of main memory now, where the system tells.
fn resident_bytes(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    drivetrain::status_bytes(&status, "VmRSS:")
}
