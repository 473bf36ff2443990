//! `cargo xtask tidy`: what no compiler checks.

mod dependencies;
mod heads;
mod tree;

use anyhow::{Result, bail};

pub(crate) fn run() -> Result<()> {
    let mut complaints = dependencies::check()?;
    complaints.extend(tree::check()?);
    complaints.extend(heads::check()?);
    if complaints.is_empty() {
        eprintln!("tidy");
        return Ok(());
    }
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    bail!("{} things are not tidy", complaints.len())
}
