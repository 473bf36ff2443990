//! `drivetrain embed`: texts to vectors, a window of texts at a time.

use std::sync::Arc;

use drivetrain::{Engine, Event, Goal, Profile, Prompt};
use indicatif::ProgressBar;
use serde_json::Value;

use crate::{
    args::{EmbedArgs, ProfileArgs},
    commands::{
        plan,
        probe::{ChildProber, PATIENCE},
        profile,
        trial::{Policy, Tuner},
    },
    exit::{Blame, CommandError},
    input,
    interrupt::Interruptible,
    output::{self, Plan, Vectors},
    progress::{self, TextsWatch},
};

pub(crate) fn run(args: &EmbedArgs, quiet: bool) -> anyhow::Result<()> {
    let profile = frozen_profile(args)?;
    let plan = Plan::new(args)?;
    let sources = input::sources(args, plan.path())?;
    let source = &args.profile.source;
    let mut builder = Engine::builder(&profile);
    if let Some(path) = &args.lock {
        builder = builder.lock(path);
    }
    if let Some(side) = source.side {
        builder = builder.side(side.into());
    }
    let engine = builder
        .prompt(prompt(args))
        .truncate_dim(args.truncate_dim)
        .call(&Interruptible)
        .goal(goal(args))
        .prober(ChildProber { source: source.clone(), limit: PATIENCE })
        .tuner(Tuner { source, policy: Policy::ByProfile { n_bytes: sources.n_bytes() }, quiet })
        .on_event(announce(quiet, plan_command(&args.profile, &profile, goal(args))))
        .build()?;
    let (keeps_columns, n_bytes) = (plan.keeps_columns(), sources.n_bytes());
    let identity = output::identity(args, &profile, &engine, sources.facts());
    let mut vectors = Vectors::create(plan, args, engine.dim(), identity)?;
    let (position, done) = vectors.start()?;
    let records = sources.read(input::read_options(args, keeps_columns, done));
    let counts = records.counts();
    let mut watch = TextsWatch::new(
        (n_bytes, args.skip.saturating_add(done)),
        Arc::clone(&counts),
        quiet || vectors.is_on_terminal(),
    );
    let outcome = engine.embed_stream(
        position,
        input::texts(records),
        &mut |embedded| {
            watch.saw(embedded.texts.len(), embedded.n_tokens);
            vectors.write(&embedded)
        },
        &Interruptible,
    );
    watch.finish();
    match outcome {
        Ok(()) => vectors.finish()?,
        Err(err) => return Err(vectors.stop(err)),
    }
    if counts.left_out() > 0 {
        log::warn!("{} of the input's lines could not be read and were left out", counts.left_out());
    }
    Ok(())
}

/// The profile, in which `--frozen` is a setting like others.
fn frozen_profile(args: &EmbedArgs) -> anyhow::Result<Profile> {
    let frozen = args.frozen.then_some(Value::Bool(true));
    let profile = profile::build_with(&args.profile, &[("plan.frozen", "--frozen", frozen)])?;
    if args.lock.is_some() && !profile.plan.frozen.value {
        let error = CommandError::new(Blame::Usage, "`--lock` names a lock, and nothing says to go by it");
        return Err(error.with_hint("add `--frozen`").into());
    }
    Ok(profile)
}

/// A few texts typed are wanted soon; a file or a pipe may hold any number.
fn goal(args: &EmbedArgs) -> Goal {
    if args.texts.is_empty() { Goal::Throughput } else { Goal::Latency }
}

fn prompt(args: &EmbedArgs) -> Prompt {
    match (&args.prompt_name, &args.prompt) {
        (Some(name), _) => Prompt::Named(name.clone()),
        (None, Some(text)) if text.is_empty() => Prompt::None,
        (None, Some(text)) => Prompt::Text(text.clone()),
        (None, None) => Prompt::Default,
    }
}

/// The command that plans what is run here.
pub(crate) fn plan_command(args: &ProfileArgs, profile: &Profile, goal: Goal) -> String {
    let mut command = "drivetrain plan".to_owned();
    for argument in args.arguments() {
        command += " ";
        command += &quoted(&argument.to_string_lossy());
    }
    if goal != plan::goal(args.source.side) && profile.workload.goal.value.is_none() {
        command += &format!(" --set workload.goal={}", goal.name());
    }
    command
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_@%+=:,./-".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// Says on standard error what is being made before the first text can be embedded. `command` plans the same.
pub(crate) fn announce(quiet: bool, command: String) -> impl FnMut(Event<'_>) {
    let mut bar: Option<ProgressBar> = None;
    move |event| match event {
        Event::Planned(plan) => {
            if !quiet && plan.had_a_choice() {
                log::warn!("{}", plan.announcement(&command));
            }
        }
        Event::Converting { model, target } => {
            if !quiet {
                let what = if target.ends_with("onnx/model.onnx") { "ONNX" } else { "such" };
                log::warn!("`{model}` has no {what} file yet: writing `{}`, once", target.display());
            }
        }
        Event::Fetching { file, bytes, total, .. } => {
            let bar = bar.get_or_insert_with(|| progress::bytes(total, quiet));
            bar.set_message(file.to_owned());
            bar.set_length(total);
            bar.set_position(bytes);
        }
        Event::Fetched { model, commit, folder } => {
            if let Some(bar) = bar.take() {
                bar.finish_and_clear();
            }
            if !quiet {
                log::warn!("fetched `{model}` at commit {commit} into `{}`, once", folder.display());
            }
        }
        Event::ConvertProgress { written_bytes, total_bytes } => {
            bar.get_or_insert_with(|| progress::bytes(total_bytes, quiet)).set_position(written_bytes);
        }
        _ => {
            if let Some(bar) = bar.take() {
                bar.finish_and_clear();
            }
        }
    }
}
