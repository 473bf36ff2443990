//! Installing a native library: fetch, check, unpack, publish.

use std::{
    fs::File,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use drivetrain_contract::{Error, ErrorKind, Result};

use crate::{
    Build, Catalogue, Installed, Runtime, Spec, Wheel, WheelName, WheelRecord,
    downloads::Downloads,
    fetch::{self, Downloader},
    pip::Pip,
    platform,
    record::{Record, read_installed},
    staging::Staging,
    store::runtimes_folder,
    transfer::Step,
    unpack::unpack,
};

/// How to install.
#[derive(Clone, Debug, Default)]
pub struct InstallOptions {
    /// The pip (or python, or uv) to use; `None` tries those on the search path.
    pub pip: Option<PathBuf>,
    /// Wheels already downloaded. When there are any, nothing is fetched.
    pub wheels: Vec<PathBuf>,
    /// A folder where fetched wheels stay for other installations; `None` is one in the data folder, where they stay
    /// until they are unpacked.
    pub downloads: Option<PathBuf>,
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
    /// Another process is fetching a wheel.
    Waiting,
    /// A wheel is being downloaded.
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
/// The wheel is fetched from where the user's own pip and its configuration (index, certificates) say it is, or taken
/// from [`InstallOptions::wheels`]; its SHA-256 must be the catalogue's. The version's folder appears by one rename, so
/// several processes may install at once. One that is killed leaves a temporary folder, which the next installation
/// removes, and what it has fetched, which the next one goes on with. `progress` hears what happens, about 20 times a second, and stops it with
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
    let downloads = Downloads::new(options.downloads.as_deref(), &runtimes);
    let is_done = || !options.force && read_installed(target.clone()).is_ok();
    let source = Source { runtime, build, options, staging: &staging, downloads: &downloads, is_done: &is_done };
    let Some(wheels) = open_wheels(&source, progress)? else { return read_installed(target) };
    fill(&source, wheels, &root, progress)?;
    // Another process may have been faster; what it installed may already be in use.
    staging.publish(&root, &target, |there| !options.force && read_installed(there.to_owned()).is_ok())?;
    downloads.clear(build);
    read_installed(target)
}

/// What is being installed, and where from.
struct Source<'a> {
    runtime: &'a Runtime,
    build: &'a Build,
    options: &'a InstallOptions,
    staging: &'a Staging,
    downloads: &'a Downloads,
    /// Whether another process has installed it meanwhile.
    is_done: &'a dyn Fn() -> bool,
}

/// Unpacks every wheel of the build into `root` and writes the record.
fn fill(source: &Source<'_>, wheels: Vec<File>, root: &Path, progress: Observer<'_>) -> Result<()> {
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
    for (wheel, opened) in build.wheels.iter().zip(wheels) {
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

/// All wheels of the build, checked, before the first is unpacked; nothing when another process has made them needless.
fn open_wheels(source: &Source<'_>, progress: Observer<'_>) -> Result<Option<Vec<File>>> {
    let Source { runtime, build, options, staging, downloads, is_done } = source;
    if !options.wheels.is_empty() {
        let mut open = |wheel: &Wheel| {
            report(progress, Progress::Checking { file: &wheel.file })?;
            fetch::open_checked(fetch::choose(wheel, &options.wheels)?, wheel)
        };
        return build.wheels.iter().map(&mut open).collect::<Result<_>>().map(Some);
    }
    let mut pip = None;
    let mut opened = Vec::new();
    for (number, wheel) in build.wheels.iter().enumerate() {
        if let Some(file) = downloads.find(wheel) {
            report(progress, Progress::Checking { file: &wheel.file })?;
            opened.push(file);
            continue;
        }
        let pip = match &mut pip {
            Some(pip) => pip,
            none => {
                none.insert(Pip::find(options.pip.as_deref(), &runtime.id, &mut || progress(Progress::LookingForPip))?)
            }
        };
        let downloader = Downloader { pip, id: &runtime.id, downloads, is_done: *is_done };
        let (file, total) = (wheel.file.as_str(), wheel.bytes);
        let fetched = downloader.download(wheel, &staging.subfolder(&format!("fetch-{number}"))?, &mut |step| {
            progress(match step {
                Step::Waiting => Progress::Waiting,
                Step::Bytes(bytes) => Progress::Fetching { file, bytes: bytes.min(total), total },
                Step::Checking => Progress::Checking { file },
            })
        })?;
        match fetched {
            Some(file) => opened.push(file),
            None => return Ok(None),
        }
    }
    Ok(Some(opened))
}

fn report(progress: Observer<'_>, what: Progress<'_>) -> Result<()> {
    match progress(what) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::new(ErrorKind::Cancelled, "cancelled by the caller")),
    }
}

#[cfg(test)]
mod tests;
