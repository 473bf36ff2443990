//! Opens engines in a process of their own, and survives whatever they do there.

use std::{
    env,
    io::{self, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use drivetrain::{Error, ErrorKind};

use crate::{args::SourceArgs, commands::doctor::probe::Message, interrupt};

/// How often the process is looked after.
const POLL: Duration = Duration::from_millis(10);
/// How long output is waited for when the process has ended; a process of its own may hold the pipe.
const AFTERWARDS: Duration = Duration::from_millis(500);
/// Most bytes of output that are kept.
const MOST_OUTPUT: usize = 4 << 20;
/// Most characters of the process's last words.
const MOST_WORDS: usize = 300;

/// What came of it.
#[derive(Debug)]
pub(in crate::commands) struct Trial {
    /// What the process said, in order.
    pub(in crate::commands) messages: Vec<Message>,
    /// How it ended, if not by itself and well.
    pub(in crate::commands) failure: Option<String>,
    /// Whether there was a process; else the engines are not to blame.
    pub(in crate::commands) is_started: bool,
}

/// How engines are tried.
#[derive(Clone, Debug)]
pub(in crate::commands) struct Bench {
    /// Profile files and settings, as given on the command line.
    pub(in crate::commands) source: SourceArgs,
    /// When a trial is given up.
    pub(in crate::commands) limit: Duration,
}

impl Bench {
    /// Opens these backends, in this order, in one process.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] when the user asks to stop; everything else is part of what is found out.
    pub(in crate::commands) fn try_out(&self, backends: &[&str]) -> drivetrain::Result<Trial> {
        let mut child = match self.start(backends) {
            Ok(child) => child,
            Err(err) => {
                let failure = Some(format!("cannot be tried out: {err}"));
                return Ok(Trial { messages: Vec::new(), failure, is_started: false });
            }
        };
        let (said, complained) = (Listener::new(child.stdout.take()), Listener::new(child.stderr.take()));
        let ended = wait(&mut child, self.limit)?;
        let messages = messages(&said.heard());
        let failure = match ended {
            Some(status) if status.success() => None,
            Some(status) => Some(format!("the process that loaded it ended ({status}){}", complained.last_words())),
            None => Some(format!("no answer within {} s{}", self.limit.as_secs(), complained.last_words())),
        };
        Ok(Trial { messages, failure, is_started: true })
    }

    fn start(&self, backends: &[&str]) -> io::Result<Child> {
        let mut command = Command::new(env::current_exe()?);
        command.arg("doctor");
        for id in backends {
            command.args(["--probe", id]);
        }
        command.args(self.source.arguments());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    }
}

impl Trial {
    /// The backend that was being opened when the process ended.
    pub(super) fn culprit(&self) -> Option<&str> {
        match self.messages.last() {
            Some(Message::Opening { backend }) => Some(backend),
            _ => None,
        }
    }
}

/// Waits for the end; `None` when the process had to be ended.
fn wait(child: &mut Child, limit: Duration) -> drivetrain::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(Some(status)),
            Ok(None) if interrupt::asked() => {
                end(child);
                return Err(Error::new(ErrorKind::Cancelled, "interrupted"));
            }
            Ok(None) if started.elapsed() < limit => thread::sleep(POLL),
            _ => {
                end(child);
                return Ok(None);
            }
        }
    }
}

/// Ends a process that may have ended meanwhile.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Keeps what comes out of a pipe.
pub(in crate::commands) struct Listener {
    heard: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Listener {
    pub(in crate::commands) fn new(pipe: Option<impl Read + Send + 'static>) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heard);
        let reader = pipe.and_then(|mut pipe| {
            let read = move || {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    let room = MOST_OUTPUT.saturating_sub(kept.len());
                    kept.extend_from_slice(&buffer[..count.min(room)]);
                }
            };
            thread::Builder::new().spawn(read).ok()
        });
        Self { heard, reader }
    }

    /// What was heard until the pipe was closed, or until it is no longer waited for.
    fn heard(&self) -> String {
        let started = Instant::now();
        while self.reader.as_ref().is_some_and(|reader| !reader.is_finished()) && started.elapsed() < AFTERWARDS {
            thread::sleep(POLL);
        }
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&heard).into_owned()
    }

    /// The last line, to be put behind what happened.
    pub(in crate::commands) fn last_words(&self) -> String {
        let heard = self.heard();
        let line = heard.lines().rev().find(|line| !line.trim().is_empty());
        line.map_or_else(String::new, |line| format!(": {}", line.chars().take(MOST_WORDS).collect::<String>()))
    }
}

/// Lines that are none of ours come from libraries that write to standard output.
fn messages(said: &str) -> Vec<Message> {
    said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_between_what_libraries_print() {
        let said = "hello from a library\n{\"what\":\"opening\",\"backend\":\"a\"}\n{\"what\":\"else\"}\n[1]\n\
                    {\"what\":\"failed\",\"backend\":\"a\",\"why\":\"x\",\"hint\":null,\"code\":13}\n{\"what\":\"opening\",\"back";
        let messages = messages(said);
        assert!(matches!(&messages[..], [Message::Opening { .. }, Message::Failed { why, .. }] if why == "x"));
        let trial = Trial { messages, failure: None, is_started: true };
        assert_eq!(trial.culprit(), None);
        let messages = super::messages(said.lines().nth(1).unwrap());
        let trial = Trial { messages, failure: None, is_started: true };
        assert_eq!(trial.culprit(), Some("a"));
    }
}
