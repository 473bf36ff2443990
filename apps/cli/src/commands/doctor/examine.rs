//! Finds out everything there is to know, and never fails itself.

use std::{env, time::Duration};

use drivetrain::{
    Locations, Profile,
    plugin_host::{Entry, NativeReport, Registry, State, report_native},
    runtimes::{
        self, Listing,
        doctor::{Hardware, conflicts, influences},
    },
};

use crate::{
    args::{DoctorArgs, SourceArgs},
    commands::{
        doctor::{
            probe::{Message, words},
            report::{Engine, EngineState, Folders, Native, Plugin, Report, Together, Trouble},
            trial::{Bench, Trial},
        },
        profile,
    },
};

/// The engines that belong to the program; others are listed when their plugins are there.
const ENGINES: [&str; 4] = ["libtorch", "onnxruntime", "openvino", "static"];

/// Examines the machine, the installation and every engine.
///
/// # Errors
/// When the user asks to stop.
pub(super) fn examine(args: &DoctorArgs) -> drivetrain::Result<Report> {
    let mut troubles = Vec::new();
    let locations = noting("the folders", Locations::from_environment(), &mut troubles);
    let (profile, source) = settings(&args.source, &mut troubles);
    let is_ready = troubles.is_empty();
    let mut report = Report {
        drivetrain: env!("CARGO_PKG_VERSION"),
        hardware: Hardware::of_this_machine(),
        folders: None,
        engines: Vec::new(),
        plugins: Vec::new(),
        runtimes: Listing::default(),
        together: None,
        variables: influences(variables()),
        troubles,
        can_embed: false,
    };
    let (Some(locations), Some(profile)) = (locations, profile) else { return Ok(report) };
    report.folders = Some(Folders { data: locations.data().to_path_buf(), cache: locations.cache().to_path_buf() });
    let bench = Bench { source, limit: Duration::from_secs(args.timeout_secs) };
    examine_runtimes(&mut report, &locations);
    let registry = Registry::discover(&locations.plugin_search(&profile.plugins.value));
    examine_plugins(&mut report, &registry);
    for id in ids(&registry) {
        let examined = Examination { registry: &registry, profile: &profile, locations: &locations, bench: &bench };
        examined.engine(&id, &mut report)?;
    }
    examine_together(&mut report, &bench)?;
    report.can_embed = is_ready && report.engines.iter().any(|engine| engine.state == EngineState::Ok);
    Ok(report)
}

/// The value, or its trouble noted.
fn noting<T>(about: &str, outcome: drivetrain::Result<T>, troubles: &mut Vec<Trouble>) -> Option<T> {
    outcome.map_err(|err| troubles.push(trouble_of(about, &err))).ok()
}

fn trouble_of(about: &str, err: &drivetrain::Error) -> Trouble {
    Trouble { about: about.to_owned(), what: words(err), mend: err.hint().map(str::to_owned) }
}

/// The profile; the default one where there is something wrong with it, so that the rest can be looked at.
fn settings(source: &SourceArgs, troubles: &mut Vec<Trouble>) -> (Option<Profile>, SourceArgs) {
    match profile::from_source_plainly(source) {
        Ok(profile) => (Some(profile), source.clone()),
        Err(err) => {
            troubles.push(trouble_of("the profile", &err));
            let default = noting("the default profile", Profile::build(&[]), troubles);
            (default, SourceArgs { no_config: true, ..SourceArgs::default() })
        }
    }
}

/// Variables that are no text are left out: none that matters is.
fn variables() -> impl Iterator<Item = (String, String)> {
    env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn examine_runtimes(report: &mut Report, locations: &Locations) {
    if let Some(listing) = noting("the runtimes", runtimes::list(locations.data()), &mut report.troubles) {
        let broken = listing.broken.iter().map(|broken| {
            let about = broken.path.display().to_string();
            Trouble {
                about,
                what: broken.reason.clone(),
                mend: Some("remove the folder, or install it again".to_owned()),
            }
        });
        report.troubles.extend(broken);
        report.runtimes = listing;
    }
}

fn examine_plugins(report: &mut Report, registry: &Registry) {
    for entry in registry.entries() {
        let (state, refused) = match &entry.state {
            State::Usable => ("usable", None),
            State::Shadowed => ("shadowed", None),
            State::Refused(why) => {
                let place = entry.folder.as_ref().map_or_else(|| entry.id.clone(), |path| path.display().to_string());
                report.troubles.push(trouble_of(&place, why));
                ("refused", Some(why.to_text()))
            }
        };
        report.plugins.push(Plugin {
            id: entry.id.clone(),
            version: entry.manifest.as_ref().map(|manifest| manifest.version.clone()),
            origin: entry.origin,
            folder: entry.folder.clone(),
            state,
            refused,
        });
    }
}

/// Our own engines and those of other plugins, by name.
fn ids(registry: &Registry) -> Vec<String> {
    let mut ids: Vec<String> = registry.usable().map(|entry| entry.id.clone()).collect();
    ids.extend(ENGINES.map(str::to_owned));
    ids.sort();
    ids.dedup();
    ids
}

/// What one engine is examined with.
struct Examination<'a> {
    registry: &'a Registry,
    profile: &'a Profile,
    locations: &'a Locations,
    bench: &'a Bench,
}

impl Examination<'_> {
    fn engine(&self, id: &str, report: &mut Report) -> drivetrain::Result<()> {
        let mut engine = Engine {
            id: id.to_owned(),
            state: EngineState::Missing,
            lacks: None,
            natives: Vec::new(),
            probe: None,
            took_ms: None,
            images: Vec::new(),
        };
        match self.registry.usable().find(|entry| entry.id == id) {
            Some(entry) => self.usable(entry, &mut engine, &mut report.troubles)?,
            None if self.registry.entries().iter().any(|entry| entry.id == id) => engine.state = EngineState::Trouble,
            None => {
                let folder = self.locations.data().join("plugins").join(id);
                engine.lacks = Some(Trouble {
                    about: id.to_owned(),
                    what: "it is not part of this program, and there is no plugin of this name".to_owned(),
                    mend: Some(format!("put its plugin into `{}`", folder.display())),
                });
            }
        }
        report.engines.push(engine);
        Ok(())
    }

    fn usable(&self, entry: &Entry, engine: &mut Engine, troubles: &mut Vec<Trouble>) -> drivetrain::Result<()> {
        let config = self.profile.backend_config(&entry.id);
        let manifest = entry.manifest.as_ref();
        let natives = manifest.map_or_else(Vec::new, |found| report_native(found, &config, self.locations.data()));
        let problem = natives.iter().find_map(|native| Some((native, native.problem.as_ref()?)));
        if let Some((native, problem)) = problem {
            let trouble = trouble_of(&entry.id, problem);
            if native.path.is_none() && !native.is_named {
                engine.lacks = Some(Trouble { mend: Some(format!("run `{}`", native.install)), ..trouble });
            } else {
                engine.state = EngineState::Trouble;
                troubles.push(trouble);
            }
        } else {
            let trial = self.bench.try_out(&[&entry.id])?;
            let install = natives.first().map(|native| format!("run `{} --force`", native.install));
            judge(trial, engine, install, troubles);
        }
        engine.natives = natives.into_iter().map(native).collect();
        Ok(())
    }
}

fn native(report: NativeReport) -> Native {
    let problem = report.problem.as_ref().map(words);
    let NativeReport { id, needed, path, version, is_named, .. } = report;
    Native { id, needed, path, version, is_named, problem }
}

/// What a trial says of the one engine in it.
fn judge(trial: Trial, engine: &mut Engine, reinstall: Option<String>, troubles: &mut Vec<Trouble>) {
    engine.state = EngineState::Trouble;
    let mut trouble = |what, mend| troubles.push(Trouble { about: engine.id.clone(), what, mend });
    let mut is_explained = false;
    for message in trial.messages {
        match message {
            Message::Failed { why, hint, .. } => {
                is_explained = true;
                trouble(why, hint);
            }
            Message::Opened { opened, .. } => {
                let has_device = opened.probe.devices.iter().any(|device| device.tier > 0);
                engine.state = if has_device { EngineState::Ok } else { EngineState::Trouble };
                (engine.probe, engine.took_ms) = (Some(opened.probe), Some(opened.took_ms));
            }
            Message::Loaded { images } => engine.images = images,
            Message::Opening { .. } => {}
        }
    }
    match (trial.failure, engine.state, is_explained) {
        (Some(failure), ..) => {
            engine.state = EngineState::Trouble;
            trouble(failure, reinstall);
        }
        (None, EngineState::Trouble, false) => trouble("it has no device that can be used".to_owned(), None),
        _ => {}
    }
}

/// Opens everything that works alone in one process.
fn examine_together(report: &mut Report, bench: &Bench) -> drivetrain::Result<()> {
    let working = report.engines.iter().filter(|engine| engine.state == EngineState::Ok);
    let engines: Vec<String> = working.map(|engine| engine.id.clone()).collect();
    if engines.len() < 2 {
        return Ok(());
    }
    let trial = bench.try_out(&engines.iter().map(String::as_str).collect::<Vec<_>>())?;
    let culprit = trial.culprit().map(|id| format!("`{id}`: ")).unwrap_or_default();
    let mut failure = trial.failure.map(|failure| format!("{culprit}{failure}"));
    let mut images = Vec::new();
    for message in trial.messages {
        match message {
            Message::Failed { backend, why, .. } => failure = Some(format!("`{backend}`: {why}")),
            Message::Loaded { images: loaded } => images = loaded,
            _ => {}
        }
    }
    if let Some(failure) = &failure {
        report.troubles.push(Trouble {
            about: engines.join(", "),
            what: format!("they work, but not in one process: {failure}"),
            mend: Some("use one at a time: `--backend ID`".to_owned()),
        });
    }
    let conflicts = conflicts(&images);
    report.together = Some(Together { engines, images, conflicts, failure });
    Ok(())
}
