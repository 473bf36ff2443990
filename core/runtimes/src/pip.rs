//! The user's own pip: which command it is, and running it so that it can be stopped.

use std::{
    io::{BufRead, BufReader, Read},
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use drivetrain_contract::{Error, ErrorKind, Result};

use crate::catalogue::own_library_hint;

/// How often a running command is looked at.
const POLL: Duration = Duration::from_millis(50);

/// A command that does not answer `--version` within this time is no use.
const PROBE_TIMEOUT: Duration = Duration::from_secs(20);

/// How long after a command's end its last words may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// As much of a command's messages is kept, in bytes.
const MAX_SAID: usize = 4096;

/// Longer lines are looked at in pieces of so many bytes.
const MAX_LINE: u64 = 1 << 16;

/// A command that takes pip's arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pip {
    program: PathBuf,
    leading: &'static [&'static str],
}

impl Pip {
    /// The command the user named, or the first on the search path that answers.
    pub(crate) fn find(named: Option<&Path>, id: &str, watch: &mut dyn FnMut() -> ControlFlow<()>) -> Result<Self> {
        let candidates = match named {
            Some(program) => vec![Self::from_program(program)],
            None => Self::candidates(),
        };
        for candidate in &candidates {
            if candidate.answers(watch)? {
                return Ok(candidate.clone());
            }
        }
        let tried: Vec<String> = candidates.iter().map(|candidate| format!("`{}`", candidate.name())).collect();
        let hint = format!(
            "install pip (`python3 -m ensurepip`, or your system's python3-pip) or uv, or give a wheel that you \
             downloaded elsewhere with `--wheel FILE`, or {}",
            own_library_hint(id)
        );
        Err(Error::dependency(format!("no pip that works was found, tried {}", tried.join(", "))).with_hint(hint))
    }

    /// The command as a user would type it.
    pub(crate) fn name(&self) -> String {
        let program = self.program.display().to_string();
        [&[program.as_str()], self.leading].concat().join(" ")
    }

    /// The command with everything that comes before pip's own arguments.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.leading);
        command
    }

    fn candidates() -> Vec<Self> {
        let launcher = if cfg!(windows) { Some("py") } else { None };
        let names = ["python3", "python"].into_iter().chain(launcher).chain(["pip3", "pip", "uv"]);
        names.map(|name| Self::from_program(Path::new(name))).collect()
    }

    /// What has to follow a program to make it pip. uv has no `download` of its own but runs pip as a tool.
    fn from_program(program: &Path) -> Self {
        let stem = program.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let leading: &[&str] = match stem {
            "py" => &["-m", "pip"],
            stem if stem.starts_with("python") => &["-m", "pip"],
            "uv" => &["tool", "run", "pip"],
            "uvx" => &["pip"],
            _ => &[],
        };
        Self { program: program.to_owned(), leading }
    }

    fn answers(&self, watch: &mut dyn FnMut() -> ControlFlow<()>) -> Result<bool> {
        // uv itself is asked: asking pip through it would already download pip.
        let leading = if self.leading.first() == Some(&"tool") { &[] } else { self.leading };
        let mut command = Command::new(&self.program);
        command.args(leading).arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(child) = command.spawn() else { return Ok(false) };
        let deadline = Instant::now() + PROBE_TIMEOUT;
        let mut is_late = false;
        let outcome = Running(child).wait(&mut || {
            is_late = Instant::now() > deadline;
            if is_late { ControlFlow::Break(()) } else { watch() }
        });
        match outcome {
            Ok(status) => Ok(status.success()),
            Err(_) if is_late => Ok(false),
            Err(err) => Err(err),
        }
    }
}

/// Runs a command to its end; fails with the last it had to say.
pub(crate) fn run(command: &mut Command, watch: &mut dyn FnMut() -> ControlFlow<()>) -> Result<()> {
    run_until(command, |_| ControlFlow::Break(None::<()>), watch).map(drop)
}

/// Runs a command until `seek` finds what it looks for in a line that the command prints, and stops the command then.
///
/// `seek` is not asked again once it breaks; with `None` the command goes on to its end, as it does when there is
/// nothing to find.
pub(crate) fn run_until<T: Send + 'static>(
    command: &mut Command,
    seek: impl FnMut(&str) -> ControlFlow<Option<T>> + Send + 'static,
    watch: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Option<T>> {
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|err| {
        let program = command.get_program().to_string_lossy().into_owned();
        Error::dependency(format!("failed to run `{program}`")).with_source(err)
    })?;
    let messages = child.stderr.take().map(Messages::of);
    let finds = child.stdout.take().map(|stdout| search(stdout, seek));
    let mut found = None;
    let ended = Running(child).wait(&mut || {
        found = finds.as_ref().and_then(|finds| finds.try_recv().ok());
        if found.is_some() { ControlFlow::Break(()) } else { watch() }
    });
    if found.is_some() {
        return Ok(found);
    }
    let status = ended?;
    if status.success() {
        return Ok(None);
    }
    let said = messages.map(Messages::end).unwrap_or_default();
    Err(Error::dependency(format!("the command ended with {status}")).with_source(last_lines(&said)))
}

/// Reads what a command prints, and sends what `seek` finds in it.
///
/// Reading ends with a find: a command that is not stopped with its parent learns then that nobody listens any more.
fn search<T: Send + 'static>(
    stdout: ChildStdout,
    mut seek: impl FnMut(&str) -> ControlFlow<Option<T>> + Send + 'static,
) -> mpsc::Receiver<T> {
    let (sender, finds) = mpsc::channel();
    thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        let (mut line, mut is_sought) = (Vec::new(), true);
        while let Ok(1..) = stdout.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            match is_sought.then(|| seek(&String::from_utf8_lossy(&line))) {
                Some(ControlFlow::Break(Some(found))) => {
                    // Nobody waits for it any more when the caller has stopped the command.
                    let _ = sender.send(found);
                    return;
                }
                Some(ControlFlow::Break(None)) => is_sought = false,
                _ => {}
            }
            line.clear();
        }
    });
    finds
}

/// The last that a command has said so far, and a channel that closes when it will say no more.
///
/// A pipe instead of a file: on a full disk the complaint that the disk is full must still arrive. Nobody joins the
/// thread, because something the command started may keep the pipe open for longer than the command runs.
struct Messages {
    tail: Arc<Mutex<Vec<u8>>>,
    closed: mpsc::Receiver<()>,
}

impl Messages {
    fn of(mut stderr: ChildStderr) -> Self {
        let (sender, closed) = mpsc::channel();
        let tail = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&tail);
        thread::spawn(move || {
            let _sender = sender;
            let mut piece = [0; MAX_SAID];
            while let Ok(n @ 1..) = stderr.read(&mut piece) {
                let mut tail = shared.lock().unwrap_or_else(PoisonError::into_inner);
                tail.extend(&piece[..n]);
                let excess = tail.len().saturating_sub(MAX_SAID);
                tail.drain(..excess);
            }
        });
        Self { tail, closed }
    }

    fn end(self) -> Vec<u8> {
        // Both outcomes will do: it has closed, or it has had its time.
        let _ = self.closed.recv_timeout(LAST_WORDS);
        std::mem::take(&mut self.tail.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A child that does not outlive its owner.
///
/// It stays in our process group, so that Ctrl-C at a terminal reaches it (and what it started) as well.
struct Running(Child);

impl Running {
    fn wait(mut self, watch: &mut dyn FnMut() -> ControlFlow<()>) -> Result<ExitStatus> {
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if watch().is_break() => {
                    return Err(Error::new(ErrorKind::Cancelled, "cancelled by the caller"));
                }
                Ok(None) => thread::sleep(POLL),
                Err(err) => return Err(Error::internal("failed to wait for a command").with_source(err)),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing happens to a child that has ended; one that cannot be stopped cannot be helped from here.
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// The end of what a command had to say, on one line.
fn last_lines(text: &[u8]) -> String {
    const LINES: usize = 6;
    let tail = String::from_utf8_lossy(text);
    let mut lines: Vec<&str> = tail.lines().map(str::trim).filter(|line| !line.is_empty()).rev().take(LINES).collect();
    lines.reverse();
    if lines.is_empty() { "it said nothing".to_owned() } else { lines.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_become_pip() {
        for (program, expect) in [
            ("/opt/bin/python3.12", "/opt/bin/python3.12 -m pip"),
            ("pip3", "pip3"),
            ("uv", "uv tool run pip"),
            ("uvx", "uvx pip"),
            ("/x/my-pip.sh", "/x/my-pip.sh"),
        ] {
            assert_eq!(Pip::from_program(Path::new(program)).name(), expect);
        }
    }

    #[test]
    fn no_pip_names_every_way_out() {
        let none = Path::new("/nowhere/at/all/pip");
        let err = Pip::find(Some(none), "demo", &mut || ControlFlow::Continue(())).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Dependency);
        assert!(err.message().contains("/nowhere/at/all/pip"), "{err}");
        for way in ["ensurepip", "uv", "--wheel", "[backends.demo] library"] {
            assert!(err.hint().unwrap().contains(way), "{way}: {err}");
        }
    }

    #[test]
    fn only_the_end_of_the_messages_is_kept() {
        assert_eq!(last_lines(b""), "it said nothing");
        assert_eq!(last_lines(b"a\n\n  b\xff \n"), "a; b\u{fffd}");
        let long = "line\n".repeat(100_000);
        assert_eq!(last_lines(long.as_bytes()).matches("line").count(), 6);
    }
}
