//! The files in a folder and in the folders below it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::format::of_name;

/// Files whose format their name says, in the order of their paths. Names that begin with a dot are passed over, and
/// links to folders are not followed.
pub(super) fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if of_name(&path).0.is_some() && path.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
