//! The user's own texts.

use std::path::Path;

use drivetrain_contract::{Error, Result};

/// Records of a file that are looked at.
#[cfg(feature = "files")]
const MOST_RECORDS: usize = 50_000;
/// Texts that are kept of those.
#[cfg(feature = "files")]
const MOST_TEXTS: usize = 2048;
/// Bytes after which no more is read: a packed file may be far longer than it looks.
#[cfg(feature = "files")]
const MOST_BYTES: usize = 64 << 20;
/// Bytes of a text at the most. No model reads as far, and to cut so much into tokens again and again takes its time.
#[cfg(feature = "files")]
const MOST_TEXT_BYTES: usize = 1 << 20;

/// Texts of a file in any of the formats that are embedded from, evenly spread over its beginning. Empty ones are left
/// out, and a text of more than a mebibyte ends there.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Io`] when it cannot be read, [`drivetrain_contract::ErrorKind::Invalid`] when it is
/// no regular file or has no texts.
#[cfg(feature = "files")]
pub(super) fn read(path: &Path) -> Result<Vec<String>> {
    use drivetrain_files::{Input, ReadOptions, Sources};

    use crate::named_file;

    named_file::check(path)?;
    let records = Sources::find(vec![Input::Path(path.to_owned())], None)?.read(ReadOptions::default());
    let (mut found, mut n_bytes) = (Vec::new(), 0);
    for record in records.take(MOST_RECORDS) {
        // The hint of a job, which leaves lines out, would be of no use.
        let record = record.map_err(|err| {
            Error::new(err.kind(), format!("the sample cannot be read: {}", err.message()))
                .with_hint("every line of a sample has to be text")
        })?;
        let text = &record.text()[..record.text().floor_char_boundary(MOST_TEXT_BYTES)];
        if !text.trim().is_empty() {
            n_bytes += text.len();
            found.push(text.to_owned());
        }
        if n_bytes >= MOST_BYTES {
            break;
        }
    }
    if found.is_empty() {
        return Err(Error::invalid(format!("the sample `{}` has no texts", path.display())));
    }
    let kept = found.len().min(MOST_TEXTS);
    let n = found.len();
    Ok((0..kept).map(|idx| std::mem::take(&mut found[idx * n / kept])).collect())
}

/// Texts of a file cannot be read by a program that was built without files.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Unsupported`] always.
#[cfg(not(feature = "files"))]
pub(super) fn read(path: &Path) -> Result<Vec<String>> {
    let message = format!("the sample `{}` cannot be read: this program was built without files", path.display());
    Err(Error::unsupported(message).with_hint("say `workload.text_length` instead of `workload.sample`"))
}

#[cfg(all(test, feature = "files"))]
mod tests {
    use std::fs;

    use drivetrain_contract::ErrorKind;

    use super::*;

    #[test]
    fn texts_are_spread_over_the_file_and_no_longer_than_they_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("texts.txt");
        let texts: Vec<String> = (0..MOST_TEXTS * 3).map(|idx| format!("text {idx}")).collect();
        fs::write(&path, texts.join("\n\n")).unwrap();
        let found = read(&path).unwrap();
        assert_eq!((found.len(), &*found[0], &*found[MOST_TEXTS - 1]), (MOST_TEXTS, "text 0", "text 6141"));
        fs::write(&path, format!("a{}\nshort\n", "é".repeat(MOST_TEXT_BYTES))).unwrap();
        let found = read(&path).unwrap();
        assert_eq!((found[0].len(), &*found[1]), (MOST_TEXT_BYTES - 1, "short"));
        let long = format!("{}\n", "é".repeat(MOST_TEXT_BYTES / 2)).repeat(MOST_BYTES / MOST_TEXT_BYTES + 3);
        fs::write(&path, long).unwrap();
        assert_eq!(read(&path).unwrap().len(), MOST_BYTES / MOST_TEXT_BYTES);
    }

    #[test]
    fn what_is_no_file_of_texts_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for path in crate::named_file::tests::no_files(folder.path()) {
            assert!(read(&path).unwrap_err().message().contains("no regular file"));
        }
        // A pattern means nothing here.
        fs::write(folder.path().join("a.txt"), "a\n").unwrap();
        assert_eq!(read(&folder.path().join("*.txt")).unwrap_err().kind(), ErrorKind::Io);
        fs::write(folder.path().join("a.txt"), "\n \n").unwrap();
        assert!(read(&folder.path().join("a.txt")).unwrap_err().message().contains("has no texts"));
        fs::write(folder.path().join("a.txt"), [b'a', b'\n', 0xff]).unwrap();
        assert!(read(&folder.path().join("a.txt")).is_err());
    }
}
