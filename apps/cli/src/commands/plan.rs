//! `drivetrain plan`: how a model would be run here, and why so.

mod diff;

use drivetrain::{ErrorKind, Goal, Locations, Look, Outlook, Tuning, open_package, plugin_host::Registry};
use serde_json::Value;

pub(crate) use self::diff::compare;
use crate::{
    args::PlanArgs,
    commands::{
        probe::{ChildProber, PATIENCE},
        profile,
        trial::{Policy, Tuner},
    },
    exit::printable,
    interrupt::Interruptible,
    output::{print, say},
};

pub(crate) fn run(args: &PlanArgs, quiet: bool) -> anyhow::Result<()> {
    let text = |flag: &Option<String>| flag.clone().map(Value::String);
    let more =
        [("plan.rules", "--rules", text(&args.rules)), ("accuracy.max_loss", "--max-loss", text(&args.max_loss))];
    let profile = profile::build_with(&args.profile, &more)?;
    let locations = Locations::from_environment()?;
    let registry = Registry::discover(&locations.plugin_search(&profile.plugins.value));
    let package = open_package(&profile.model.value, &locations)?;
    let source = &args.profile.source;
    let look = Look {
        profile: &profile,
        locations: &locations,
        registry: &registry,
        package: &package,
        goal: Goal::Throughput,
    };
    let mut outlook = Outlook::look(look, &mut ChildProber { source: source.clone(), limit: PATIENCE })?;
    let tuned = match args.tune {
        true => Tuner { source, policy: Policy::Asked, quiet }.tune(&mut outlook),
        false => Ok(()),
    };
    if tuned.as_ref().is_err_and(|err| err.kind() != ErrorKind::Cancelled) {
        return Ok(tuned?);
    }
    let plan = outlook.plan()?;
    if let Some(path) = &args.lock {
        outlook.lock(&plan, &Interruptible)?.write(path)?;
        say(quiet, &format!("wrote `{}`", path.display()));
    }
    match args.json {
        true => print(&format!("{}\n", serde_json::to_string_pretty(&plan)?))?,
        false => print(&printable(&if args.explain { plan.explain() } else { plan.describe() }))?,
    }
    // What is known when the user stops is shown all the same.
    Ok(tuned?)
}
