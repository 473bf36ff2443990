//! `drivetrain rules`: which rules there are, what they say, and whether a file of one's own is sound.

use drivetrain::planner::rules::RuleSet;

use crate::{
    args::{RulesArgs, RulesCommand},
    exit::{Blame, CommandError, printable},
    output::print,
};

pub(crate) fn run(args: &RulesArgs) -> anyhow::Result<()> {
    match &args.command {
        RulesCommand::List => print(&list()?),
        RulesCommand::Show { rules } => print(&printable(&checked(RuleSet::named(rules))?.describe())),
        RulesCommand::Check { file } => {
            let rules = checked(RuleSet::read(file))?;
            let tasks: Vec<&str> = rules.tasks().map(|task| task.name()).collect();
            print(&format!("`{}` is sound: rules for {}\n", printable(rules.name()), tasks.join(", ")))
        }
    }
}

/// Whatever is wrong with rules, whoever named them can mend it.
fn checked(rules: drivetrain::Result<RuleSet>) -> Result<RuleSet, CommandError> {
    rules.map_err(|err| CommandError::of(Blame::Usage, err))
}

/// One line for each.
fn list() -> drivetrain::Result<String> {
    let line = |name| {
        let rules = RuleSet::shipped(name)?;
        let (title, date) = (rules.title().unwrap_or_default(), rules.date().unwrap_or_default());
        Ok(format!("{name:<26} {title} ({date})\n"))
    };
    RuleSet::shipped_names().map(line).collect()
}
