//! `drivetrain models`: models in the data folder, and what they are.

mod files;
mod info;
mod list;

use drivetrain::{
    Locations, hub_from_environment,
    package::{
        hub::{HubModel, Progress, Pull, pull},
        remove,
    },
};

use crate::{
    args::{ModelsArgs, ModelsCommand},
    exit::{Blame, CommandError},
    interrupt::Interruptible,
    output::print,
    progress,
};

pub(crate) fn run(args: &ModelsArgs, quiet: bool) -> anyhow::Result<()> {
    let locations = Locations::from_environment()?;
    match &args.command {
        ModelsCommand::List { json } => list::run(&locations, *json),
        ModelsCommand::Pull { model, revision, include } => {
            let model = named(model, revision.as_deref())?;
            pull_one(&model, include, &locations, quiet)
        }
        ModelsCommand::Remove { name } => {
            remove(name, &locations.models())?;
            print(&format!("removed {name}\n"))
        }
        ModelsCommand::Info { model, json } => info::run(model, &locations, *json),
    }
}

/// The model that name and flag mean together.
fn named(name: &str, revision: Option<&str>) -> anyhow::Result<HubModel> {
    let model: HubModel = name.parse()?;
    match revision {
        Some(revision) if model.is_pinned() => {
            let message = format!("`{name}` names a revision already, and `--revision {revision}` another");
            Err(CommandError::new(Blame::Usage, message).with_hint("leave out one of them").into())
        }
        Some(revision) => Ok(model.at(revision)?),
        None => Ok(model),
    }
}

/// Fetches a model under its plain name, whatever the revision: that is what `-m` is given afterwards.
fn pull_one(model: &HubModel, include: &[String], locations: &Locations, quiet: bool) -> anyhow::Result<()> {
    let request = Pull {
        model,
        name: model.id(),
        models_dir: &locations.models(),
        cache_dir: locations.cache(),
        include,
        settings: &hub_from_environment(),
    };
    let bar = progress::bytes(0, quiet);
    let pulled = pull(&request, &Interruptible, &mut |step| match step {
        Progress::Waiting { model } => bar.set_message(format!("another process fetches {model}")),
        Progress::Asking { model } => bar.set_message(format!("asking for {model}")),
        Progress::Fetching { file, bytes, total } => {
            bar.set_message(file.to_owned());
            bar.set_length(total);
            bar.set_position(bytes);
        }
        Progress::Checking { file } => bar.set_message(format!("checking {file}")),
        _ => {}
    })?;
    bar.finish_and_clear();
    let verb = if pulled.was_there { "already there" } else { "installed" };
    let bytes: u64 = pulled.record.files.iter().map(|file| file.bytes).sum();
    print(&format!(
        "{verb}: {} at commit {}, {} ({} fetched), in {}\n",
        model.id(),
        pulled.record.commit,
        files::megabytes(bytes),
        files::megabytes(pulled.fetched_bytes),
        pulled.folder.display()
    ))
}
