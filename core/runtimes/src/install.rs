//! Installing a native library: fetch, check, unpack, publish.

use std::{
    fs::File,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use drivetrain_contract::{Error, ErrorKind, Result};

use crate::{
    Build, Catalogue, Installed, Runtime, Spec, Wheel, WheelName, WheelRecord,
    fetch::{self, Downloader},
    pip::Pip,
    platform,
    record::{Record, read_installed},
    staging::Staging,
    store::runtimes_folder,
    unpack::unpack,
};

/// How to install.
#[derive(Clone, Debug, Default)]
pub struct InstallOptions {
    /// The pip (or python, or uv) to use; `None` tries those on the search path.
    pub pip: Option<PathBuf>,
    /// Wheels already downloaded. When there are any, nothing is fetched.
    pub wheels: Vec<PathBuf>,
    /// Install again what is there already.
    pub force: bool,
    /// Another catalogue than the one built in.
    pub catalogue: Option<Catalogue>,
}

/// What an installation is doing. Bytes are rough while fetching, exact while unpacking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// There is nothing to do: this version is installed.
    AlreadyInstalled,
    /// Looking for a pip that works.
    LookingForPip,
    /// pip is downloading a wheel.
    Fetching {
        /// Name of the wheel.
        file: &'a str,
        /// Bytes that have come.
        bytes: u64,
        /// Bytes in all.
        total: u64,
    },
    /// The wheel is compared with the catalogue.
    Checking {
        /// Name of the wheel.
        file: &'a str,
    },
    /// The library is being unpacked.
    Unpacking {
        /// Name of the wheel.
        file: &'a str,
        /// Bytes written.
        bytes: u64,
        /// Bytes in all.
        total: u64,
    },
}

type Observer<'a> = &'a mut dyn FnMut(Progress<'_>) -> ControlFlow<()>;

/// Installs a native library into `<data_dir>/runtimes/<id>/<version>`; returns at once when it is there.
///
/// The wheel is fetched with the user's own pip and its configuration (index, proxy, certificates), or taken from
/// [`InstallOptions::wheels`]; its SHA-256 must be the catalogue's. The version's folder appears by one rename, so
/// several processes may install at once, and one that is killed leaves nothing but a temporary folder, which the next
/// installation removes. `progress` hears what happens, about 20 times a second, and stops it with
/// [`ControlFlow::Break`].
///
/// # Errors
/// [`ErrorKind::NotFound`] for an unknown runtime, [`ErrorKind::Unsupported`] for a platform it does not exist for,
/// [`ErrorKind::Dependency`] without pip, when the wheel cannot be fetched or is another file than it should be,
/// [`ErrorKind::Io`] when the data folder cannot be written, [`ErrorKind::Cancelled`] when `progress` said so.
pub fn install(spec: &Spec, data_dir: &Path, options: &InstallOptions, progress: Observer<'_>) -> Result<Installed> {
    let catalogue = options.catalogue.as_ref().unwrap_or_else(|| Catalogue::builtin());
    let runtime = catalogue.find(spec)?;
    let build = runtime.build(&platform())?;
    let runtimes = runtimes_folder(data_dir)?;
    let target = runtimes.join(&runtime.id).join(runtime.version.to_string());
    if !options.force
        && let Ok(installed) = read_installed(target.clone())
    {
        report(progress, Progress::AlreadyInstalled)?;
        return Ok(installed);
    }
    let staging = Staging::new(&runtimes)?;
    let root = staging.subfolder("new")?;
    fill(&Source { runtime, build, options, staging: &staging }, &root, progress)?;
    // Another process may have been faster; what it installed may already be in use.
    staging.publish(&root, &target, |there| !options.force && read_installed(there.to_owned()).is_ok())?;
    read_installed(target)
}

/// What is being installed, and where from.
struct Source<'a> {
    runtime: &'a Runtime,
    build: &'a Build,
    options: &'a InstallOptions,
    staging: &'a Staging,
}

/// Unpacks every wheel of the build into `root` and writes the record.
fn fill(source: &Source<'_>, root: &Path, progress: Observer<'_>) -> Result<()> {
    let Source { runtime, build, .. } = source;
    let mut record = Record {
        format_version: Record::FORMAT_VERSION,
        id: runtime.id.clone(),
        version: runtime.version,
        library: build.library.clone(),
        telemetry: runtime.telemetry,
        wheels: Vec::new(),
        files: Vec::new(),
    };
    for (wheel, opened) in build.wheels.iter().zip(open_wheels(source, progress)?) {
        let mut watch = |bytes, total| progress(Progress::Unpacking { file: &wheel.file, bytes, total });
        record.files.extend(unpack(opened, wheel, root, &mut watch)?);
        let name = WheelName::parse(&wheel.file)?;
        record.wheels.push(WheelRecord {
            package: format!("{}=={}", name.package, name.version),
            file: wheel.file.clone(),
            sha256: wheel.sha256.clone(),
        });
    }
    if !record.files.iter().any(|file| file.path == record.library) {
        let message = format!("the wheels of `{}` {} hold no `{}`", runtime.id, runtime.version, record.library);
        return Err(Error::dependency(message));
    }
    record.write(root)
}

/// All wheels of the build, checked, before the first is unpacked.
fn open_wheels(source: &Source<'_>, progress: Observer<'_>) -> Result<Vec<File>> {
    let Source { runtime, build, options, staging } = source;
    let mut open = |wheel: &Wheel, path: &Path| {
        report(progress, Progress::Checking { file: &wheel.file })?;
        fetch::open_checked(path, wheel)
    };
    if !options.wheels.is_empty() {
        return build.wheels.iter().map(|wheel| open(wheel, fetch::choose(wheel, &options.wheels)?)).collect();
    }
    let pip = Pip::find(options.pip.as_deref(), &runtime.id, &mut || progress(Progress::LookingForPip))?;
    let downloader = Downloader { pip, id: &runtime.id };
    let fetch_one = |(number, wheel): (usize, &Wheel)| {
        let into = staging.subfolder(&format!("fetch-{number}"))?;
        let total = wheel.bytes;
        let path = downloader.download(wheel, &into, &mut |bytes| {
            progress(Progress::Fetching { file: &wheel.file, bytes: bytes.min(total), total })
        })?;
        report(progress, Progress::Checking { file: &wheel.file })?;
        fetch::open_checked(&path, wheel)
    };
    build.wheels.iter().enumerate().map(fetch_one).collect()
}

fn report(progress: Observer<'_>, what: Progress<'_>) -> Result<()> {
    match progress(what) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::new(ErrorKind::Cancelled, "cancelled by the caller")),
    }
}

#[cfg(test)]
mod tests;
