//! `drivetrain plan --diff A B`: what differs between two plans.

use std::path::Path;

use drivetrain::planner::lock::{Difference, PlanFile};

use crate::{
    args::PlanArgs,
    exit::{Blame, CommandError, printable},
    output::print,
};

/// Prints what differs, line by line. Says whether the plans are the same in all that has to be.
pub(crate) fn compare(args: &PlanArgs) -> anyhow::Result<bool> {
    let files: Vec<PlanFile> = args.diff.iter().map(|path| read(path)).collect::<anyhow::Result<_>>()?;
    let [before, now] = &files[..] else { anyhow::bail!("two plans are compared, not {}", files.len()) };
    let differences = before.differences(now);
    match args.json {
        true => print(&format!("{}\n", serde_json::to_string_pretty(&differences)?))?,
        false => {
            print(&differences.iter().map(|one| format!("{}\n", printable(&one.to_string()))).collect::<String>())?
        }
    }
    Ok(differences.iter().all(|Difference { may_differ, .. }| *may_differ))
}

fn read(path: &Path) -> anyhow::Result<PlanFile> {
    PlanFile::read(path).map_err(|err| CommandError::of(Blame::Input, err).into())
}
