//! `drivetrain plan`: how a model would be run here, and why so.

mod diff;

use drivetrain::{
    ErrorKind, Goal, Locations, Look, Outlook, Profile, Side, Tuning, open_package, package::Package,
    planner::plan::Plan, plugin_host::Registry,
};
use serde_json::{Map, Value};

pub(crate) use self::diff::compare;
use crate::{
    args::{PlanArgs, SideName, SourceArgs},
    commands::{
        probe::{ChildProber, PATIENCE},
        profile,
        trial::{Policy, Tuner},
    },
    exit::{Blame, CommandError, printable},
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
    let desk = Desk { args, quiet, locations: &locations, registry: &registry, package: &package };
    if !profile.has_sides() {
        let planned = desk.plan(&profile, args.profile.source.side)?;
        match args.json {
            true => print(&format!("{}\n", serde_json::to_string_pretty(&planned.plan)?))?,
            false => print(&printable(&desk.words(&planned.plan)))?,
        }
        // What is known when the user stops is shown all the same.
        return Ok(planned.tuned?);
    }
    if args.lock.is_some() {
        let error = CommandError::new(Blame::Usage, "queries and documents have a plan each, and a lock holds one");
        return Err(error.with_hint("add `--side query` or `--side document`").into());
    }
    desk.both(&profile)
}

/// What plans are made with.
struct Desk<'d> {
    args: &'d PlanArgs,
    quiet: bool,
    locations: &'d Locations,
    registry: &'d Registry,
    package: &'d Package,
}

/// A plan, and whether measuring for it came to its end.
struct Planned {
    plan: Plan,
    tuned: drivetrain::Result<()>,
}

/// What matters most where the profile leaves it open: texts that are looked for come one by one.
pub(super) fn goal(side: Option<SideName>) -> Goal {
    if side == Some(SideName::Query) { Goal::Latency } else { Goal::Throughput }
}

impl Desk<'_> {
    /// The plan of each side, and what it loses: both are held to one budget, so that their vectors can be compared.
    fn both(&self, profile: &Profile) -> anyhow::Result<()> {
        let (mut plans, mut text) = (Map::new(), String::new());
        let mut tuned = Ok(());
        for side in Side::ALL {
            let planned = self.plan(&profile.for_side(side), Some(side.into()))?;
            let gap = if text.is_empty() { "" } else { "\n" };
            text += &format!("{gap}{side} ({})\n{}", planned.plan.loss(), self.words(&planned.plan));
            plans.insert(side.name().to_owned(), serde_json::to_value(&planned.plan)?);
            tuned = planned.tuned;
            if tuned.is_err() {
                break;
            }
        }
        match self.args.json {
            true => print(&format!("{:#}\n", Value::Object(plans)))?,
            false => print(&printable(&text))?,
        }
        Ok(tuned?)
    }

    /// The plan for a profile without sides, or for one of them.
    fn plan(&self, profile: &Profile, side: Option<SideName>) -> anyhow::Result<Planned> {
        let Self { args, quiet, locations, registry, package } = *self;
        let source = SourceArgs { side, ..args.profile.source.clone() };
        let look = Look { profile, locations, registry, package, goal: goal(side) };
        let mut outlook = Outlook::look(look, &mut ChildProber { source: source.clone(), limit: PATIENCE })?;
        let tuned = match args.tune {
            true => Tuner { source: &source, policy: Policy::Asked, quiet }.tune(&mut outlook),
            false => Ok(()),
        };
        let tuned = match tuned {
            Err(err) if err.kind() != ErrorKind::Cancelled => return Err(err.into()),
            tuned => tuned,
        };
        let plan = outlook.plan()?;
        if let Some(path) = &args.lock {
            outlook.lock(&plan, &Interruptible)?.write(path)?;
            say(quiet, &format!("wrote `{}`", path.display()));
        }
        Ok(Planned { plan, tuned })
    }

    fn words(&self, plan: &Plan) -> String {
        if self.args.explain { plan.explain() } else { plan.describe() }
    }
}
