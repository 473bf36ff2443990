//! `drivetrain runtimes`: native libraries in the data folder.

use std::{ops::ControlFlow, path::Path};

use drivetrain::{
    Error, Locations,
    runtimes::{Catalogue, InstallOptions, Progress, Spec, Version, install, list, platform, remove},
};

use crate::{
    args::{RuntimesArgs, RuntimesCommand},
    interrupt,
    output::print,
    progress,
};

pub(crate) fn run(args: &RuntimesArgs, quiet: bool) -> anyhow::Result<()> {
    let locations = Locations::from_environment()?;
    let data = locations.data();
    match &args.command {
        RuntimesCommand::Install { runtime, cuda, wheel, pip, force } => {
            let (pip, wheels, force) = (pip.clone(), wheel.clone(), *force);
            let options = InstallOptions { pip, wheels, force, ..InstallOptions::default() };
            let spec: Spec = runtime.parse()?;
            install_one(&if *cuda { with_cuda(&spec)? } else { spec }, data, &options, quiet)
        }
        RuntimesCommand::List { json } => list_all(data, *json),
        RuntimesCommand::Remove { runtime } => {
            let spec: Spec = runtime.parse()?;
            let version = version_of(&spec, data)?;
            remove(&spec.id, version, data)?;
            print(&format!("removed {} {version}\n", spec.id))
        }
    }
}

/// The build of a runtime for NVIDIA cards, which has a name of its own.
fn with_cuda(spec: &Spec) -> drivetrain::Result<Spec> {
    const ENDING: &str = "-cuda";
    let known: Vec<&str> = Catalogue::builtin().runtimes().iter().map(|runtime| runtime.id.as_str()).collect();
    let id = format!("{}{ENDING}", spec.id.trim_end_matches(ENDING));
    if known.contains(&id.as_str()) {
        return Ok(Spec { id, version: spec.version });
    }
    let there: Vec<&str> = known.iter().filter_map(|id| id.strip_suffix(ENDING)).collect();
    Err(Error::not_found(format!("no build of `{}` for CUDA is known", spec.id))
        .with_hint(format!("there is one of {}", there.join(", "))))
}

fn install_one(spec: &Spec, data: &Path, options: &InstallOptions, quiet: bool) -> anyhow::Result<()> {
    let bar = progress::bytes(0, quiet);
    let mut already = false;
    let installed = install(spec, data, options, &mut |step| {
        match step {
            Progress::AlreadyInstalled => already = true,
            Progress::LookingForPip => bar.set_message("looking for pip"),
            Progress::Waiting => bar.set_message("waiting for another process that fetches the same"),
            Progress::Fetching { file, bytes, total } => show(&bar, "fetching", file, bytes, total),
            Progress::Checking { file } => bar.set_message(format!("checking {file}")),
            Progress::Unpacking { file, bytes, total } => show(&bar, "unpacking", file, bytes, total),
            _ => {}
        }
        if interrupt::asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    bar.finish_and_clear();
    let verb = if already { "already there" } else { "installed" };
    print(&format!("{verb}: {} {} at {}\n", installed.id, installed.version, installed.library.display()))
}

fn show(bar: &indicatif::ProgressBar, verb: &str, file: &str, bytes: u64, total: u64) {
    bar.set_message(format!("{verb} {file}"));
    bar.set_length(total);
    bar.set_position(bytes);
}

fn list_all(data: &Path, json: bool) -> anyhow::Result<()> {
    let listing = list(data)?;
    if json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&listing)?));
    }
    let mut text = String::new();
    for runtime in &listing.installed {
        text.push_str(&format!(
            "{} {}  {:.1} MB  {}{}\n",
            runtime.id,
            runtime.version,
            runtime.bytes as f64 / 1e6,
            runtime.library.display(),
            if runtime.telemetry { "  (has telemetry, which is switched off)" } else { "" }
        ));
    }
    for broken in &listing.broken {
        text.push_str(&format!("broken: {}: {}\n", broken.path.display(), broken.reason));
    }
    let here = platform();
    for runtime in Catalogue::builtin().runtimes() {
        let there = listing.installed.iter().any(|found| found.id == runtime.id && found.version == runtime.version);
        if !there && runtime.build(&here).is_ok() {
            let version = if runtime.default { String::new() } else { format!("@{}", runtime.version) };
            let (id, number) = (&runtime.id, runtime.version);
            text.push_str(&format!("{id} {number}  not installed: drivetrain runtimes install {id}{version}\n"));
        }
    }
    print(&text)
}

/// The version named, or the only one there is.
fn version_of(spec: &Spec, data: &Path) -> anyhow::Result<Version> {
    if let Some(version) = spec.version {
        return Ok(version);
    }
    let listing = list(data)?;
    let versions: Vec<Version> =
        listing.installed.iter().filter(|found| found.id == spec.id).map(|found| found.version).collect();
    match versions[..] {
        [only] => Ok(only),
        [] => Err(Error::not_found(format!("no version of `{}` is installed", spec.id)).into()),
        _ => {
            let named: Vec<String> = versions.iter().map(|version| format!("{}@{version}", spec.id)).collect();
            Err(Error::invalid(format!("several versions of `{}` are installed", spec.id))
                .with_hint(format!("say which: {}", named.join(", ")))
                .into())
        }
    }
}
