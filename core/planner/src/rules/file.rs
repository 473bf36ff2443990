//! Rules as files.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

use drivetrain_contract::{Error, Result};

/// Ten times the longest rules that are shipped. Nobody would read more.
const MAX_BYTES: u64 = 1 << 16;

/// The text of a file.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Io`] when it cannot be read, [`drivetrain_contract::ErrorKind::Invalid`] when it
/// is no file, too long, or not UTF-8.
pub(super) fn read(path: &Path) -> Result<String> {
    let label = path.display();
    let unreadable = |err| Error::io(format!("cannot read the rules `{label}`")).with_source(err);
    // To open a pipe may wait for ever.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(Error::invalid(format!("the rules `{label}` are no file")));
    }
    let mut bytes = Vec::new();
    // The file may grow after its length was asked for.
    File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    check_length(&label.to_string(), bytes.len() as u64)?;
    String::from_utf8(bytes)
        .map_err(|err| Error::invalid(format!("the rules `{label}` are not UTF-8")).with_source(err))
}

/// Refuses what is too long for rules.
pub(super) fn check_length(label: &str, n_bytes: u64) -> Result<()> {
    match n_bytes <= MAX_BYTES {
        true => Ok(()),
        false => Err(Error::invalid(format!("`{label}` has more than {MAX_BYTES} bytes, too long for rules"))),
    }
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::ErrorKind;
    use tempfile::TempDir;

    use super::*;
    use crate::rules::RuleSet;

    #[test]
    fn what_is_no_text_is_refused() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("r.toml");
        let check = |bytes: &[u8], expected: &str| {
            fs::write(&path, bytes).unwrap();
            let err = RuleSet::read(&path).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::Invalid);
            assert!(err.to_text().contains(expected), "{err}");
        };
        check(b"title = \"\xff\"", "are not UTF-8");
        check(&vec![b'#'; MAX_BYTES as usize + 1], "too long for rules");
        check(b"", "`rules` is missing");
        assert_eq!(RuleSet::read(folder.path()).unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(RuleSet::read(&folder.path().join("absent.toml")).unwrap_err().kind(), ErrorKind::Io);
        assert!(RuleSet::parse("text", &"#".repeat(MAX_BYTES as usize + 1)).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn endless_files_are_not_opened() {
        assert!(RuleSet::read(Path::new("/dev/zero")).unwrap_err().to_string().contains("are no file"));
    }
}
