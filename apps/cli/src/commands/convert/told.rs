//! What a user is told of artifacts.

use drivetrain::{
    convert::make::Made,
    package::{ArtifactCheck, Figures},
};

use crate::exit::{Blame, CommandError};

/// What was made and how exact it is, line by line.
pub(super) fn told(made: &Made) -> Vec<String> {
    let path = made.path.display();
    let megabytes = made.record.total_bytes() as f64 / 1e6;
    let mut lines = vec![match (made.is_new, made.is_rejected()) {
        (true, true) => format!("put aside as `{path}` ({megabytes:.1} MB)"),
        (true, false) => format!("wrote `{path}` ({megabytes:.1} MB)"),
        (false, true) => format!("`{path}` was put aside before; `--force` makes it again"),
        (false, false) => format!("`{path}` is up to date; `--force` makes it again"),
    }];
    if let Some(sites) = made.record.facts.get("float_sites").filter(|sites| !sites.starts_with("0 ")) {
        lines.push(format!("{sites} sites stay in floats"));
    }
    lines.push(match &made.record.check {
        ArtifactCheck::Unchecked { reason } => format!("not checked: {reason}"),
        ArtifactCheck::Passed(figures) | ArtifactCheck::Rejected(figures) => exactness(figures),
        ArtifactCheck::Accepted(figures) => format!("{}; accepted all the same", exactness(figures)),
    });
    lines
}

/// The error for an artifact that was put aside.
pub(super) fn refusal(made: &Made) -> CommandError {
    let (target, path) = (&made.record.target, made.path.display());
    let message = match made.record.check.figures() {
        None => format!("`{target}` was put aside"),
        Some(Figures { mean_cosine, min_cosine, .. }) => {
            let bounds = made.record.bounds;
            format!(
                "`{target}` is not exact enough: its cosine to 32-bit floats is {mean_cosine:.5} on average and \
                 {min_cosine:.5} at least, and should be {} and {}",
                bounds.mean_cosine, bounds.min_cosine
            )
        }
    };
    let learns = if made.record.calibration_sha256.is_some() { ", or calibrate with texts of yours" } else { "" };
    CommandError::new(Blame::Artifact, message)
        .with_hint(format!("it is kept as `{path}`, which nothing loads; take it with `--accept`{learns}"))
}

fn exactness(figures: &Figures) -> String {
    let Figures { engine, mean_cosine, min_cosine, top10_overlap, .. } = figures;
    format!(
        "cosine to 32-bit floats: {mean_cosine:.5} on average, {min_cosine:.5} at least; {:.1} % of the ten nearest \
         texts stay the same (by {engine})",
        100.0 * top10_overlap
    )
}
