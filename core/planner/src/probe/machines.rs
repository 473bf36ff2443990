//! Machines that are not there, for tests.

use std::fs;

use super::Hardware;

/// Every machine among the fixtures.
pub(crate) const ALL: [&str; 9] = [
    "amd-zen5",
    "apple-m",
    "arm-server",
    "intel-amx-server",
    "intel-laptop",
    "nvidia-h200",
    "nvidia-l4",
    "nvidia-t4",
    "small-container",
];

/// Where they are.
pub(super) const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/hardware");

/// The machine of this name.
pub(crate) fn machine(name: &str) -> Hardware {
    serde_json::from_str(&text(name)).unwrap_or_else(|err| panic!("{name}: {err}"))
}

/// The file it is written in.
pub(super) fn text(name: &str) -> String {
    fs::read_to_string(format!("{FOLDER}/{name}.json")).unwrap()
}
