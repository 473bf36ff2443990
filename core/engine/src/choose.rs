//! Which backend runs a package, and on which of its devices, where the profile leaves it open.

use drivetrain_contract::{Device, Error, ErrorKind, Precision, Precisions, Probe, Result, format};
use drivetrain_package::Package;
use drivetrain_planner::Choice;
use drivetrain_plugin_host::{Entry, Registry};

/// Formats of weights that a graph can be made from.
pub(crate) const WEIGHTS: [&str; 2] = [format::SAFETENSORS, format::PYTORCH];

/// The formats a package has or can be turned into, best first.
pub(crate) fn formats(package: &Package) -> Vec<&'static str> {
    let mut formats: Vec<&'static str> = package.artifacts().iter().map(|artifact| artifact.format).collect();
    if formats.iter().any(|format| WEIGHTS.contains(format)) {
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
            let entry = registry.get(id).map_err(|err| built_apart(id, err))?;
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

/// Says where the one backend of this project comes from that is not built with the others.
fn built_apart(id: &str, err: Error) -> Error {
    if id != "libtorch" || err.kind() != ErrorKind::NotFound {
        return err;
    }
    err.with_hint(
        "its plugin is built apart, in the repository: `cargo xtask plugin libtorch --home FOLDER` puts it and its library \
         into the data folder that `drivetrain doctor` names",
    )
}

fn cannot_read(who: &str, package: &Package, formats: &[&str]) -> Error {
    let verb = if who.starts_with("no ") { "reads" } else { "does not read" };
    Error::unsupported(format!("{who} {verb} the model `{}`, which offers {}", package.name(), formats.join(", ")))
}

/// What a device is to compute in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arithmetic {
    /// The precision asked for.
    pub(crate) precision: Precision,
    /// Whether it will do if the device computes it in another one.
    pub(crate) allow_emulated: bool,
}

/// The device named, or the backend's first; it must compute in the precision, itself unless that may be emulated.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::NotFound`] for a device that is not there, with those that are,
/// [`drivetrain_contract::ErrorKind::Unsupported`] for a precision it lacks or only emulates.
pub(crate) fn device<'p>(
    id: &str,
    probe: &'p Probe,
    wanted: &Choice,
    Arithmetic { precision, allow_emulated }: Arithmetic,
) -> Result<&'p Device> {
    let usable = || probe.devices.iter().filter(|device| device.tier > 0);
    let device = match wanted {
        Choice::Auto => usable().next().ok_or_else(|| Error::unsupported(format!("backend `{id}` has no device"))),
        Choice::Named(name) => usable().find(|device| device.id == *name).ok_or_else(|| {
            let known: Vec<&str> = usable().map(|device| device.id.as_str()).collect();
            Error::not_found(format!("backend `{id}` has no device `{name}`"))
                .with_hint(format!("it has: {}", known.join(", ")))
        }),
    }?;
    let (native, emulated) = (device.precisions_native, device.precisions_emulated);
    let is_emulated = emulated.contains(precision.set());
    if native.contains(precision.set()) || (is_emulated && allow_emulated) {
        return Ok(device);
    }
    let by_itself = format!("it computes in {}", names(native));
    let (only, hint) = match is_emulated {
        true => {
            (" itself", format!("{by_itself}; with `--allow-emulated` it takes {precision} and computes in another"))
        }
        false => ("", by_itself),
    };
    let device = &device.id;
    Err(Error::unsupported(format!("device `{device}` of backend `{id}` does not compute in {precision}{only}"))
        .with_hint(hint))
}

/// The precisions one can ask for, as they are asked for.
fn names(set: Precisions) -> String {
    let names: Vec<&str> =
        Precision::ALL.iter().filter(|one| set.contains(one.set())).map(|precision| precision.name()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::Capabilities;

    use super::*;

    fn check(precision: Precision, allow_emulated: bool, refused: Option<&str>) {
        let device = Device {
            precisions_emulated: Precisions::F16,
            ..Device::cpu("processor", Precisions::F32 | Precisions::I8 | Precisions::U8, Capabilities::empty())
        };
        let probe = Probe { devices: vec![device], ..Probe::default() };
        let found = self::device("e", &probe, &Choice::Auto, Arithmetic { precision, allow_emulated });
        match refused {
            None => assert_eq!(found.unwrap().id, "cpu"),
            Some(text) => assert_eq!(found.unwrap_err().to_text(), text),
        }
    }

    #[test]
    fn a_precision_is_native_or_allowed_to_be_emulated() {
        check(Precision::F32, false, None);
        check(Precision::Int8, false, None);
        check(Precision::F16, true, None);
        let emulated = "device `cpu` of backend `e` does not compute in f16 itself (hint: it computes in f32, int8; \
                        with `--allow-emulated` it takes f16 and computes in another)";
        check(Precision::F16, false, Some(emulated));
        let lacking = "device `cpu` of backend `e` does not compute in bf16 (hint: it computes in f32, int8)";
        check(Precision::Bf16, false, Some(lacking));
        check(Precision::Bf16, true, Some(lacking));
    }
}
