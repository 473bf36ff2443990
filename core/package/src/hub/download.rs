//! The files of one commit, gathered in the cache folder until all are there.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};

use drivetrain_contract::{Call, Error, Result};

use super::{
    client::Client,
    failure::{Asked, io_error},
    listing::{Listing, Remote},
    local,
    names::escape,
    patience::sleep,
    pull::{Progress, Pull},
    transfer::{Step, Transfer},
};

/// How often it is looked whether another process has finished.
const LOOK: Duration = Duration::from_millis(100);

/// The folder of a model among the downloads, locked: one process at a time writes there.
#[derive(Debug)]
pub(crate) struct Downloads {
    folder: PathBuf,
    _lock: Option<File>,
}

/// The files of one commit.
pub(crate) struct Gathering<'a> {
    pub(crate) request: &'a Pull<'a>,
    pub(crate) call: &'a dyn Call,
    pub(crate) progress: &'a mut dyn FnMut(Progress<'_>),
    /// Without one nothing is fetched.
    pub(crate) client: Option<&'a Client<'a>>,
    pub(crate) listing: &'a Listing,
    /// Where they are gathered.
    pub(crate) folder: PathBuf,
    /// The same commit in the cache of other programs.
    pub(crate) snapshot: Option<PathBuf>,
    /// The model as it is installed, perhaps from another commit.
    pub(crate) installed: Option<PathBuf>,
    pub(crate) bytes: Bytes,
}

/// Bytes of the files that are needed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bytes {
    /// In files that are there.
    done: u64,
    /// In all files known to be needed.
    total: u64,
    /// That came from the hub.
    pub(crate) fetched: u64,
}

impl Bytes {
    /// Begins to count the files anew, now that all are known.
    pub(crate) fn restart(&mut self) {
        (self.done, self.total) = (0, 0);
    }
}

impl Downloads {
    /// Waits for its turn.
    pub(crate) fn open(request: &Pull<'_>, call: &dyn Call, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Self> {
        let folder = request.cache_dir.join("hub").join(request.model.folder());
        fs::create_dir_all(&folder).map_err(|err| io_error("create", &folder, err))?;
        let path = folder.join(".lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|err| io_error("write", &path, err))?;
        let lock = loop {
            match file.try_lock() {
                Ok(()) => break Some(file),
                Err(TryLockError::WouldBlock) => {
                    progress(Progress::Waiting { model: request.model.id() });
                    sleep(LOOK, call)?;
                }
                Err(TryLockError::Error(err)) => {
                    log::debug!("no file locks in the cache folder: {err}");
                    break None;
                }
            }
        };
        Ok(Self { folder, _lock: lock })
    }

    /// The folder for the files of a commit.
    pub(crate) fn of_commit(&self, commit: &str) -> PathBuf {
        self.folder.join(commit)
    }

    /// Removes everything that was gathered, also of other commits: the model is installed.
    pub(crate) fn clear(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir()
                && let Err(err) = fs::remove_dir_all(&path)
            {
                log::warn!("failed to remove `{}`: {err}", path.display());
            }
        }
    }
}

impl Gathering<'_> {
    /// Gathers these files of the listing.
    pub(crate) fn obtain(&mut self, paths: &[String]) -> Result<()> {
        let listing = self.listing;
        let remotes: Vec<(&String, &Remote)> =
            paths.iter().filter_map(|path| listing.files.get_key_value(path)).collect();
        let sizes = remotes.iter().filter_map(|(_, remote)| remote.size);
        // A listing may state anything.
        self.bytes.total = sizes.fold(self.bytes.total, u64::saturating_add);
        remotes.into_iter().try_for_each(|(path, remote)| self.obtain_one(path, remote))
    }

    fn obtain_one(&mut self, path: &str, remote: &Remote) -> Result<()> {
        self.call.check()?;
        let target = self.folder.join(path);
        if !target.is_file() && !self.take_local(path, remote, &target)? {
            self.fetch(path, remote, &target)?;
        }
        self.bytes.done = self.bytes.done.saturating_add(remote.size.unwrap_or_default());
        self.report(path, 0);
        Ok(())
    }

    /// Uses a file that is on this machine, if it is the same.
    fn take_local(&mut self, path: &str, remote: &Remote, target: &Path) -> Result<bool> {
        // An installed model may be of another commit: without a checksum nobody knows.
        let installed = self.installed.as_ref().filter(|_| remote.digest.is_some());
        for folder in self.snapshot.iter().chain(installed) {
            let source = folder.join(path);
            if source.is_file() {
                (self.progress)(Progress::Checking { file: path });
                if local::take(&source, remote, target, self.call)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn fetch(&mut self, path: &str, remote: &Remote, target: &Path) -> Result<()> {
        let Some(client) = self.client else { return Err(self.offline(path)) };
        let (model, settings) = (self.request.model, self.request.settings);
        let commit = &self.listing.commit;
        let escaped: Vec<String> = path.split('/').map(escape).collect();
        let url = format!("{}/{}/resolve/{commit}/{}", client.endpoint(), model.id(), escaped.join("/"));
        let asked = Asked {
            endpoint: client.endpoint(),
            id: model.id(),
            revision: model.revision(),
            file: Some(path),
            has_token: settings.token.is_some(),
        };
        let (patience, call) = (&settings.patience, self.call);
        let transfer = Transfer { client, url: &url, asked: &asked, remote, target, patience, call };
        transfer.run(&mut |step| match step {
            Step::More { new, at } => {
                self.bytes.fetched += new;
                self.report(path, at);
            }
            Step::Checking => (self.progress)(Progress::Checking { file: path }),
        })
    }

    fn report(&mut self, file: &str, of_this: u64) {
        let bytes = self.bytes.done.saturating_add(of_this);
        (self.progress)(Progress::Fetching { file, bytes, total: self.bytes.total.max(bytes) });
    }

    fn offline(&self, path: &str) -> Error {
        let model = self.request.model;
        let message = format!("`{path}` of `{}` is not on this machine, and the hub is not asked", model.id());
        Error::not_found(message).with_hint(format!(
            "unset HF_HUB_OFFLINE to fetch it from `{}`; {}",
            self.request.settings.endpoint,
            local::cache_label(self.request.settings, model)
        ))
    }
}
