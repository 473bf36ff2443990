//! A contestant's process.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, bail};
use protocol::{Done, Ready, Reply};

use crate::{
    entries::Entry,
    machine::{Clock, Usage},
    memory::Peak,
    programs,
};

/// A contestant that has loaded. Dropping it ends it.
pub(crate) struct Contestant {
    name: String,
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    ready: Ready,
    peak: Peak,
}

impl Contestant {
    /// Starts `entry` on a file of texts and waits until it has loaded.
    pub(crate) fn start(entry: &Entry, texts: &Path) -> Result<Self> {
        let mut process = Command::new(programs::path(entry.program)?)
            .args(&entry.arguments)
            .arg("--texts")
            .arg(texts)
            .envs(entry.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{}`", entry.name))?;
        let (Some(stdin), Some(stdout)) = (process.stdin.take(), process.stdout.take()) else {
            bail!("`{}` has no pipes", entry.name)
        };
        let mut stdout = BufReader::new(stdout);
        let mut peak = Peak::default();
        let ready = match peak.watch(process.id(), || answer(&mut stdout)) {
            Ok(Some(Reply::Ready(ready))) => ready,
            other => {
                process.kill().ok();
                bail!("`{}` did not get ready: {other:?}, {}", entry.name, process.wait()?)
            }
        };
        Ok(Self { name: entry.name.clone(), process, stdin, stdout, ready, peak })
    }

    /// Has it embed every text once, and says who used the machine meanwhile.
    pub(crate) fn order(&mut self, command: &protocol::Command) -> Result<(Done, Option<Usage>)> {
        let started = Clock::now(self.process.id());
        let done = self.done(command)?;
        let usage = started.zip(Clock::now(self.process.id())).and_then(|(started, now)| started.until(now));
        Ok((done, usage))
    }

    fn done(&mut self, command: &protocol::Command) -> Result<Done> {
        writeln!(self.stdin, "{command}").with_context(|| format!("`{}` has ended", self.name))?;
        match self.peak.watch(self.process.id(), || answer(&mut self.stdout))? {
            Some(Reply::Done(done)) => Ok(done),
            Some(other) => bail!("`{}` said {other:?} instead of `done`", self.name),
            None => bail!("`{}` ended before it was done: {}", self.name, self.process.wait()?),
        }
    }

    /// What it said when it had loaded.
    pub(crate) fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Highest memory so far.
    pub(crate) fn peak(&self) -> Peak {
        self.peak
    }
}

impl Drop for Contestant {
    fn drop(&mut self) {
        // It may have ended already, and then there is nothing to tell it and nothing to kill.
        writeln!(self.stdin, "{}", protocol::Command::Quit).ok();
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// The next line; nothing when the contestant has ended.
fn answer(stdout: &mut impl BufRead) -> Result<Option<Reply>> {
    let mut line = String::new();
    Ok(if stdout.read_line(&mut line)? == 0 { None } else { Some(line.trim_end().parse()?) })
}
