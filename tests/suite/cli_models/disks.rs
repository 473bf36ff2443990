//! Disks that are full, read-only, or another one.

use std::{path::Path, process::Command, sync::LazyLock};

use drivetrain_tests::{Outcome, Program, skip};

use super::Shop;

/// Whether this user may mount things for a program alone.
static MAY_MOUNT: LazyLock<bool> =
    LazyLock::new(|| Command::new("unshare").args(["-m", "true"]).output().is_ok_and(|tried| tried.status.success()));

fn shop() -> Option<Shop> {
    if !*MAY_MOUNT {
        skip("`unshare -m` is not allowed: read-only and full disks cannot be had");
        return None;
    }
    Shop::new("bert-mean")
}

/// The program, after a mount for it alone; what lies in the folder afterwards is listed on standard output.
fn mounted(program: Program, folder: &Path, mount: &str) -> Outcome {
    let folder = folder.display();
    let script = format!("{mount} '{folder}' && {{ \"$@\"; code=$?; find '{folder}' -type f; exit $code; }}");
    program.inside(&["unshare", "-m", "sh", "-c", &script, "sh"]).run()
}

const PULL: [&str; 3] = ["models", "pull", "org/name"];

#[test]
fn a_full_disk_is_said_and_what_has_come_is_kept() {
    let Some(shop) = shop() else { return };
    let outcome = mounted(shop.program(&PULL), &shop.path("cache"), "mount -t tmpfs -o size=300k none");
    outcome.failed(6, &["model.safetensors.part", "No space left on device", "free some space"]);
    assert!(outcome.stdout.contains("model.safetensors.part"), "{}", outcome.stdout);
    let outcome = mounted(shop.program(&PULL), &shop.path("home"), "mount -t tmpfs -o size=300k none");
    outcome.failed(6, &["No space left on device"]);
    assert!(!outcome.stdout.contains("config.json"), "nothing half-installed: {}", outcome.stdout);
    assert!(shop.files("home").is_empty());
}

#[test]
fn data_and_cache_may_be_on_different_disks() {
    let Some(shop) = shop() else { return };
    let outcome = mounted(shop.program(&PULL), &shop.path("cache"), "mount -t tmpfs -o size=9m none").succeeded();
    assert!(!outcome.stdout.contains("safetensors"), "{}", outcome.stdout);
    shop.run(&["models", "info", "org/name"]).succeeded();
}

#[test]
fn a_read_only_folder_is_named_before_anything_is_fetched() {
    let Some(shop) = shop() else { return };
    for name in ["home", "cache"] {
        let folder = shop.path(name);
        let mount = format!("mount --bind '{0}' '{0}' && mount -o remount,ro,bind", folder.display());
        let outcome = mounted(shop.program(&PULL), &folder, &mount);
        outcome.failed(6, &[&folder.display().to_string(), "Read-only file system", "DRIVETRAIN_HOME"]);
        assert!(shop.hub.take_asked().is_empty());
    }
}
