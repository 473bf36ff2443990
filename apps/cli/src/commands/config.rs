//! `drivetrain config`: the settings that apply, where they are looked for, which there are.

use drivetrain::{Profile, ProfileSources};

use crate::{
    args::{ConfigArgs, ConfigCommand},
    commands::profile,
    output::print,
};

pub(crate) fn run(args: &ConfigArgs) -> anyhow::Result<()> {
    match &args.command {
        ConfigCommand::Show { json: true, profile } => print(&format!("{:#}\n", profile::build(profile)?.to_json())),
        ConfigCommand::Show { json: false, profile } => print(&profile::build(profile)?.show()),
        ConfigCommand::Paths => print(&paths(&ProfileSources::from_environment())),
        ConfigCommand::Schema => print(&format!("{:#}\n", Profile::schema())),
    }
}

/// One line for each file, the strongest last.
fn paths(sources: &ProfileSources) -> String {
    let line = |file: &drivetrain::ProfileFile| {
        let state = if file.is_there() { "read" } else { "not there" };
        format!("{:<8} {state:<10} {}\n", file.place.name(), file.path.display())
    };
    sources.files().iter().map(line).collect()
}
