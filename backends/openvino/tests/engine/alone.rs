//! Tests that need a process of their own: what they count belongs to the whole process.

use std::{
    env,
    process::{Command, Output},
};

/// Names the test that runs in this process.
const VARIABLE: &str = "DRIVETRAIN_TEST_ALONE";

/// Does `work` in a process of its own, in which only the test of this name runs.
#[track_caller]
pub(crate) fn alone(test: &str, work: impl FnOnce()) {
    if env::var(VARIABLE).as_deref() == Ok(test) {
        return work();
    }
    let output = this(test).output().unwrap();
    passed(&output);
}

/// The same with a limit on the address space; `Linux` and its shell only.
#[track_caller]
pub(crate) fn alone_within(kilobytes: u64, test: &str, work: impl FnOnce()) {
    if env::var(VARIABLE).as_deref() == Ok(test) {
        return work();
    }
    let this = this(test);
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("ulimit -v {kilobytes}; exec \"$@\"")).arg("sh");
    shell.arg(this.get_program()).args(this.get_args()).env(VARIABLE, test);
    passed(&shell.output().unwrap());
}

fn this(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(VARIABLE, test);
    command
}

#[track_caller]
fn passed(output: &Output) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success() && stdout.contains("1 passed"), "{}\n{stdout}\n{stderr}", output.status);
}
