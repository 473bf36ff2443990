//! Runs the program as a user would.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::Rig;

/// Longer than any command here takes; a program that takes longer hangs.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// A command line in the making.
#[derive(Debug)]
pub struct Program {
    command: Command,
    input: Input,
}

/// What it finds on standard input.
#[derive(Debug)]
enum Input {
    None,
    Silent,
    Bytes(Vec<u8>),
    Endless(Vec<u8>),
}

/// A program that has been started.
#[derive(Debug)]
pub struct Running {
    child: Child,
    // Held open until the program has ended, where nothing is written to it.
    stdin: Option<ChildStdin>,
    started: Instant,
    shown: String,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

impl Program {
    /// `drivetrain` with the rig's data folder, the test's own cache folder, and no profile of the user's.
    pub fn drivetrain(rig: &Rig) -> Self {
        let program = Self::new(&rig.program()).env("DRIVETRAIN_HOME", rig.home()).env("DRIVETRAIN_CACHE", rig.cache());
        program.env("DRIVETRAIN_CONFIG_HOME", rig.cache().join("no-config"))
    }

    /// Any program, with an environment that holds nothing of drivetrain's.
    pub fn new(program: &Path) -> Self {
        let mut command = Command::new(program);
        let ours =
            env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("DRIVETRAIN_"));
        for variable in ours.chain(["ORT_DISABLE_TELEMETRY", "XDG_CONFIG_HOME"].map(OsString::from)) {
            command.env_remove(variable);
        }
        Self { command, input: Input::None }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Takes variables away.
    #[must_use]
    pub fn without(mut self, names: &[&str]) -> Self {
        for name in names {
            self.command.env_remove(name);
        }
        self
    }

    /// Starts in this folder.
    #[must_use]
    pub fn current_dir(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Gives it this on standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Input::Bytes(bytes.into());
        self
    }

    /// Leaves standard input open and silent, as a terminal where nobody types.
    #[must_use]
    pub fn silent_stdin(mut self) -> Self {
        self.input = Input::Silent;
        self
    }

    /// Gives it this again and again, for as long as it reads.
    #[must_use]
    pub fn endless_stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Input::Endless(bytes.into());
        self
    }

    /// Lets another program run it: `wrapper` comes before the program and its arguments.
    #[must_use]
    pub fn inside<A: AsRef<OsStr>>(self, wrapper: &[A]) -> Self {
        let [program, args @ ..] = wrapper else { return self };
        let mut command = Command::new(program);
        command.args(args).arg(self.command.get_program()).args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(folder) = self.command.get_current_dir() {
            command.current_dir(folder);
        }
        Self { command, input: self.input }
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it cannot be started, or does not end.
    pub fn run(self) -> Outcome {
        self.start().wait()
    }

    /// Starts it.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(mut self) -> Running {
        let started = Instant::now();
        let stdin = if matches!(self.input, Input::None) { Stdio::null() } else { Stdio::piped() };
        let mut child = self
            .command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|err| panic!("{:?}: {err}", self.command));
        let stdin = child.stdin.take().and_then(|pipe| feed(pipe, self.input));
        Running { child, stdin, started, shown: format!("{:?}", self.command) }
    }
}

/// Writes the input in a thread of its own; gives the pipe back where there is nothing to write.
fn feed(mut pipe: ChildStdin, input: Input) -> Option<ChildStdin> {
    // A program that stops reading early is no error here.
    match input {
        Input::None | Input::Silent => return Some(pipe),
        Input::Bytes(bytes) => drop(thread::spawn(move || pipe.write_all(&bytes))),
        Input::Endless(bytes) => drop(thread::spawn(move || while pipe.write_all(&bytes).is_ok() {})),
    }
    None
}

impl Running {
    /// Sends it a signal, by the name `kill` knows.
    ///
    /// # Panics
    /// When that fails.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "no {name} for {}", self.shown);
    }

    /// Waits for something the program does.
    ///
    /// # Panics
    /// When it ends, or time is over, before `happened`.
    #[must_use]
    pub fn until(mut self, mut happened: impl FnMut() -> bool) -> Self {
        while !happened() {
            let ended = self.child.try_wait().expect("the program can be waited for");
            assert!(ended.is_none() && self.started.elapsed() < TIME_LIMIT, "{} never did it", self.shown);
            thread::sleep(Duration::from_millis(2));
        }
        self
    }

    /// Waits for its end; also the most memory that was resident, in bytes, as Linux tells.
    ///
    /// # Panics
    /// When it does not end.
    pub fn wait_with_peak(self) -> (Outcome, u64) {
        let status = PathBuf::from(format!("/proc/{}/status", self.child.id()));
        let watching = thread::spawn(move || {
            let mut peak = 0;
            while let Some(bytes) = fs::read_to_string(&status).ok().and_then(|text| peak_of(&text)) {
                peak = bytes;
                thread::sleep(Duration::from_millis(5));
            }
            peak
        });
        let outcome = self.wait();
        (outcome, watching.join().expect("the watching thread ends"))
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not end.
    pub fn wait(self) -> Outcome {
        let Self { child, stdin, started, shown } = self;
        let id = child.id();
        let (done, ended) = mpsc::channel();
        let waiting = thread::spawn(move || {
            let output = child.wait_with_output();
            let _ = done.send(());
            output
        });
        if ended.recv_timeout(TIME_LIMIT).is_err() {
            let _ = Command::new("kill").args(["-9", &id.to_string()]).status();
            panic!("{shown} did not end within {TIME_LIMIT:?}");
        }
        drop(stdin);
        let output = waiting.join().expect("the waiting thread ends").expect("the program can be waited for");
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            took: started.elapsed(),
        }
    }
}

/// The high-water mark of resident memory in a process's status; a process that has ended has none.
fn peak_of(status: &str) -> Option<u64> {
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(kibibytes.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

impl Outcome {
    /// The outcome, if it is a success.
    ///
    /// # Panics
    /// When it is not.
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        self
    }

    /// Checks that it failed with this exit code and said all of this on standard error, without a panic.
    ///
    /// # Panics
    /// When it did not.
    pub fn failed(&self, code: i32, expected: &[&str]) {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        assert!(self.stderr.starts_with("error: ") || self.stderr.contains("\nerror: "), "{}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        for part in expected {
            assert!(self.stderr.contains(part), "`{part}` is not in: {}", self.stderr);
        }
    }
}
