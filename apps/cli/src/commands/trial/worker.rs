//! The process in which one candidate is run.

use std::{
    io::{self, BufRead},
    sync::Arc,
};

use drivetrain::{Choice, Locations, SeatOptions, open_package, open_seat, planner::tune::Seat, plugin_host::Registry};

use super::message::{Ask, Loading, Say};
use crate::{args::SourceArgs, commands::profile, interrupt::Interruptible, output::print};

/// Answers until nobody asks any more.
pub(super) fn run(source: &SourceArgs) -> anyhow::Result<()> {
    let mut asked = io::stdin().lock().lines();
    let Some(first) = asked.next() else { return Ok(()) };
    let Ask::Load(loading) = serde_json::from_str(&first?)? else { anyhow::bail!("nothing is loaded yet") };
    let Loading { model, allow_emulated, goal, contender, material } = *loading;
    let mut profile = profile::from_source(source)?;
    profile.allow_emulated.value = allow_emulated;
    profile.backend.value = Choice::Auto;
    let locations = Locations::from_environment()?;
    let registry = Registry::discover(&locations.plugin_search(&profile.plugins.value));
    let package = open_package(&model, &locations)?;
    let options = SeatOptions {
        profile: &profile,
        locations: &locations,
        registry: &registry,
        package: &package,
        goal,
        call: &Interruptible,
    };
    let mut seat = match open_seat(options, &contender, Arc::new(material)) {
        Ok(seat) => seat,
        Err(err) => return say(&Say::failed(&err)),
    };
    say(&Say::Loaded { batch_tokens: seat.batch_tokens() })?;
    for line in asked {
        let answer = answer(&mut *seat, &serde_json::from_str(&line?)?);
        say(&answer.unwrap_or_else(|err| Say::failed(&err)))?;
    }
    Ok(())
}

fn answer(seat: &mut dyn Seat, ask: &Ask) -> drivetrain::Result<Say> {
    match ask {
        Ask::Load(_) => Err(drivetrain::Error::invalid("something is loaded already")),
        Ask::Vectors { most } => seat.vectors(*most).map(Say::Vectors),
        Ask::Lap(lap) => seat.lap(*lap).map(|took| Say::Lap { seconds: took.as_secs_f64() }),
        Ask::Peak => Ok(Say::Peak { bytes: drivetrain::peak_bytes() }),
    }
}

fn say(what: &Say) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string(what)?))
}
