//! The installed versions in the data folder: list, find, remove.

use std::{
    cmp::Reverse,
    fs, io, path,
    path::{Path, PathBuf},
};

use drivetrain_contract::{Error, ErrorKind, Result};
use serde::Serialize;

use crate::{
    Catalogue, Installed, Requirement, Version, failure::io_error, record::read_installed, relative::is_id,
    staging::Staging,
};

/// What the data folder holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// Usable installations by id, newest version first.
    pub installed: Vec<Installed>,
    /// Folders that should be installations but are not.
    pub broken: Vec<Broken>,
}

/// A folder that should be an installation but is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// The folder.
    pub path: PathBuf,
    /// What is wrong with it, with the way out.
    pub reason: String,
}

/// Everything installed in the data folder. A broken entry is listed as such and spoils nothing.
///
/// # Errors
/// [`ErrorKind::Io`] when the folder exists but cannot be read.
pub fn list(data_dir: &Path) -> Result<Listing> {
    let runtimes = runtimes_folder(data_dir)?;
    let mut listing = Listing::default();
    for folder in subfolders(&runtimes)? {
        let is_runtime = folder.file_name().and_then(|name| name.to_str()).is_some_and(is_id);
        if is_runtime {
            list_versions(&folder, &mut listing)?;
        }
    }
    listing.installed.sort_by(|a, b| (&a.id, Reverse(a.version)).cmp(&(&b.id, Reverse(b.version))));
    listing.broken.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(listing)
}

/// The library to load for a requirement: the catalogue's default version if it is installed, else the newest that
/// meets the requirement.
///
/// # Errors
/// [`ErrorKind::Dependency`] that says what is installed, what is needed and which command installs it.
pub fn find(requirement: &Requirement, data_dir: &Path) -> Result<PathBuf> {
    let listing = list_for(requirement, data_dir)?;
    match suitable(requirement, &listing).first() {
        Some(best) => Ok(best.library.clone()),
        None => Err(nothing_suits(requirement, &listing, &runtimes_folder(data_dir)?)),
    }
}

/// Every installation that meets a requirement, the one that [`find`] gives first.
///
/// # Errors
/// [`ErrorKind::Io`] when the folder exists but cannot be read.
pub fn find_all(requirement: &Requirement, data_dir: &Path) -> Result<Vec<Installed>> {
    let listing = list_for(requirement, data_dir)?;
    Ok(suitable(requirement, &listing).into_iter().cloned().collect())
}

/// The versions of a runtime and of its variants.
fn list_for(requirement: &Requirement, data_dir: &Path) -> Result<Listing> {
    let id = &requirement.id;
    if !is_id(id) {
        return Err(Error::invalid(format!("`{id}` cannot be the name of a runtime")));
    }
    let runtimes = runtimes_folder(data_dir)?;
    let mut listing = Listing::default();
    let variants = requirement.variants.iter().filter(|variant| is_id(variant));
    for id in variants.chain([id]) {
        list_versions(&runtimes.join(id), &mut listing)?;
    }
    Ok(listing)
}

/// What meets a requirement, the best first.
fn suitable<'l>(requirement: &Requirement, listing: &'l Listing) -> Vec<&'l Installed> {
    let pinned = Catalogue::builtin().default_version(&requirement.id);
    let usable = listing.installed.iter().filter(|installed| requirement.accepts(installed.version));
    let mut usable: Vec<&Installed> = usable.collect();
    usable.sort_by_key(|installed| {
        let is_variant = requirement.variants.contains(&installed.id);
        Reverse((Some(installed.version) == pinned, installed.version, is_variant))
    });
    usable
}

/// Removes one version, at once and completely, broken or not.
///
/// # Errors
/// [`ErrorKind::NotFound`] that lists what is installed, [`ErrorKind::Io`] when it cannot be removed.
pub fn remove(id: &str, version: Version, data_dir: &Path) -> Result<()> {
    let runtimes = runtimes_folder(data_dir)?;
    let target = runtimes.join(id).join(version.to_string());
    if !is_id(id) || fs::symlink_metadata(&target).is_err() {
        let there = list(data_dir)?.installed;
        let there: Vec<String> = there.iter().map(|known| format!("{}@{}", known.id, known.version)).collect();
        let there = if there.is_empty() { "nothing is installed".to_owned() } else { there.join(", ") };
        return Err(Error::not_found(format!("`{id}@{version}` is not installed"))
            .with_hint(format!("in `{}`: {there}", runtimes.display())));
    }
    Staging::new(&runtimes)?.discard(&target)
}

/// `<data_dir>/runtimes` as an absolute path.
pub(crate) fn runtimes_folder(data_dir: &Path) -> Result<PathBuf> {
    let absolute = path::absolute(data_dir).map_err(|err| {
        Error::new(ErrorKind::Invalid, format!("`{}` cannot be a data folder", data_dir.display())).with_source(err)
    })?;
    Ok(absolute.join("runtimes"))
}

fn list_versions(folder: &Path, listing: &mut Listing) -> Result<()> {
    for root in subfolders(folder)? {
        match read_installed(root.clone()) {
            Ok(installed) => listing.installed.push(installed),
            Err(err) => listing.broken.push(Broken { path: root, reason: err.to_text() }),
        }
    }
    Ok(())
}

/// The folders in a folder; none when it does not exist.
fn subfolders(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(err) if matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(err) => return Err(io_error("read", folder, err)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(|err| io_error("read", folder, err)));
    let paths: Vec<PathBuf> = paths.collect::<Result<_>>()?;
    Ok(paths.into_iter().filter(|path| path.is_dir()).collect())
}

fn nothing_suits(requirement: &Requirement, listing: &Listing, runtimes: &Path) -> Error {
    let id = &requirement.id;
    let folder = runtimes.display();
    let versions: Vec<String> = listing.installed.iter().map(|installed| installed.version.to_string()).collect();
    let message = match (&versions[..], &listing.broken[..]) {
        ([], []) => format!("`{id}` is not installed in `{folder}`"),
        ([], [broken, ..]) => format!("`{id}` in `{folder}` is not usable: {}", broken.reason),
        _ => format!("`{id}` {requirement} is needed, installed in `{folder}` is {}", versions.join(", ")),
    };
    Error::dependency(message).with_hint(requirement.way_out())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fake_installation;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn list_is_sorted_and_reports_what_is_broken() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(list(data.path()).unwrap(), Listing::default());
        for (id, version) in [("demo", "1.2.3"), ("demo", "1.10.0"), ("another", "2.0.0")] {
            fake_installation(data.path(), id, version);
        }
        let runtimes = data.path().join("runtimes");
        fs::create_dir_all(runtimes.join("demo/half")).unwrap();
        fs::create_dir_all(runtimes.join(".tmp-x/1.0.0")).unwrap();
        fs::write(runtimes.join("notes.txt"), "mine").unwrap();
        let listing = list(data.path()).unwrap();
        let found: Vec<String> = listing.installed.iter().map(|one| format!("{} {}", one.id, one.version)).collect();
        assert_eq!(found, ["another 2.0.0", "demo 1.10.0", "demo 1.2.3"]);
        assert_eq!(listing.broken.len(), 1);
        assert!(listing.broken[0].path.ends_with("demo/half"));
        assert!(listing.broken[0].reason.contains("install.json"), "{}", listing.broken[0].reason);
    }

    #[test]
    fn find_prefers_the_pinned_version_then_the_newest() {
        let data = tempfile::tempdir().unwrap();
        let find_ort = |requirement: Requirement| find(&requirement, data.path());
        let any = Requirement::new("onnxruntime");
        let err = find_ort(any.clone()).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Dependency);
        assert!(err.hint().unwrap().contains("drivetrain runtimes install onnxruntime"), "{err}");

        for version in ["1.9.0", "1.28.0", "1.31.1"] {
            fake_installation(data.path(), "onnxruntime", version);
        }
        let found = |requirement: Requirement| find_ort(requirement).unwrap().to_string_lossy().into_owned();
        assert!(found(any.clone()).contains("1.28.0"));
        assert!(found(any.clone().at_least(version("1.29"))).contains("1.31.1"));
        assert!(found(any.clone().below(version("1.28"))).contains("1.9.0"));
        let err = find_ort(any.at_least(version("2.0"))).unwrap_err();
        assert!(err.message().contains("1.31.1") && err.message().contains("2.0.0 or newer"), "{err}");
        assert_eq!(find_ort(Requirement::new("../..")).unwrap_err().kind(), ErrorKind::Invalid);
    }

    #[test]
    fn find_prefers_a_variant_of_the_same_version() {
        let data = tempfile::tempdir().unwrap();
        let mut requirement = Requirement::new("libtorch").below(version("2.14"));
        requirement.variants = vec!["libtorch-cuda".to_owned(), "../elsewhere".to_owned()];
        let found = || find(&requirement, data.path()).map(|path| path.to_string_lossy().into_owned());
        assert!(found().is_err());
        fake_installation(data.path(), "libtorch-cuda", "2.12.0");
        assert!(found().unwrap().contains("libtorch-cuda/2.12.0"));
        fake_installation(data.path(), "libtorch", "2.13.0");
        assert!(found().unwrap().contains("libtorch/2.13.0"));
        fake_installation(data.path(), "libtorch-cuda", "2.13.0");
        assert!(found().unwrap().contains("libtorch-cuda/2.13.0"));
    }

    #[test]
    fn remove_takes_one_version_and_never_anything_else() {
        let data = tempfile::tempdir().unwrap();
        for version in ["1.0.0", "2.0.0"] {
            fake_installation(data.path(), "demo", version);
        }
        remove("demo", version("1.0.0"), data.path()).unwrap();
        let left = list(data.path()).unwrap().installed;
        assert_eq!(left.iter().map(|one| one.version).collect::<Vec<_>>(), [version("2.0.0")]);
        let err = remove("demo", version("1.0.0"), data.path()).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::NotFound);
        assert!(err.hint().unwrap().contains("demo@2.0.0"), "{err}");
        fs::create_dir_all(data.path().join("1.0.0")).unwrap();
        assert!(remove("..", version("1.0.0"), data.path()).is_err());
        assert!(data.path().join("1.0.0").is_dir());
        remove("demo", version("2.0.0"), data.path()).unwrap();
        assert!(!data.path().join("runtimes/demo").exists());
    }
}
