//! Files, variables and flags become a profile.

use drivetrain::{Layer, Origin, Profile, ProfileSources};
use serde_json::Value;

use crate::{
    args::{ProfileArgs, RunArgs, SourceArgs},
    exit::{Blame, CommandError},
};

/// The profile that everything from the default to the flags adds up to.
pub(crate) fn build(args: &ProfileArgs) -> anyhow::Result<Profile> {
    with_flags(&args.source, flags(args))
}

/// The same with more flags for single settings, by their keys.
pub(crate) fn build_with(args: &ProfileArgs, more: &[(&str, &'static str, Option<Value>)]) -> anyhow::Result<Profile> {
    let mut layer = flags(args);
    for (key, flag, value) in more {
        if let Some(value) = value {
            layer.set(key, value.clone(), Origin::Flag(flag));
        }
    }
    with_flags(&args.source, layer)
}

/// The profile for making something of `model`.
pub(crate) fn build_for(model: &str, args: &RunArgs) -> anyhow::Result<Profile> {
    let RunArgs { source, backend, device, threads } = args.clone();
    let model = Some(model.to_owned());
    let mut profile = build(&ProfileArgs { source, model, backend, device, threads, ..ProfileArgs::default() })?;
    // A lock is of how a model is used, not of how others are made from it.
    profile.plan.frozen.value = false;
    Ok(profile)
}

/// The profile without flags for single settings.
pub(crate) fn from_source(args: &SourceArgs) -> anyhow::Result<Profile> {
    with_flags(args, Layer::default())
}

/// The same with the library's own error.
pub(crate) fn from_source_plainly(args: &SourceArgs) -> drivetrain::Result<Profile> {
    built(args, Layer::default())
}

/// Whatever is wrong with a profile, whoever runs the program can mend it.
fn with_flags(args: &SourceArgs, flags: Layer) -> anyhow::Result<Profile> {
    built(args, flags).map_err(|err| CommandError::of(Blame::Usage, err).into())
}

/// The profile, or that of the side that is named.
fn built(args: &SourceArgs, flags: Layer) -> drivetrain::Result<Profile> {
    let mut layers = layers(args)?;
    layers.push(flags);
    let profile = Profile::build(&layers)?;
    Ok(args.side.map_or(profile.clone(), |side| profile.for_side(side.into())))
}

fn layers(args: &SourceArgs) -> drivetrain::Result<Vec<Layer>> {
    let sources = if args.no_config { ProfileSources::default() } else { ProfileSources::from_environment() };
    let mut layers = sources.layers(&args.config)?;
    for text in &args.set {
        layers.push(Layer::typed(text)?);
    }
    Ok(layers)
}

fn flags(args: &ProfileArgs) -> Layer {
    let mut flags = Layer::default();
    let texts = [
        ("model", "--model", &args.model),
        ("backend", "--backend", &args.backend),
        ("device", "--device", &args.device),
        ("precision", "--precision", &args.precision),
    ];
    for (key, flag, value) in texts {
        if let Some(value) = value {
            flags.set(key, value.as_str(), Origin::Flag(flag));
        }
    }
    let numbers = [
        ("threads", "--threads", args.threads),
        ("pipeline.batch_tokens", "--batch-tokens", args.batch_tokens),
        ("pipeline.sessions", "--sessions", args.sessions),
    ];
    if args.allow_emulated {
        flags.set("allow_emulated", true, Origin::Flag("--allow-emulated"));
    }
    for (key, flag, value) in numbers {
        if let Some(value) = value {
            flags.set(key, value, Origin::Flag(flag));
        }
    }
    flags
}
