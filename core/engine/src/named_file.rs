//! Files of texts that a profile names.

use std::{fs, path::Path};

use drivetrain_contract::{Error, Result};

/// Makes sure that a path is one of a regular file. A pipe may never say a word and a device may never end, and a
/// profile that came with a project can name any.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Io`] when there is nothing to look at, [`drivetrain_contract::ErrorKind::Invalid`]
/// for everything but a file.
pub(crate) fn check(path: &Path) -> Result<()> {
    let unreadable = |err| Error::io(format!("`{}` cannot be read", path.display())).with_source(err);
    match fs::metadata(path).map_err(unreadable)?.is_file() {
        true => Ok(()),
        false => Err(Error::invalid(format!("`{}` is no regular file", path.display()))
            .with_hint("copy the texts into a file, and name that one in the profile")),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::PathBuf;

    use drivetrain_contract::ErrorKind;

    use super::*;

    /// Everything that is no file: a folder and, where there are any, a device without an end and a pipe that nobody
    /// writes into.
    pub(crate) fn no_files(folder: &Path) -> Vec<PathBuf> {
        let mut paths = vec![folder.to_owned()];
        if cfg!(unix) {
            let pipe = folder.join("pipe.txt");
            let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
            assert!(made.success());
            paths.extend([pipe, "/dev/zero".into()]);
        }
        paths
    }

    #[test]
    fn only_regular_files_will_do() {
        let folder = tempfile::tempdir().unwrap();
        for path in no_files(folder.path()) {
            let err = check(&path).unwrap_err();
            assert!(err.kind() == ErrorKind::Invalid && err.message().contains("is no regular file"), "{err}");
        }
        let file = folder.path().join("texts.txt");
        assert_eq!(check(&file).unwrap_err().kind(), ErrorKind::Io);
        fs::write(&file, "a\n").unwrap();
        assert!(check(&file).is_ok());
    }
}
