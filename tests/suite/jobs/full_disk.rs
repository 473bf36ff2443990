//! A disk that is full: what was written stays, and is gone on with when there is room.

use std::process::Command;

use drivetrain_tests::skip;

use crate::jobs::{Place, lines};

#[test]
fn a_full_disk_costs_no_more_than_what_came_behind_the_checkpoint() {
    if !Command::new("unshare").args(["-m", "true"]).output().is_ok_and(|tried| tried.status.success()) {
        return skip("`unshare -m` is not allowed: a full disk cannot be had");
    }
    let Some(place) = Place::new() else { return };
    place.write("t.txt", lines(30_000));
    place.write("out/.keep", "");
    place.run(&["-i", "t.txt", "-o", "whole.npy"]).succeeded();
    // Fails at first; with more room, the same command goes on.
    let script = "mount -t tmpfs -o size=12m none out && { \"$@\" || ls out >&2; } && \
                  mount -o remount,size=60m out && \"$@\" --resume && cmp out/v.npy whole.npy";
    let program = place.embed(&["-i", "t.txt", "-o", "out/v.npy"]);
    let outcome = program.inside(&["unshare", "-m", "sh", "-c", script, "sh"]).run().succeeded();
    for part in ["No space left on device", "records are kept of `out/v.npy`", "v.npy.part", "v.npy.job.json"] {
        assert!(outcome.stderr.contains(part), "`{part}` is not in: {}", outcome.stderr);
    }
}
