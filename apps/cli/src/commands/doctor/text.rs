//! What is found out, for people: a line for each engine, then only what is worth knowing.

use std::fmt::Write;

use drivetrain::runtimes::doctor::{Conflict, ConflictKind, Family, Hardware, Image};

use crate::commands::doctor::report::{Engine, EngineState, Native, Report, Together, Trouble};

/// Where what is said of an engine begins, behind its id and state.
const COLUMN: usize = 22;

/// The report as text.
pub(super) fn text(report: &Report) -> String {
    let mut text =
        format!("drivetrain {} on {}\n{}\n", report.drivetrain, report.hardware.platform, machine(&report.hardware));
    if let Some(folders) = &report.folders {
        add(&mut text, format_args!("data in {}, caches in {}\n", folders.data.display(), folders.cache.display()));
    }
    section(&mut text, "", report.engines.iter().map(engine));
    section(&mut text, "plugins that are not used", unused_plugins(report));
    if let Some(together) = &report.together {
        section(&mut text, &format!("in one process: {}", together.engines.join(", ")), shared(together));
    }
    let influences = report.variables.iter().map(|it| format!("{}={}  {}\n", it.name, it.value, it.effect));
    section(&mut text, "variables that change what engines do; `unset` them to be sure", influences);
    section(&mut text, "what is wrong", report.troubles.iter().map(trouble));
    text.push('\n');
    text.push_str(&verdict(report));
    text
}

/// Writing into a text cannot fail.
fn add(text: &mut String, more: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(more);
}

/// Lines under a heading; nothing where there is no line.
fn section(text: &mut String, heading: &str, lines: impl IntoIterator<Item = String>) {
    let lines: Vec<String> = lines.into_iter().collect();
    if lines.is_empty() {
        return;
    }
    let indent = if heading.is_empty() { "" } else { "  " };
    text.push('\n');
    if !heading.is_empty() {
        add(text, format_args!("{heading}\n"));
    }
    lines.iter().for_each(|line| add(text, format_args!("{indent}{line}")));
}

fn machine(hardware: &Hardware) -> String {
    let plural = if hardware.processors == 1 { "" } else { "s" };
    let mut parts = vec![format!("{} processor{plural}", hardware.processors)];
    parts.extend([&hardware.processor].into_iter().filter(|name| !name.is_empty()).cloned());
    parts.extend((!hardware.features.is_empty()).then(|| hardware.features.join(" ")));
    let gigabytes = |bytes: u64| bytes as f64 / 1e9;
    if hardware.memory_bytes > 0 {
        let (all, free) = (gigabytes(hardware.memory_bytes), gigabytes(hardware.memory_available_bytes));
        parts.push(format!("{all:.1} GB of memory, {free:.1} GB free"));
    }
    parts.extend(hardware.nvidia_cards.iter().cloned());
    parts.join("; ")
}

fn engine(engine: &Engine) -> String {
    let state = match engine.state {
        EngineState::Ok => "ok",
        EngineState::Missing => "–",
        EngineState::Trouble => "trouble",
    };
    let about = match (&engine.lacks, &engine.probe) {
        (Some(lacks), _) => mended(lacks, &" ".repeat(COLUMN)),
        (None, Some(probe)) => {
            let devices: Vec<String> = probe
                .devices
                .iter()
                .filter(|device| device.tier > 0)
                .map(|device| format!("{} ({})", device.id, device.precisions_native.names()))
                .collect();
            let version = probe.engine_version.as_ref().map_or_else(String::new, |version| format!("{version}; "));
            format!("{version}{}", devices.join(", "))
        }
        (None, None) => "see below".to_owned(),
    };
    let mut text = format!("{:<12} {state:<8} {about}\n", engine.id);
    for native in engine.natives.iter().filter(|native| native.path.is_some()) {
        add(&mut text, format_args!("{:COLUMN$}{}\n", "", library(native)));
    }
    text
}

fn library(native: &Native) -> String {
    let path = native.path.as_ref().map_or_else(String::new, |path| path.display().to_string());
    let version = native.version.as_deref().unwrap_or("of a version it does not tell");
    format!("{path}: {version}, needed is {}", native.needed)
}

fn unused_plugins(report: &Report) -> Vec<String> {
    let unused = report.plugins.iter().filter(|plugin| plugin.state != "usable");
    unused
        .map(|plugin| {
            let place = plugin.folder.as_ref().map_or_else(|| "linked".to_owned(), |path| path.display().to_string());
            format!("{} {}: {place}\n", plugin.id, plugin.state)
        })
        .collect()
}

/// The libraries of which there should be one, then what is wrong with them.
fn shared(together: &Together) -> Vec<String> {
    let of = |family: Family| -> Vec<&Image> {
        together.images.iter().filter(|image| image.family == Some(family)).collect()
    };
    let mut lines: Vec<String> = [Family::OpenMp, Family::Tbb, Family::Mkl, Family::Cuda]
        .into_iter()
        .flat_map(|family| of(family).into_iter().map(move |image| (family, image)))
        .map(|(family, image)| format!("{:<7} {}\n", family.name(), image.path.display()))
        .collect();
    lines.extend(together.conflicts.iter().map(conflict));
    if together.conflicts.is_empty() && together.failure.is_none() {
        lines.push("nothing is in conflict\n".to_owned());
    }
    lines
}

fn conflict(conflict: &Conflict) -> String {
    let what = match &conflict.kind {
        ConflictKind::SeveralOpenMp => {
            "conflict: several OpenMP runtimes, each with threads of its own; use one engine in a process".to_owned()
        }
        ConflictKind::SameName(name) => {
            format!("conflict: several files are called `{name}`, and the first that is loaded serves all")
        }
    };
    conflict.images.iter().fold(format!("{what}\n"), |mut text, path| {
        add(&mut text, format_args!("    {}\n", path.display()));
        text
    })
}

fn trouble(trouble: &Trouble) -> String {
    format!("{}: {}\n", trouble.about, mended(trouble, "    "))
}

/// What is wrong and, on a line of its own, the way out.
fn mended(trouble: &Trouble, indent: &str) -> String {
    match &trouble.mend {
        Some(mend) => format!("{}\n{indent}{mend}", trouble.what),
        None => trouble.what.clone(),
    }
}

fn verdict(report: &Report) -> String {
    let working = report.engines.iter().filter(|engine| engine.state == EngineState::Ok);
    let working: Vec<&str> = working.map(|engine| engine.id.as_str()).collect();
    match report.can_embed {
        true => format!("ready to embed with {}\n", working.join(", ")),
        false => "nothing can embed as things are\n".to_owned(),
    }
}
