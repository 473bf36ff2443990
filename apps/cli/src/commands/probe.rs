//! `drivetrain probe`: what the machine is, how much of it may be used, and what engines find on it.
//!
//! Engines are asked in processes of their own; what became of one is remembered until something changes.

mod child;
mod text;

use std::time::Duration;

use drivetrain::{Asked, Locations, Questions, planner::probe::Hardware, plugin_host::Registry};
use serde::Serialize;

pub(super) use self::child::{ChildProber, PATIENCE};
use crate::{args::ProbeArgs, commands::profile, exit::printable, output::print};

/// Everything, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Report {
    hardware: Hardware,
    plugins: Vec<Asked>,
}

pub(crate) fn run(args: &ProbeArgs) -> anyhow::Result<()> {
    let profile = profile::from_source(&args.source)?;
    let locations = Locations::from_environment()?;
    let registry = Registry::discover(&locations.plugin_search(&profile.plugins.value));
    let hardware = Hardware::of_this_machine();
    let questions =
        Questions { refresh: args.refresh, profile: &profile, locations: &locations, identity: hardware.identity() };
    let limit = Duration::from_secs(args.timeout_secs);
    let mut prober = ChildProber { source: args.source.clone(), limit };
    let mut plugins = questions.ask(registry.entries(), &mut prober)?;
    plugins.extend(questions.ask_releases(registry.entries(), &mut prober)?);
    // Releases of an engine under each other.
    plugins.sort_by(|one, other| one.id.cmp(&other.id));
    let report = Report { hardware, plugins };
    match args.json {
        true => print(&format!("{}\n", serde_json::to_string_pretty(&report)?)),
        false => print(&printable(&text::text(&report))),
    }
}
