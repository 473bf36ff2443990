//! Checking an artifact, by its format.

use std::{
    fs::{self, File},
    io::Cursor,
    path::Path,
};

use drivetrain_contract::{Artifact, ArtifactData, Error, Result, format};

use crate::{ir, onnx};

/// Checks that a graph's files are there, and that an engine can be given them.
///
/// - ONNX: the file is whole; tensors have as many bytes as their shapes say; weights in other files lie inside files
///   that belong to the graph; nothing depends on itself, and inlining every function ends.
/// - OpenVINO IR: the file is XML without a document type; the `.bin` file beside it is as long as the graph says.
/// - Of any other format only that there is a regular file.
///
/// A file belongs to a graph that lies in its folder or deeper, or, where both are links, in the folder where the graph
/// itself is: the hub's cache holds nothing but links into one folder.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::NotFound`] when there is no file, [`drivetrain_contract::ErrorKind::Io`] when it
/// cannot be read, [`drivetrain_contract::ErrorKind::Model`] with the file and the trouble for everything else.
pub fn check(artifact: &Artifact) -> Result<()> {
    let path = match &artifact.data {
        ArtifactData::Static(bytes) if artifact.format == format::ONNX => {
            return onnx::check(Cursor::new(bytes), bytes.len() as u64, &artifact.data.label(), None);
        }
        ArtifactData::Static(_) => return Ok(()),
        ArtifactData::Path(path) => path,
    };
    let metadata = fs::metadata(path)
        .map_err(|err| Error::not_found(format!("no graph at `{}`", path.display())).with_source(err))?;
    if !metadata.is_file() {
        return Err(Error::io(format!("`{}` is not a regular file", path.display())));
    }
    match artifact.format.as_str() {
        format::ONNX => check_onnx(path, metadata.len()),
        format::OPENVINO_IR => ir::check(path),
        _ => Ok(()),
    }
}

fn check_onnx(path: &Path, length: u64) -> Result<()> {
    let file =
        File::open(path).map_err(|err| Error::io(format!("`{}` cannot be read", path.display())).with_source(err))?;
    onnx::check(file, length, &path.display().to_string(), Some(path))
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::{ErrorKind, Precision};

    use super::*;

    #[test]
    fn only_regular_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let artifact = |format: &str, path: &Path| Artifact {
            format: format.to_owned(),
            precision: Precision::F32,
            data: ArtifactData::Path(path.to_owned()),
        };
        for format in [format::ONNX, format::OPENVINO_IR, format::TORCHSCRIPT] {
            let kind = |path: &Path| check(&artifact(format, path)).unwrap_err().kind();
            assert_eq!(kind(&folder.path().join("none")), ErrorKind::NotFound);
            assert_eq!(kind(folder.path()), ErrorKind::Io);
            #[cfg(unix)]
            assert_eq!(kind(Path::new("/dev/zero")), ErrorKind::Io);
        }
        let other = folder.path().join("model.pt");
        fs::write(&other, "anything").unwrap();
        assert!(check(&artifact(format::TORCHSCRIPT, &other)).is_ok());
    }
}
