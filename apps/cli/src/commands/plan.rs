//! `drivetrain plan`: how a model would be run here, and why so.

mod diff;
mod lock;

use std::time::Duration;

use drivetrain::{
    Locations, model_facts, open_package,
    planner::{
        Goal,
        plan::{Absence, Engine, Situation, plan},
        probe::{Hardware, PluginOutcome},
        rules::RuleSet,
    },
    plugin_host::Registry,
};

pub(crate) use self::diff::compare;
use self::lock::Circumstances;
use crate::{
    args::PlanArgs,
    commands::{
        probe::{Asked, Questions},
        profile,
    },
    exit::{Blame, CommandError, printable},
    output::{print, say},
};

/// After how long an engine that does not answer is given up.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn run(args: &PlanArgs, quiet: bool) -> anyhow::Result<()> {
    let more = [("plan.rules", "--rules", &args.rules), ("accuracy.max_loss", "--max-loss", &args.max_loss)];
    let profile = profile::build_with(&args.profile, &more)?;
    let locations = Locations::from_environment()?;
    let registry = Registry::discover(&locations.plugin_search(&profile.plugins.value));
    let rules = RuleSet::named(&profile.plan.rules.value).map_err(|err| CommandError::of(Blame::Usage, err))?;
    let package = open_package(&profile.model.value, &locations)?;
    let hardware = Hardware::of_this_machine();
    let questions = Questions {
        source: &args.profile.source,
        refresh: false,
        limit: PATIENCE,
        profile: &profile,
        locations: &locations,
        identity: hardware.identity(),
    };
    let plugins = questions.ask(&registry)?;
    let engines: Vec<Engine> = plugins.iter().map(engine).collect();
    let model = model_facts(&package, &locations);
    let goal = Goal::Throughput;
    let situation =
        Situation { hardware: &hardware, engines: &engines, model: &model, profile: &profile, goal, trials: &[] };
    let plan = plan(&situation, &rules)?;
    if let Some(path) = &args.lock {
        let circumstances = Circumstances {
            package: &package,
            profile: &profile,
            locations: &locations,
            hardware: &hardware,
            plugins: &plugins,
        };
        circumstances.lock(&plan)?.write(path)?;
        say(quiet, &format!("wrote `{}`", path.display()));
    }
    if args.json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&plan)?));
    }
    print(&printable(&if args.explain { plan.explain() } else { plan.describe() }))
}

/// What a plugin said, as planning sees it.
fn engine(asked: &Asked) -> Engine {
    let found = match &asked.outcome {
        PluginOutcome::Works { probe, .. } => Ok(probe.clone()),
        PluginOutcome::Refused { why, hint } => Err(Absence { reason: why.clone(), remedy: hint.clone() }),
    };
    Engine { backend: asked.id.clone(), found }
}
