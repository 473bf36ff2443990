//! Profiles as files: read with a limit, taken apart, paths in them understood.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

use drivetrain_contract::{Error, Result};

use crate::profile::{
    Origin,
    assignment::{Assignment, parse},
    settings::Known,
};

/// A profile is a page of text; anything longer is not one.
const MAX_BYTES: u64 = 1 << 20;

/// The text of a profile, from anything that can be read: a shell's `<(…)` is a pipe.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Io`] when it cannot be read, [`drivetrain_contract::ErrorKind::Invalid`] when it
/// is too long or not UTF-8.
pub(crate) fn read_file(path: &Path) -> Result<String> {
    let unreadable = |err| Error::io(format!("cannot read profile `{}`", path.display())).with_source(err);
    let mut bytes = Vec::new();
    // What a device or a pipe will give is known only when it has been read.
    File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::invalid(format!(
            "`{}` has more than {MAX_BYTES} bytes, too long for a profile",
            path.display()
        )));
    }
    String::from_utf8(bytes)
        .map_err(|err| Error::invalid(format!("profile `{}` is not UTF-8", path.display())).with_source(err))
}

/// The text of a profile that nobody named on a command line, which must be a file: to open a pipe may wait for ever.
///
/// # Errors
/// As [`read_file`], and [`drivetrain_contract::ErrorKind::Invalid`] when it is something else.
pub(crate) fn read_regular_file(path: &Path) -> Result<String> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => Err(Error::invalid(format!("profile `{}` is no file", path.display()))),
        _ => read_file(path),
    }
}

/// The settings of the file `path`, whose text is `text`.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Invalid`] with line and column when it is not TOML.
pub(crate) fn parse_file(path: &Path, text: &str) -> Result<Vec<Assignment>> {
    let origin = |line| Origin::File { path: path.to_path_buf(), line };
    let mut assignments = parse(text, &path.display().to_string(), origin)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    for assignment in &mut assignments {
        if let Some(known) = Known::at(&assignment.key) {
            (known.beside)(folder, &mut assignment.value)?;
        }
    }
    Ok(assignments)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tempfile::TempDir;

    use crate::profile::{Layer, Profile};

    use super::*;

    fn build(contents: &[u8]) -> Result<Profile> {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("p.toml");
        fs::write(&path, contents).unwrap();
        Profile::build(&[Layer::file(&path)?])
    }

    fn check_refused(contents: &[u8], expected: &str) {
        let message = build(contents).unwrap_err().to_text();
        assert!(message.contains(expected), "{message:?}");
    }

    #[test]
    fn marks_line_ends_and_emptiness_do_not_matter() {
        for empty in ["", "\u{feff}", "\n", "\r\n", "# nothing"] {
            assert_eq!(build(empty.as_bytes()).unwrap(), Profile::build(&[]).unwrap(), "{empty:?}");
        }
        let profile = build("\u{feff}threads = 2\r\n[pipeline]\r\nwindow = 9\r\n".as_bytes()).unwrap();
        assert_eq!(profile.pipeline.window.value.count().unwrap().get(), 9);
    }

    #[test]
    fn what_is_no_profile_is_refused() {
        check_refused(b"model = \"\xff\"", "is not UTF-8");
        check_refused(b"model = \"a\0b", "p.toml`:1:");
        check_refused(b"threads = 1\rthreads = 2", "p.toml`:1:");
        check_refused(&vec![b'#'; (1 << 20) + 1], "too long for a profile");
        check_refused(format!("{}x = 1", "a.".repeat(200_000)).as_bytes(), "recursion limit");
        let missing = Layer::file(Path::new("/nowhere/p.toml")).unwrap_err();
        assert_eq!(missing.kind(), drivetrain_contract::ErrorKind::Io);
    }

    #[cfg(unix)]
    #[test]
    fn endless_files_end() {
        let message = Layer::file(Path::new("/dev/zero")).unwrap_err().to_string();
        assert!(message.contains("too long"), "{message}");
    }

    /// Quadratic work would take minutes here.
    #[test]
    fn the_longest_profile_is_read_at_once() {
        let mut text = String::from("[backends.e]\n");
        for idx in 0.. {
            if text.len() > (1 << 20) - 16 {
                break;
            }
            text.push_str(&format!("k{idx}=1\n"));
        }
        let started = Instant::now();
        assert!(build(text.as_bytes()).unwrap().backend_config("e").len() > 90_000);
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    }
}
