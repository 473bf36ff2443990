//! Runs the program as a user would.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
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
    input: Option<Vec<u8>>,
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
    /// `drivetrain` with the rig's data folder and the test's own cache folder.
    pub fn drivetrain(rig: &Rig) -> Self {
        Self::new(&rig.program()).env("DRIVETRAIN_HOME", rig.home()).env("DRIVETRAIN_CACHE", rig.cache())
    }

    /// Any program, with an environment that holds nothing of drivetrain's.
    pub fn new(program: &Path) -> Self {
        let mut command = Command::new(program);
        for variable in ["DRIVETRAIN_HOME", "DRIVETRAIN_CACHE", "DRIVETRAIN_PLUGIN_PATH", "ORT_DISABLE_TELEMETRY"] {
            command.env_remove(variable);
        }
        Self { command, input: None }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<std::ffi::OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
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
        self.input = Some(bytes.into());
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it cannot be started, or does not end.
    pub fn run(mut self) -> Outcome {
        let started = Instant::now();
        let stdin = if self.input.is_some() { Stdio::piped() } else { Stdio::null() };
        let mut child = self
            .command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|err| panic!("{:?}: {err}", self.command));
        if let (Some(input), Some(mut stdin)) = (self.input.take(), child.stdin.take()) {
            // A program that stops reading early is no error here.
            thread::spawn(move || drop(stdin.write_all(&input)));
        }
        let id = child.id();
        let (done, ended) = std::sync::mpsc::channel();
        let waiting = thread::spawn(move || {
            let output = child.wait_with_output();
            let _ = done.send(());
            output
        });
        if ended.recv_timeout(TIME_LIMIT).is_err() {
            let _ = Command::new("kill").args(["-9", &id.to_string()]).status();
            panic!("{:?} did not end within {TIME_LIMIT:?}", self.command);
        }
        let output = waiting.join().expect("the waiting thread ends").expect("the program can be waited for");
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            took: started.elapsed(),
        }
    }
}

impl Outcome {
    /// The outcome, if it is a success.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
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
