//! Flags and files become a profile.

use drivetrain::{Layer, Origin, Profile, Result};

use crate::args::{ProfileArgs, RunArgs};

/// The profile that default, file and flags add up to.
pub(crate) fn build(args: &ProfileArgs) -> Result<Profile> {
    let mut layers = Vec::new();
    if let Some(path) = &args.config {
        layers.push(Layer::file(path)?);
    }
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
    if let Some(threads) = args.threads {
        flags.set("threads", threads, Origin::Flag("--threads"));
    }
    layers.push(flags);
    Profile::build(&layers)
}

/// The profile for running `model`.
pub(crate) fn build_for(model: &str, args: &RunArgs) -> Result<Profile> {
    let RunArgs { config, backend, device, threads } = args.clone();
    build(&ProfileArgs { config, model: Some(model.to_owned()), backend, device, precision: None, threads })
}
