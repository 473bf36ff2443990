//! `drivetrain plugins`: which engines there are, and why one is refused.

use drivetrain::{
    Locations, Profile,
    contract::{Backend, Capabilities, Probe},
    plugin_host::{Entry, OpenOptions, Registry, State},
};
use serde_json::{Value, json};

use crate::{
    args::{PluginsArgs, PluginsCommand},
    commands::profile,
    output::print,
};

pub(crate) fn run(args: &PluginsArgs) -> anyhow::Result<()> {
    let PluginsCommand::List { json, source } = &args.command;
    let profile = profile::from_source(source)?;
    let locations = Locations::from_environment()?;
    let registry = Registry::discover(&locations.plugin_search(&profile.plugins.value));
    let reports: Vec<Report<'_>> =
        registry.entries().iter().map(|entry| Report::new(entry, &profile, &locations)).collect();
    let text = if *json { format!("{:#}\n", as_json(&reports)) } else { as_text(&reports) };
    print(&text)
}

/// What is known of one plugin after trying to open it.
struct Report<'a> {
    entry: &'a Entry,
    found: Option<Found>,
    refusal: Option<String>,
}

struct Found {
    version: String,
    vendor: String,
    license: String,
    abi_level: u32,
    schema: Value,
    probe: Probe,
}

impl<'a> Report<'a> {
    fn new(entry: &'a Entry, profile: &Profile, locations: &Locations) -> Self {
        let outcome = match &entry.state {
            State::Usable => open(entry, profile, locations).map(Some).map_err(|err| err.to_text()),
            State::Shadowed => Ok(None),
            State::Refused(err) => Err(err.to_text()),
        };
        let (found, refusal) = match outcome {
            Ok(found) => (found, None),
            Err(why) => (None, Some(why)),
        };
        Self { entry, found, refusal }
    }

    fn state(&self) -> &'static str {
        match (&self.entry.state, &self.refusal) {
            (State::Shadowed, _) => "shadowed",
            (_, Some(_)) => "refused",
            _ => "usable",
        }
    }

    fn place(&self) -> String {
        let folder = self.entry.folder.as_ref().map_or_else(String::new, |path| format!(" {}", path.display()));
        format!("{}{folder}", self.entry.origin.name())
    }
}

fn open(entry: &Entry, profile: &Profile, locations: &Locations) -> drivetrain::Result<Found> {
    let config = profile.backend_config(&entry.id);
    let backend = entry.open(OpenOptions { config, data_dir: locations.data().to_path_buf() })?;
    let (vendor, license) = backend.vendor_and_license();
    Ok(Found {
        version: backend.version(),
        vendor,
        license,
        abi_level: backend.abi_level(),
        schema: serde_json::from_str(&backend.config_schema_json()).unwrap_or(Value::Null),
        probe: backend.probe()?,
    })
}

fn as_json(reports: &[Report<'_>]) -> Value {
    let plugin = |report: &Report<'_>| {
        let manifest = report.entry.manifest.as_ref();
        let mut plugin = json!({
            "id": report.entry.id,
            "state": report.state(),
            "origin": report.entry.origin,
            "folder": report.entry.folder,
            "manifest": manifest,
        });
        if let Some(why) = &report.refusal {
            plugin["refused"] = json!(why);
        }
        if let Some(found) = &report.found {
            plugin["version"] = json!(found.version);
            plugin["vendor"] = json!(found.vendor);
            plugin["license"] = json!(found.license);
            plugin["abi_level"] = json!(found.abi_level);
            plugin["config_schema"] = found.schema.clone();
            plugin["engine_version"] = json!(found.probe.engine_version);
            plugin["devices"] = json!(found.probe.devices);
            plugin["formats"] = json!(found.probe.formats);
        }
        plugin
    };
    reports.iter().map(plugin).collect()
}

fn as_text(reports: &[Report<'_>]) -> String {
    let mut text = String::new();
    for report in reports {
        let version = report.entry.manifest.as_ref().map_or("?", |manifest| &manifest.version);
        text.push_str(&format!("{} {version}  {}  ({})\n", report.entry.id, report.state(), report.place()));
        if let Some(summary) = report.entry.manifest.as_ref().map(|manifest| &manifest.summary)
            && !summary.is_empty()
        {
            text.push_str(&format!("  {summary}\n"));
        }
        if let Some(why) = &report.refusal {
            text.push_str(&format!("  refused: {why}\n"));
        }
        if let Some(found) = &report.found {
            text.push_str(&found_text(found));
        }
    }
    text
}

fn found_text(found: &Found) -> String {
    let engine = found.probe.engine_version.as_ref().map_or_else(String::new, |version| format!(", engine {version}"));
    let formats: Vec<&str> = found.probe.formats.iter().map(|support| support.format.as_str()).collect();
    let mut text = format!("  interface level {}{engine}, reads {}\n", found.abi_level, formats.join(", "));
    for device in &found.probe.devices {
        let emulated = match device.precisions_emulated.is_empty() {
            true => String::new(),
            false => format!(" (emulated: {})", device.precisions_emulated.names()),
        };
        text.push_str(&format!(
            "  device {}: {}; {}{emulated}; takes {}{}\n",
            device.id,
            device.name,
            device.precisions_native.names(),
            device.capabilities.input_kinds().join(", "),
            if device.capabilities.contains(Capabilities::BATCH_INVARIANT) { "; batch-invariant" } else { "" },
        ));
        if !device.reason.is_empty() {
            text.push_str(&format!("    {}\n", device.reason));
        }
    }
    text
}
