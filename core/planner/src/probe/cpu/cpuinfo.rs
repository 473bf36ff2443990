//! `/proc/cpuinfo`: who made the processor, its name, and what the kernel lets programs use of it.

use super::{Cpu, Found, Tree, field, isa, parts};

const SOURCE: &str = "/proc/cpuinfo";
/// The first processors, by which the others go: to write about hundreds takes the kernel long.
const N_BYTES: u64 = 1 << 15;

/// Vendor, model, id and instruction set.
pub(super) fn cpu(tree: &Tree) -> Cpu {
    let Some(text) = tree.read_start(SOURCE, N_BYTES) else { return Cpu::default() };
    let found = |value: Option<String>| value.map(|value| Found::new(value, SOURCE));
    Cpu {
        vendor: found(vendor(&text)),
        model: found(model(&text)),
        id: found(id(&text)),
        isa: isa::from_cpuinfo(&text).map(|isa| Found::new(isa, SOURCE)),
        ..Cpu::default()
    }
}

fn vendor(text: &str) -> Option<String> {
    if let Some(vendor) = named(text, "vendor_id") {
        return Some(match vendor {
            "AuthenticAMD" => "amd".to_owned(),
            "GenuineIntel" => "intel".to_owned(),
            other => other.to_lowercase(),
        });
    }
    let implementer = named(text, "CPU implementer")?;
    Some(if implementer == parts::APPLE { "apple" } else { "arm" }.to_owned())
}

fn model(text: &str) -> Option<String> {
    let name = named(text, "model name").map(str::to_owned);
    name.or_else(|| {
        let (implementer, part) = (named(text, "CPU implementer")?, named(text, "CPU part")?);
        Some(parts::name(implementer, part).map_or_else(|| format!("{implementer}/{part}"), str::to_owned))
    })
}

fn id(text: &str) -> Option<String> {
    if let Some(vendor) = named(text, "vendor_id") {
        let (family, model) = (named(text, "cpu family")?, named(text, "model")?);
        return Some(format!("{vendor} {family}/{model}/{}", named(text, "stepping").unwrap_or("0")));
    }
    let (implementer, part) = (named(text, "CPU implementer")?, named(text, "CPU part")?);
    // Arm's way to write a revision; the variant is written in hexadecimal.
    let variant = named(text, "CPU variant").unwrap_or("0").trim_start_matches("0x");
    Some(format!("{implementer}/{part} r{variant}p{}", named(text, "CPU revision").unwrap_or("0")))
}

/// A value that says something.
fn named<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    field(text, name).filter(|value| !value.is_empty() && *value != "unknown")
}
