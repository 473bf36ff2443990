//! `drivetrain config`: the settings that apply.

use std::io::{self, Write};

use crate::{
    args::{ConfigArgs, ConfigCommand},
    commands::profile,
};

pub(crate) fn run(args: &ConfigArgs) -> anyhow::Result<()> {
    match &args.command {
        ConfigCommand::Show { profile } => {
            let shown = profile::build(profile)?.show();
            io::stdout().write_all(shown.as_bytes())?;
            Ok(())
        }
    }
}
