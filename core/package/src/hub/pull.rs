//! From the name of a model on the hub to an installed package.

use std::{
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

use drivetrain_contract::{Call, Error, ErrorKind, Result};

use super::{
    client::Client,
    digest::Digest,
    download::{Bytes, Downloads, Gathering},
    failure::io_error,
    listing::Listing,
    local,
    model_name::HubModel,
    names::is_inside,
    record::{FileRecord, Record},
    select::{self, Layout, MODULES},
    settings::HubSettings,
    staging::Staging,
};
use crate::{Files, Package};

/// How often it is looked whether the caller still waits, while a server is silent.
const LOOK: Duration = Duration::from_millis(50);

/// What to fetch, and where to.
#[derive(Clone, Copy, Debug)]
pub struct Pull<'a> {
    /// The model.
    pub model: &'a HubModel,
    /// What it is called once it is installed: its folder below `models_dir`.
    pub name: &'a str,
    /// The folder of installed models.
    pub models_dir: &'a Path,
    /// The folder for what is not complete yet.
    pub cache_dir: &'a Path,
    /// Files beside those that are needed: paths, in which `*` stands for any characters and `?` for one.
    pub include: &'a [String],
    /// How the hub is reached.
    pub settings: &'a HubSettings,
}

/// A model that is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// Its folder.
    pub folder: PathBuf,
    /// Where it came from.
    pub record: Record,
    /// Bytes that came from the hub; the rest was on this machine.
    pub fetched_bytes: u64,
    /// Whether it was installed from this commit before, and nothing had to be done.
    pub was_there: bool,
}

/// What is going on. Bytes are those of all files that are known to be needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// Another process fetches the same model.
    Waiting {
        /// Name on the hub.
        model: &'a str,
    },
    /// The hub is asked what there is.
    Asking {
        /// Name on the hub.
        model: &'a str,
    },
    /// Bytes come.
    Fetching {
        /// Path of the file.
        file: &'a str,
        /// Bytes that are there.
        bytes: u64,
        /// Bytes in all.
        total: u64,
    },
    /// The checksum of a file is computed.
    Checking {
        /// Path of the file.
        file: &'a str,
    },
    /// The model gets its name.
    Installing,
}

/// Fetches a model and installs it; a model that is there already is brought to the commit that the revision stands
/// for now.
///
/// Files that the cache of other programs ([`HubSettings::cache`]) or the installed model has with the right checksum
/// are linked or copied instead of fetched. Several processes may do this at once.
///
/// # Errors
/// [`ErrorKind::NotFound`] for a name, revision or file that the hub does not have or does not give, for a hub that
/// cannot be reached, and offline for what is not in the cache; [`ErrorKind::Busy`] when it fails or is silent again
/// and again; [`ErrorKind::Model`] for a wrong checksum, an answer that is no answer, and files that are no package;
/// [`ErrorKind::Unsupported`] for a kind of model this version does not know; [`ErrorKind::Invalid`] for settings that
/// cannot be right, and when something that is not from the hub has the name already; [`ErrorKind::Io`] when data or
/// cache folder cannot be written; [`ErrorKind::Cancelled`] and [`ErrorKind::Deadline`] when `call` says so.
pub fn pull(request: &Pull<'_>, call: &dyn Call, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Pulled> {
    let target = target_of(request)?;
    // Whether the model can be installed at all is found out before anything is fetched.
    let staging = Staging::new(request.models_dir)?;
    let downloads = Downloads::open(request, call, progress)?;
    let place = Place { target, staging, downloads };
    if request.settings.offline {
        return place.fill(request, None, call, progress);
    }
    let client = Client::new(request.settings)?;
    thread::scope(|scope| {
        let (done, is_done) = mpsc::channel::<()>();
        let agent = client.agent();
        scope.spawn(move || {
            // A server that is silent must not keep a caller waiting who wants to stop.
            while let Err(mpsc::RecvTimeoutError::Timeout) = is_done.recv_timeout(LOOK) {
                if call.check().is_err() {
                    return agent.shutdown();
                }
            }
        });
        let pulled = place.fill(request, Some(&client), call, progress);
        drop(done);
        pulled
    })
}

/// The folder of an installed model that `model` stands for: the one of its name and revision, or the one of its name
/// if that was fetched with this revision, or as this commit. Without a revision any commit will do.
pub fn find_installed(model: &HubModel, models_dir: &Path) -> Option<PathBuf> {
    let fits = |folder: &PathBuf| {
        let record = Record::read(folder).ok().flatten();
        record.is_some_and(|record| {
            let is_revision = record.revision == model.revision() || record.commit == model.revision();
            record.id == model.id() && (is_revision || !model.is_pinned())
        })
    };
    [models_dir.join(model.id()), models_dir.join(model.alias())].into_iter().find(fits)
}

/// Where a model goes, and what is held meanwhile.
struct Place {
    target: PathBuf,
    // Let go in this order: another process that waits for the downloads finds everything tidied up.
    staging: Staging,
    downloads: Downloads,
}

impl Place {
    /// Gathers the files and installs them.
    fn fill(
        &self,
        request: &Pull<'_>,
        client: Option<&Client<'_>>,
        call: &dyn Call,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Pulled> {
        progress(Progress::Asking { model: request.model.id() });
        let listing = match client {
            Some(client) => Listing::ask(client, request.model, request.settings, call)?,
            None => offline_listing(request)?,
        };
        let installed = Record::read(&self.target).ok().flatten();
        let mut gathering = Gathering {
            request,
            call,
            progress,
            client,
            listing: &listing,
            folder: self.downloads.of_commit(&listing.commit),
            snapshot: local::snapshot(request.settings, request.model, &listing.commit),
            installed: installed.is_some().then(|| self.target.clone()),
            bytes: Bytes::default(),
        };
        let needed = Needed::find(&mut gathering)?;
        if let Some(record) = installed.filter(|record| self.has_all(record, &listing, &needed)) {
            self.downloads.clear();
            return Ok(Pulled { folder: self.target.clone(), record, fetched_bytes: 0, was_there: true });
        }
        needed.obtain(&mut gathering)?;
        (gathering.progress)(Progress::Installing);
        let fetched_bytes = gathering.bytes.fetched;
        let record = self.install(&gathering, &needed)?;
        self.downloads.clear();
        Ok(Pulled { folder: self.target.clone(), record, fetched_bytes, was_there: false })
    }

    /// Whether what is installed is this commit with at least these files.
    fn has_all(&self, record: &Record, listing: &Listing, needed: &Needed) -> bool {
        record.commit == listing.commit && record.covers(needed.paths()) && record.is_complete(&self.target)
    }

    /// Moves the gathered files together, writes the record, and gives the folder its name.
    fn install(&self, gathering: &Gathering<'_>, needed: &Needed) -> Result<Record> {
        let (request, listing) = (gathering.request, gathering.listing);
        let new = self.staging.new_folder();
        let mut record = Record {
            format_version: Record::FORMAT_VERSION,
            id: request.model.id().to_owned(),
            endpoint: request.settings.endpoint.trim_end_matches('/').to_owned(),
            revision: request.model.revision().to_owned(),
            commit: listing.commit.clone(),
            files: Vec::new(),
        };
        for path in needed.paths() {
            let (source, target) = (gathering.folder.join(path), new.join(path));
            let bytes = source.metadata().map_err(|err| io_error("read", &source, err))?.len();
            let digest = match listing.files.get(path).and_then(|remote| remote.digest.clone()) {
                Some(checked) => checked,
                None => Digest::sha256(&source, gathering.call)?,
            };
            local::make_folder_of(&target)?;
            local::move_file(&source, &target, gathering.call)?;
            record.files.push(FileRecord { path: path.clone(), bytes, digest });
        }
        record.files.sort_by(|a, b| a.path.cmp(&b.path));
        record.files.dedup_by(|a, b| a.path == b.path);
        record.write(&new)?;
        self.staging.publish(&self.target)?;
        Ok(record)
    }
}

/// The files of a package: small ones that say what it is, then the large ones.
struct Needed {
    configuration: Vec<String>,
    weights: Vec<String>,
}

impl Needed {
    /// Finds out what is needed, for which the files that name others have to be there.
    fn find(gathering: &mut Gathering<'_>) -> Result<Self> {
        let listing = gathering.listing;
        let files = Files::Dir(gathering.folder.clone());
        gathering.obtain(&[MODULES.to_owned()])?;
        let layout = Layout::read(listing, &files)?;
        let configuration = layout.configuration(listing);
        let lists: Vec<String> = configuration.iter().filter(|path| path.ends_with(".index.json")).cloned().collect();
        gathering.obtain(&lists)?;
        let mut weights = layout.weights(listing, &files)?;
        let included = select::included(listing, gathering.request.include)?;
        weights.extend(included.into_iter().filter(|path| !configuration.contains(path)));
        weights.sort();
        weights.dedup();
        Ok(Self { configuration, weights })
    }

    /// Gathers all of them, and checks that they are a package.
    fn obtain(&self, gathering: &mut Gathering<'_>) -> Result<()> {
        gathering.bytes.restart();
        gathering.obtain(&self.configuration)?;
        let opened = Package::open(&gathering.folder);
        match opened {
            // A kind of model that cannot be run is refused before its weights are fetched.
            Err(err) if err.kind() == ErrorKind::Unsupported => Err(err),
            Ok(_) => gathering.obtain(&self.weights),
            // Static models say what they are in their weights.
            Err(_) => {
                gathering.obtain(&self.weights)?;
                Package::open(&gathering.folder).map(drop)
            }
        }
    }

    fn paths(&self) -> impl Iterator<Item = &String> {
        self.configuration.iter().chain(&self.weights)
    }
}

fn target_of(request: &Pull<'_>) -> Result<PathBuf> {
    let name = request.name;
    if !is_inside(name) || name.split('/').count() > 2 || name.split('/').any(|part| part.starts_with('.')) {
        return Err(Error::invalid(format!("a model cannot be installed as `{name}`")));
    }
    let target = request.models_dir.join(name);
    // A record that is broken is one nevertheless.
    if target.exists() && matches!(Record::read(&target), Ok(None)) {
        let message = format!("`{}` is not from the hub, and is not replaced", target.display());
        return Err(Error::invalid(message).with_hint("remove it or give it another name"));
    }
    Ok(target)
}

/// What the cache of other programs has of a model.
fn offline_listing(request: &Pull<'_>) -> Result<Listing> {
    let (model, settings) = (request.model, request.settings);
    let found = local::cached_commit(settings, model)
        .and_then(|commit| local::snapshot(settings, model, &commit).map(|folder| (folder, commit)));
    match found {
        Some((folder, commit)) => Ok(Listing::of_snapshot(&folder, model, &commit)),
        None => {
            let message = format!("`{model}` is not on this machine, and the hub is not asked");
            Err(Error::not_found(message).with_hint(format!(
                "unset HF_HUB_OFFLINE to fetch `{}` in revision `{}` from `{}`; {}",
                model.id(),
                model.revision(),
                settings.endpoint,
                local::cache_label(settings, model)
            )))
        }
    }
}
