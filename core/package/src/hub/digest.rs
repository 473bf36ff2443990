//! Checksums as the hub states them.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::Path,
    str::FromStr,
};

use drivetrain_contract::{Call, Error, Result};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::failure::io_error;

/// Bytes that are read at once.
const PIECE: usize = 1 << 18;

/// The checksum of a file, in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Digest {
    /// SHA-256 of the contents: large files, which the hub keeps outside git.
    Sha256(String),
    /// SHA-1 of `blob <length>\0` and the contents: what git calls a file (the object id in "Git Internals").
    GitSha1(String),
}

impl Digest {
    /// What an entity tag or the name of a cached file says: the length tells which of the two it is.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match text.len() {
            64 if is_hex => Some(Self::Sha256(text.to_owned())),
            40 if is_hex => Some(Self::GitSha1(text.to_owned())),
            _ => None,
        }
    }

    /// What an `ETag` header says.
    pub(crate) fn from_etag(header: &str) -> Option<Self> {
        Self::from_hex(header.trim().trim_start_matches("W/").trim_matches('"'))
    }

    /// The checksum of the same kind of the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, and when the caller asks to stop.
    pub(crate) fn of_same_kind(&self, path: &Path, call: &dyn Call) -> Result<Self> {
        match self {
            Self::Sha256(_) => Self::sha256(path, call),
            Self::GitSha1(_) => {
                let length = path.metadata().map_err(|err| io_error("read", path, err))?.len();
                let mut hasher = Sha1::new_with_prefix(format!("blob {length}\0"));
                feed(path, call, |bytes| hasher.update(bytes))?;
                Ok(Self::GitSha1(hex(&hasher.finalize())))
            }
        }
    }

    /// The SHA-256 of the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, and when the caller asks to stop.
    pub(crate) fn sha256(path: &Path, call: &dyn Call) -> Result<Self> {
        let mut hasher = Sha256::new();
        feed(path, call, |bytes| hasher.update(bytes))?;
        Ok(Self::Sha256(hex(&hasher.finalize())))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(hex) => write!(f, "sha256:{hex}"),
            Self::GitSha1(hex) => write!(f, "git-sha1:{hex}"),
        }
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let read = text.split_once(':').and_then(|(_, hex)| Self::from_hex(hex));
        read.filter(|digest| digest.to_string() == text)
            .ok_or_else(|| Error::invalid(format!("`{text}` is not a checksum")))
    }
}

impl TryFrom<String> for Digest {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

fn feed(path: &Path, call: &dyn Call, mut take: impl FnMut(&[u8])) -> Result<()> {
    let mut file = File::open(path).map_err(|err| io_error("read", path, err))?;
    let mut piece = vec![0; PIECE];
    loop {
        call.check()?;
        match file.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(n) => take(&piece[..n]),
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(io_error("read", path, err)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::NoCall;

    use super::*;

    #[test]
    fn checksums_are_those_of_the_standards() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        // The example "abc" of FIPS 180-2, appendix B.1.
        let sha256 = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::sha256(file.path(), &NoCall).unwrap().to_string(), sha256);
        // `printf 'test content\n' | git hash-object --stdin`, the example of "Git Internals – Git Objects".
        std::fs::write(file.path(), "test content\n").unwrap();
        let git: Digest = "git-sha1:d670460b4b4aece5915caf5c68d12f560a9fe3e4".parse().unwrap();
        assert_eq!(git.of_same_kind(file.path(), &NoCall).unwrap(), git);
    }

    #[test]
    fn only_checksums_are_read_as_such() {
        let hex = "0f".repeat(32);
        let digest = Digest::Sha256(hex.clone());
        for etag in [format!("\"{hex}\""), format!("W/\"{hex}\""), hex.clone()] {
            assert_eq!(Digest::from_etag(&etag), Some(digest.clone()), "{etag}");
        }
        assert_eq!(Digest::from_etag("\"d41d8cd98f00b204e9800998ecf8427e-2\""), None);
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        for text in ["", "sha256:", "sha256:0f", &format!("md5:{hex}"), &format!("git-sha1:{hex}"), &hex] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}
