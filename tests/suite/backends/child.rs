//! Checks that need a process of their own: what is loaded into one stays there, and what it takes is counted.
//!
//! The test binary is started again with one test, which does what a variable says.

use std::{env, path::Path};

use drivetrain_tests::Program;
use serde_json::{Value, json};

use crate::{
    backends::{life, threads, together},
    vectors::process,
};

/// Says what to do; without it there is nothing to do.
const VARIABLE: &str = "DRIVETRAIN_TEST_TASK";
/// What the rig of the child needs.
const HANDED_ON: [&str; 2] = ["DRIVETRAIN_TEST_HOME", "DRIVETRAIN_TEST_PRODUCTS"];

/// Something to be done in a process of its own.
pub(super) type Task = fn(backends: &[&str], folder: &Path);

const TASKS: [(&str, Task); 5] = [
    ("alone", together::alone),
    ("together", together::together),
    ("threads", threads::threads),
    ("life", life::life),
    ("memory", process::memory_of_a_model),
];

/// Does a task with these backends, and a folder for what it reads and writes. It fails if the task panics.
pub(crate) fn run(task: &str, backends: &[&str], folder: &Path) {
    let binary = env::current_exe().expect("the test binary has a path");
    let what = json!({ "task": task, "backends": backends, "folder": folder }).to_string();
    let args = ["--exact", "backends::child::a_task_of_another_test", "--nocapture", "--test-threads=1"];
    let program = HANDED_ON.iter().fold(Program::new(&binary).args(args), |program, name| {
        program.env(name, env::var_os(name).unwrap_or_default())
    });
    program.env(VARIABLE, what).env("CI", env::var_os("CI").unwrap_or_default()).run().succeeded();
}

#[test]
fn a_task_of_another_test() {
    let Ok(what) = env::var(VARIABLE) else { return };
    let what: Value = serde_json::from_str(&what).expect("JSON");
    let task = TASKS.iter().find(|(name, _)| what["task"] == *name).expect("a task").1;
    let backends: Vec<&str> = what["backends"].as_array().expect("backends").iter().filter_map(Value::as_str).collect();
    task(&backends, Path::new(what["folder"].as_str().expect("a folder")));
}
