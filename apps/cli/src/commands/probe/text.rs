//! The machine and its plugins for people: a line for each thing, with where it is from behind it.

use std::fmt::{Display, Write};

use drivetrain::{
    Asked,
    planner::probe::{Cache, Cpu, CpuSet, Found, Gpu, Hardware, Node, PluginOutcome},
};

use super::Report;

/// The report as text.
pub(super) fn text(report: &Report) -> String {
    let mut lines = Lines::default();
    let hardware = &report.hardware;
    lines.put("platform", &hardware.platform, None);
    processors(&mut lines, hardware);
    memory(&mut lines, hardware);
    for gpu in &hardware.gpus {
        lines.put("graphics", card(&gpu.value), Some(&gpu.source));
    }
    hardware.notes.iter().for_each(|note| lines.put("note", note, None));
    lines.text.push('\n');
    report.plugins.iter().for_each(|asked| plugin(&mut lines.text, asked));
    lines.text
}

/// Lines of a name, what there is, and its source.
#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    fn put(&mut self, name: &str, what: impl Display, source: Option<&str>) {
        let source = source.map_or_else(String::new, |source| format!("  [{source}]"));
        line(&mut self.text, format_args!("{name:<13} {what}{source}"));
    }

    fn found<T>(&mut self, name: &str, found: &Option<Found<T>>, words: impl Fn(&T) -> String) {
        if let Some(found) = found {
            self.put(name, words(&found.value), Some(&found.source));
        }
    }
}

/// Writing into a text cannot fail.
fn line(text: &mut String, contents: std::fmt::Arguments<'_>) {
    let _ = writeln!(text, "{contents}");
}

fn processors(lines: &mut Lines, hardware: &Hardware) {
    let Cpu { vendor, model, id, isa, online, cores, threads_per_core, efficiency, caches, nodes } = &hardware.cpu;
    lines.found("processor", model, String::clone);
    lines.found("made by", vendor, String::clone);
    lines.found("id", id, String::clone);
    lines.found("instructions", isa, |isa| isa.iter().map(String::as_str).collect::<Vec<_>>().join(" "));
    lines.found("logical", online, counted);
    lines.found("cores", cores, u32::to_string);
    lines.found("threads/core", threads_per_core, u32::to_string);
    lines.found("slower kind", efficiency, counted);
    lines.found("caches", caches, |caches| caches.iter().map(cache).collect::<Vec<_>>().join(", "));
    lines.found("nodes", nodes, |nodes| nodes.iter().map(node).collect::<Vec<_>>().join("; "));
    let limits = &hardware.limits;
    lines.found("affinity", &limits.affinity, counted);
    lines.found("cpuset", &limits.cpuset, counted);
    lines.found("quota", &limits.cpu_quota, |quota| format!("{quota} processors"));
    let cores = limits.cores.as_ref().map_or_else(String::new, |cores| format!(" on {} cores", cores.value));
    match hardware.cpus() {
        Some(cpus) => lines.put("usable", format!("{cpus} processors{cores}"), None),
        None => lines.put("usable", "not known", None),
    }
}

fn memory(lines: &mut Lines, hardware: &Hardware) {
    lines.found("memory", &hardware.memory.total, |bytes| gib(*bytes));
    lines.found("available", &hardware.memory.available, |bytes| gib(*bytes));
    lines.found("memory limit", &hardware.limits.memory, |bytes| gib(*bytes));
    lines.found("left of it", &hardware.limits.memory_available, |bytes| gib(*bytes));
}

fn counted(cpus: &CpuSet) -> String {
    format!("{} ({cpus})", cpus.len())
}

fn cache(cache: &Cache) -> String {
    let Cache { level, kind, bytes, shared_by } = cache;
    let shared = if *shared_by > 1 { format!(" for {shared_by}") } else { String::new() };
    format!("L{level} {kind} {} KiB{shared}", bytes >> 10)
}

fn node(node: &Node) -> String {
    let memory = node.memory_bytes.map_or_else(String::new, |bytes| format!(" with {}", gib(bytes)));
    format!("{}: {}{memory}", node.id, node.cpus)
}

fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / (1u64 << 30) as f64)
}

fn card(gpu: &Gpu) -> String {
    let mut parts = vec![gpu.name.clone()];
    if let Some(total) = gpu.memory_total {
        let free = gpu.memory_free.map_or_else(String::new, |free| format!(", {} free", gib(free)));
        parts.push(format!("{}{free}", gib(total)));
    }
    parts.extend(gpu.compute_capability.map(|it| format!("compute capability {}.{}", it.major, it.minor)));
    parts.extend(gpu.driver.as_ref().map(|driver| format!("driver {driver}")));
    parts.extend(gpu.address.clone());
    parts.join("; ")
}

fn plugin(text: &mut String, asked: &Asked) {
    let remembered = if asked.is_remembered { " (remembered)" } else { "" };
    match &asked.outcome {
        PluginOutcome::Works { version, probe, .. } => {
            let engine = probe.engine_version.as_ref().map_or_else(String::new, |engine| format!(", engine {engine}"));
            let remembered = match asked.release {
                Some(_) => format!(", installed as well{remembered}"),
                None => remembered.to_owned(),
            };
            line(text, format_args!("{:<13} {version}{engine}{remembered}", asked.id));
            for device in &probe.devices {
                let why = if device.reason.is_empty() { String::new() } else { format!(": {}", device.reason) };
                let precisions = device.precisions_native.names();
                line(text, format_args!("{:<13} {} ({precisions}){why}", "", device.id));
            }
        }
        PluginOutcome::Refused { why, hint, .. } => {
            let release = asked.release.as_ref().map_or_else(String::new, |release| format!("{} ", release.version));
            line(text, format_args!("{:<13} {release}refused: {why}{remembered}", asked.id));
            if let Some(hint) = hint {
                line(text, format_args!("{:<13} {hint}", ""));
            }
        }
    }
}
