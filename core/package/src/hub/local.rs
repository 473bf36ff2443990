//! Files that are on this machine already: in the cache of other programs, or in the model as it is installed.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use drivetrain_contract::{Call, Error, Result};

use super::{failure::io_error, listing::Remote, model_name::HubModel, names::is_commit, settings::HubSettings};

/// Bytes that are copied at once.
const PIECE: usize = 1 << 20;

/// Longest file that could be a reference to a commit.
const MAX_REF: u64 = 256;

/// The folder of a commit in the cache of other programs, if it is there.
pub(crate) fn snapshot(settings: &HubSettings, model: &HubModel, commit: &str) -> Option<PathBuf> {
    let folder = models_folder(settings, model)?.join("snapshots").join(commit);
    folder.is_dir().then_some(folder)
}

/// The commit that a revision stood for when it was last asked for, as that cache remembers it.
pub(crate) fn cached_commit(settings: &HubSettings, model: &HubModel) -> Option<String> {
    let revision = model.revision();
    if is_commit(revision) {
        return Some(revision.to_owned());
    }
    let path = models_folder(settings, model)?.join("refs").join(revision);
    let mut text = String::new();
    File::open(path).ok()?.take(MAX_REF).read_to_string(&mut text).ok()?;
    let commit = text.trim();
    is_commit(commit).then(|| commit.to_owned())
}

/// What that cache would have to hold, for messages.
pub(crate) fn cache_label(settings: &HubSettings, model: &HubModel) -> String {
    let folder = models_folder(settings, model);
    folder.map_or_else(|| "no cache is set".to_owned(), |folder| format!("looked in `{}`", folder.display()))
}

fn models_folder(settings: &HubSettings, model: &HubModel) -> Option<PathBuf> {
    settings.cache.as_ref().map(|cache| cache.join(format!("models--{}", model.folder())))
}

/// Makes `target` the same file as `source`, if `source` is what the hub says the file is.
///
/// A hard link where the system allows it, so that a large file is there once; otherwise a copy.
pub(crate) fn take(source: &Path, remote: &Remote, target: &Path, call: &dyn Call) -> Result<bool> {
    // The file itself: a link to a link would be lost with what it leads to.
    let Ok(source) = source.canonicalize() else { return Ok(false) };
    let Ok(facts) = fs::metadata(&source) else { return Ok(false) };
    if !facts.is_file() || remote.size.is_some_and(|size| size != facts.len()) {
        return Ok(false);
    }
    if let Some(stated) = &remote.digest {
        match stated.of_same_kind(&source, call) {
            Ok(found) if found == *stated => {}
            Ok(_) => {
                log::warn!("`{}` is not what the hub says it is: not used", source.display());
                return Ok(false);
            }
            Err(err) => {
                call.check()?;
                log::debug!("{}", err.to_text());
                return Ok(false);
            }
        }
    }
    link_or_copy(&source, target, call)?;
    Ok(true)
}

/// Moves a file, across file systems if need be; there it is complete under its new name before the old one goes.
pub(crate) fn move_file(source: &Path, target: &Path, call: &dyn Call) -> Result<()> {
    match fs::rename(source, target) {
        Ok(()) => Ok(()),
        Err(err) if err.kind() == io::ErrorKind::CrossesDevices => copy(source, target, call),
        Err(err) => Err(io_error("move into place", target, err)),
    }
}

/// The folder a file goes into, made if it is not there.
pub(crate) fn make_folder_of(target: &Path) -> Result<()> {
    let folder = target.parent().ok_or_else(|| Error::internal("a file has a folder"))?;
    fs::create_dir_all(folder).map_err(|err| io_error("create", folder, err))
}

fn link_or_copy(source: &Path, target: &Path, call: &dyn Call) -> Result<()> {
    make_folder_of(target)?;
    match fs::hard_link(source, target) {
        Ok(()) => Ok(()),
        Err(_) => copy(source, target, call),
    }
}

/// Copies a file under another name and renames it when it is complete.
fn copy(source: &Path, target: &Path, call: &dyn Call) -> Result<()> {
    let unfinished = with_suffix(target, ".copy");
    let copied = copy_pieces(source, &unfinished, call);
    if copied.is_err() {
        // Nothing is lost: the source is there.
        let _ = fs::remove_file(&unfinished);
    }
    copied?;
    fs::rename(&unfinished, target).map_err(|err| io_error("move into place", target, err))
}

fn copy_pieces(source: &Path, target: &Path, call: &dyn Call) -> Result<()> {
    let mut from = File::open(source).map_err(|err| io_error("read", source, err))?;
    let mut to = File::create(target).map_err(|err| io_error("write", target, err))?;
    let mut piece = vec![0; PIECE];
    loop {
        call.check()?;
        match from.read(&mut piece).map_err(|err| io_error("read", source, err))? {
            0 => return to.sync_all().map_err(|err| io_error("write", target, err)),
            n => to.write_all(&piece[..n]).map_err(|err| io_error("write", target, err))?,
        }
    }
}

/// `model.safetensors` with `.part` is `model.safetensors.part`.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
