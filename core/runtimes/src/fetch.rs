//! Getting one wheel: from a file the user gives, or from where the user's own pip finds it.

use std::{
    fs::{self, File},
    io::{self, Seek},
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::Command,
};

use drivetrain_contract::{Error, ErrorKind, Result};

use crate::{
    Wheel, WheelName,
    catalogue::own_library_hint,
    digest::sha256,
    downloads::Downloads,
    failure::{FULL_HINT, io_error},
    link,
    pip::{Pip, run, run_until},
    transfer::{Failure, Step, Transfer},
};

/// How Python words that a disk is full, on Unix and on Windows.
const DISK_FULL: [&str; 3] = ["No space left on device", "[Errno 28]", "[WinError 112]"];

/// Gets the wheels of one runtime from the package index.
pub(crate) struct Downloader<'a> {
    /// The command that knows the index.
    pub(crate) pip: &'a Pip,
    /// Id of the runtime, for messages.
    pub(crate) id: &'a str,
    /// Where wheels are gathered.
    pub(crate) downloads: &'a Downloads,
    /// Whether another installation has done meanwhile what this is for.
    pub(crate) is_done: &'a dyn Fn() -> bool,
}

type Watch<'a> = &'a mut dyn FnMut(Step) -> ControlFlow<()>;

impl Downloader<'_> {
    /// Fetches a wheel and opens it, checked; `into` is an empty folder for whatever pip needs. Gives nothing when
    /// another installation has made it needless.
    ///
    /// pip is asked where it would take the file from, and stopped as soon as it says so: it would begin anew each
    /// time, where [`Transfer`] goes on. Where that gets nothing, pip does it after all.
    pub(crate) fn download(&self, wheel: &Wheel, into: &Path, watch: Watch<'_>) -> Result<Option<File>> {
        let path = match self.ask(wheel, into, watch)? {
            Some(url) => {
                let transfer = Transfer { url: &url, wheel, downloads: self.downloads, is_done: self.is_done };
                match transfer.run(watch) {
                    Ok(file) => return Ok(Some(file)),
                    Err(Failure::Done) => return Ok(None),
                    Err(Failure::Final(err)) => return Err(err),
                    Err(Failure::Refused(err)) => {
                        log::info!("{}; pip is to fetch it", err.to_text());
                        self.run_pip(wheel, into, watch)?
                    }
                }
            }
            None => self.fetched(wheel, into)?,
        };
        if watch(Step::Checking).is_break() {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled by the caller"));
        }
        let file = open_checked(&path, wheel)?;
        self.downloads.adopt(&path, wheel).map(|()| Some(file))
    }

    /// The address pip would fetch the wheel from, or nothing when it has fetched it.
    fn ask(&self, wheel: &Wheel, into: &Path, watch: Watch<'_>) -> Result<Option<String>> {
        let mut command = self.command(wheel, into)?;
        command.arg("-vv");
        let file = wheel.file.clone();
        let seek = move |line: &str| link::address(line, &file);
        run_until(&mut command, seek, &mut || watch(Step::Bytes(folder_bytes(into, 3))))
            .map_err(|err| self.explain(err, wheel, into))
    }

    fn run_pip(&self, wheel: &Wheel, into: &Path, watch: Watch<'_>) -> Result<PathBuf> {
        // What it began before it was stopped is of no use to it.
        fs::remove_dir_all(into).and_then(|()| fs::create_dir(into)).map_err(|err| io_error("create", into, err))?;
        run(&mut self.command(wheel, into)?, &mut || watch(Step::Bytes(folder_bytes(into, 3))))
            .map_err(|err| self.explain(err, wheel, into))?;
        self.fetched(wheel, into)
    }

    /// pip's command to download a wheel below `into`.
    ///
    /// pip is given `into` for its temporary files as well: they go away with it even when pip is killed, and their
    /// size is the progress, which pip itself tells only to terminals.
    fn command(&self, wheel: &Wheel, into: &Path) -> Result<Command> {
        let [wheels, temporary] = ["wheels", "temporary"].map(|name| into.join(name));
        for folder in [&wheels, &temporary] {
            fs::create_dir(folder).map_err(|err| io_error("create", folder, err))?;
        }
        let mut command = self.pip.command();
        command
            .args(["download", "--no-deps", "--disable-pip-version-check", "--no-input", "--progress-bar", "off", "-d"])
            .arg(&wheels)
            .args(WheelName::parse(&wheel.file)?.pip_args())
            .envs(["TMPDIR", "TEMP", "TMP"].map(|name| (name, &temporary)))
            // A user may forbid pip to install outside virtual environments; downloading installs nothing.
            .env("PIP_REQUIRE_VIRTUALENV", "0");
        Ok(command)
    }

    /// What pip has fetched, which must be the wheel.
    fn fetched(&self, wheel: &Wheel, into: &Path) -> Result<PathBuf> {
        let wheels = into.join("wheels");
        let path = wheels.join(&wheel.file);
        if path.is_file() {
            return Ok(path);
        }
        let got = names(&wheels);
        let got = if got.is_empty() { "nothing".to_owned() } else { format!("`{}`", got.join("`, `")) };
        let message = format!("`{}` was to fetch `{}` but fetched {got}", self.pip.name(), wheel.file);
        Err(Error::dependency(message).with_hint(wheel_hint(wheel)))
    }

    /// Turns "the command failed" into what that means for the user.
    fn explain(&self, err: Error, wheel: &Wheel, into: &Path) -> Error {
        if err.kind() == ErrorKind::Cancelled {
            return err;
        }
        let said = err.to_text();
        if let Some(line) = said.split("; ").find(|line| DISK_FULL.iter().any(|sign| line.contains(sign))) {
            let message = format!("the disk is full: failed to write `{}`", into.display());
            return Error::new(ErrorKind::Io, message).with_source(line).with_hint(FULL_HINT);
        }
        let pip = self.pip.name();
        let hint = format!(
            "check that `{pip} config list` names an index that can be reached, or {}, or {}",
            wheel_hint(wheel),
            own_library_hint(self.id)
        );
        Error::dependency(format!("`{pip}` failed to fetch `{}`", wheel.file)).with_source(err).with_hint(hint)
    }
}

/// Opens a wheel and checks that it is the very file the catalogue means.
pub(crate) fn open_checked(path: &Path, wheel: &Wheel) -> Result<File> {
    let metadata = fs::metadata(path).map_err(|err| match err.kind() {
        io::ErrorKind::NotFound => Error::not_found(format!("there is no wheel `{}`", path.display())),
        _ => io_error("read", path, err),
    })?;
    if !metadata.is_file() {
        return Err(Error::invalid(format!("`{}` is not a file", path.display())));
    }
    let read = || {
        let mut file = File::open(path)?;
        let digest = sha256(&file)?;
        file.rewind()?;
        Ok((file, digest))
    };
    let (file, digest) = read().map_err(|err| io_error("read", path, err))?;
    if digest != wheel.sha256 {
        let message =
            format!("`{}` has the SHA-256 {digest}, `{}` must have {}", path.display(), wheel.file, wheel.sha256);
        return Err(Error::dependency(message).with_hint(wheel_hint(wheel)));
    }
    Ok(file)
}

/// The file among `offered` that is meant to be `wheel`: by its name, or because it is the only one.
pub(crate) fn choose<'a>(wheel: &Wheel, offered: &'a [PathBuf]) -> Result<&'a Path> {
    let named = offered.iter().find(|path| path.file_name().is_some_and(|name| name == wheel.file.as_str()));
    match (named, offered) {
        (Some(path), _) => Ok(path),
        (None, [only]) => Ok(only),
        _ => {
            Err(Error::invalid(format!("`{}` is not among the wheels given", wheel.file)).with_hint(wheel_hint(wheel)))
        }
    }
}

fn wheel_hint(wheel: &Wheel) -> String {
    format!("get `{}` from the Python package index elsewhere and give it with `--wheel FILE`", wheel.file)
}

/// Bytes in the files of a folder, some levels deep. Files come and go meanwhile, so what cannot be read counts 0.
fn folder_bytes(folder: &Path, levels: u32) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let bytes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() && levels > 0 => folder_bytes(&entry.path(), levels - 1),
        Ok(metadata) if metadata.is_file() => metadata.len(),
        _ => 0,
    });
    bytes.fold(0, u64::saturating_add)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
