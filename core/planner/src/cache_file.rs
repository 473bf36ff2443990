//! Records in the cache folder: a JSON file with a version, read whole and written whole.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::Path,
};

use drivetrain_contract::{Error, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tempfile::NamedTempFile;

/// More than any of these files has.
const MAX_BYTES: u64 = 8 << 20;

#[derive(Serialize, Deserialize)]
struct Contents<R> {
    version: u32,
    records: R,
}

/// The records in a file, if there is one.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Io`] when it cannot be read, [`drivetrain_contract::ErrorKind::Invalid`] when it is
/// broken or of another version.
pub fn read<R: DeserializeOwned>(path: &Path, version: u32) -> Result<Option<R>> {
    let label = path.display();
    let Some(bytes) = bytes(path)? else { return Ok(None) };
    let broken = |err| Error::invalid(format!("the records in `{label}` are broken")).with_source(err);
    let contents: Contents<serde_json::Value> = serde_json::from_slice(&bytes).map_err(broken)?;
    if contents.version != version {
        let found = contents.version;
        return Err(Error::invalid(format!("the records in `{label}` are of version {found}, not {version}")));
    }
    serde_json::from_value(contents.records).map(Some).map_err(broken)
}

/// Writes a file, which is there when it is whole. Its folder is made.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Io`] when it cannot be written.
pub fn write(path: &Path, version: u32, records: impl Serialize) -> Result<()> {
    let unwritable = |err| Error::io(format!("cannot write `{}`", path.display())).with_source(err);
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(unwritable)?;
    let text = serde_json::to_vec(&Contents { version, records }).map_err(|err| unwritable(err.into()))?;
    let mut file = NamedTempFile::new_in(folder).map_err(unwritable)?;
    file.write_all(&text).map_err(unwritable)?;
    file.persist(path).map_err(|err| unwritable(err.error))?;
    Ok(())
}

fn bytes(path: &Path) -> Result<Option<Vec<u8>>> {
    let label = path.display();
    let unreadable = |err| Error::io(format!("cannot read the records in `{label}`")).with_source(err);
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Err(Error::invalid(format!("`{label}` is no file"))),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(unreadable(err)),
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    match bytes.len() as u64 <= MAX_BYTES {
        true => Ok(Some(bytes)),
        false => Err(Error::invalid(format!("the records in `{label}` have more than {MAX_BYTES} bytes"))),
    }
}
