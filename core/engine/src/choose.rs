//! Which backend runs a package, and on which of its devices, where the profile leaves it open.

use drivetrain_contract::{Device, Error, Precision, Probe, Result, format};
use drivetrain_package::Package;
use drivetrain_planner::Choice;
use drivetrain_plugin_host::{Entry, Registry};

/// The formats a package has or can be turned into, best first.
pub(crate) fn formats(package: &Package) -> Vec<&'static str> {
    let mut formats: Vec<&'static str> = package.artifacts().iter().map(|artifact| artifact.format).collect();
    if formats.contains(&format::SAFETENSORS) {
        formats.push(format::ONNX);
    }
    formats.retain(|&name| name != format::TOKENIZER);
    formats.sort_unstable();
    formats.dedup();
    formats
}

/// The backend named, or the first that reads one of the package's formats.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::NotFound`] for a name that is not there and for a package without weights,
/// [`drivetrain_contract::ErrorKind::Unsupported`] when none reads the package.
pub(crate) fn backend<'r>(registry: &'r Registry, wanted: &Choice, package: &Package) -> Result<&'r Entry> {
    let formats = formats(package);
    if formats.is_empty() {
        // Why there are no weights is known where weights are opened.
        let fallback = || Error::model(format!("the model `{}` has no weights", package.name()));
        return Err(package.weights().err().unwrap_or_else(fallback));
    }
    let reads = |entry: &Entry| {
        entry.manifest.as_ref().is_some_and(|manifest| manifest.formats.iter().any(|name| formats.contains(&&**name)))
    };
    match wanted {
        Choice::Named(id) => {
            let entry = registry.get(id)?;
            if reads(entry) {
                return Ok(entry);
            }
            let readers: Vec<&str> =
                registry.usable().filter(|entry| reads(entry)).map(|entry| entry.id.as_str()).collect();
            Err(cannot_read(&format!("backend `{id}`"), package, &formats)
                .with_hint(format!("backends that do: {}", readers.join(", "))))
        }
        Choice::Auto => registry.usable().find(|entry| reads(entry)).ok_or_else(|| {
            cannot_read("no backend here", package, &formats).with_hint("see `drivetrain plugins list`")
        }),
    }
}

fn cannot_read(who: &str, package: &Package, formats: &[&str]) -> Error {
    let verb = if who.starts_with("no ") { "reads" } else { "does not read" };
    Error::unsupported(format!("{who} {verb} the model `{}`, which offers {}", package.name(), formats.join(", ")))
}

/// The device named, or the backend's first; it must compute in `precision` itself.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::NotFound`] for a device that is not there, with those that are,
/// [`drivetrain_contract::ErrorKind::Unsupported`] for a precision it only emulates or lacks.
pub(crate) fn device<'p>(id: &str, probe: &'p Probe, wanted: &Choice, precision: Precision) -> Result<&'p Device> {
    let usable = || probe.devices.iter().filter(|device| device.tier > 0);
    let device = match wanted {
        Choice::Auto => usable().next().ok_or_else(|| Error::unsupported(format!("backend `{id}` has no device"))),
        Choice::Named(name) => usable().find(|device| device.id == *name).ok_or_else(|| {
            let known: Vec<&str> = usable().map(|device| device.id.as_str()).collect();
            Error::not_found(format!("backend `{id}` has no device `{name}`"))
                .with_hint(format!("it has: {}", known.join(", ")))
        }),
    }?;
    if !device.precisions_native.contains(precision.set()) {
        return Err(Error::unsupported(format!(
            "device `{}` of backend `{id}` does not compute in {precision}",
            device.id
        ))
        .with_hint(format!("it computes in {}", device.precisions_native.names())));
    }
    Ok(device)
}
