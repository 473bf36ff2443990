//! The user's own texts.

use std::path::Path;

use drivetrain_contract::{Error, Result};

/// Records of a file that are looked at.
#[cfg(feature = "files")]
const MOST_RECORDS: usize = 50_000;
/// Texts that are kept of those.
#[cfg(feature = "files")]
const MOST_TEXTS: usize = 2048;

/// Texts of a file in any of the formats that are embedded from, evenly spread over its beginning. Empty ones are left
/// out.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Io`] when it cannot be read, [`drivetrain_contract::ErrorKind::Invalid`] when it has
/// no texts.
#[cfg(feature = "files")]
pub(super) fn read(path: &Path) -> Result<Vec<String>> {
    use drivetrain_files::{Input, ReadOptions, Sources};

    let records = Sources::find(vec![Input::Path(path.to_owned())], None)?.read(ReadOptions::default());
    let mut found = Vec::new();
    for record in records.take(MOST_RECORDS) {
        let text = record?.text().to_owned();
        if !text.trim().is_empty() {
            found.push(text);
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
