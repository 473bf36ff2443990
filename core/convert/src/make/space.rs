//! Room on disks, and whether there is enough for what is to be written.

use std::path::Path;

use drivetrain_contract::{Error, Precision, Result};
use drivetrain_package::Package;

use crate::Target;

/// A disk as far as a folder on it is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    /// Bytes that may still be written.
    pub free_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
}

impl DiskSpace {
    /// The disk that a folder is on, or will be once it is made, if the system tells.
    pub fn of(folder: &Path) -> Option<Self> {
        folder.ancestors().find(|folder| folder.exists()).and_then(disk_space)
    }
}

/// What graphs take beside their weights.
const SPARE: u64 = 2 << 20;

/// What a conversion is going to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Needs {
    /// Bytes in the target's folder.
    pub(super) target: u64,
    /// Bytes in the scratch folder, at the most at any time.
    pub(super) scratch: u64,
}

impl Needs {
    /// Estimated from the number of weights.
    ///
    /// # Errors
    /// As [`Package::weights`].
    pub(super) fn of(package: &Package, target: Target, runs_models: bool) -> Result<Self> {
        let weights = package.weights()?;
        let elements = weights.names().filter_map(|name| weights.get(name)).map(|info| info.elements() as u64);
        let in_floats = elements.fold(0, u64::saturating_add).saturating_mul(4);
        let share = match target.precision() {
            Precision::F32 => in_floats,
            Precision::F16 | Precision::Bf16 => in_floats / 2,
            // Weights in 8 bits, and what stays in floats.
            Precision::Int8 => in_floats / 10 * 3,
        };
        let graphs = if runs_models { 2 } else { 0 };
        Ok(Self { target: share, scratch: in_floats.saturating_mul(graphs) })
    }

    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`] where there is too little room; a system that does not tell has enough.
    pub(super) fn check(self, target: &Path, scratch: &Path) -> Result<()> {
        let (in_target, in_scratch) = match is_one_disk(target, scratch) {
            true => (self.target.saturating_add(self.scratch), 0),
            false => (self.target, self.scratch),
        };
        check(target, in_target, free(target))?;
        check(scratch, in_scratch, free(scratch))
    }
}

fn check(folder: &Path, needed: u64, free: Option<u64>) -> Result<()> {
    let needed = needed.saturating_add(SPARE);
    match free {
        Some(free) if free < needed => {
            let (folder, megabytes) = (folder.display(), |bytes: u64| bytes as f64 / 1e6);
            let (needed, free) = (megabytes(needed), megabytes(free));
            let message = format!("`{folder}` has {free:.1} MB left, and about {needed:.1} MB are needed");
            Err(Error::io(message).with_hint("make room, or name a target on another disk with `-o`"))
        }
        _ => Ok(()),
    }
}

/// Bytes that may still be written, if the system tells.
fn free(folder: &Path) -> Option<u64> {
    Some(disk_space(folder)?.free_bytes)
}

#[cfg(unix)]
fn disk_space(folder: &Path) -> Option<DiskSpace> {
    let facts = rustix::fs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(facts.f_frsize);
    // Some network and virtual disks say 0 of everything.
    (facts.f_blocks > 0).then(|| DiskSpace { free_bytes: bytes(facts.f_bavail), total_bytes: bytes(facts.f_blocks) })
}

#[cfg(not(unix))]
fn disk_space(_folder: &Path) -> Option<DiskSpace> {
    None
}

#[cfg(unix)]
fn is_one_disk(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let device = |folder: &Path| std::fs::metadata(folder).ok().map(|facts| facts.dev());
    device(a) == device(b)
}

#[cfg(not(unix))]
fn is_one_disk(_a: &Path, _b: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::ErrorKind;

    use super::*;
    use crate::onnx::Int8Preset;

    #[test]
    fn too_little_room_is_said_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let needs = |target| Needs { target, scratch: 0 }.check(folder.path(), folder.path());
        assert!(needs(1000).is_ok());
        if cfg!(unix) {
            let err = needs(u64::MAX / 2).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::Io);
            assert!(err.to_text().contains("MB are needed") && err.hint().is_some(), "{}", err.to_text());
        }
        assert!(check(folder.path(), u64::MAX, Some(u64::MAX)).is_ok());
        assert!(check(folder.path(), 0, Some(0)).is_err());
        assert!(check(folder.path(), 0, None).is_ok());
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_on_the_disk_of_the_one_it_will_be_in() {
        let folder = tempfile::tempdir().unwrap();
        let total = |folder: &Path| DiskSpace::of(folder).map(|disk| disk.total_bytes);
        assert_eq!(total(&folder.path().join("a/b/c")), total(folder.path()));
        assert_eq!(total(folder.path()).is_some(), cfg!(unix));
        assert_eq!(DiskSpace::of(Path::new("")), None);
    }

    #[test]
    fn smaller_artifacts_need_less() {
        let models = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/models"));
        let package = Package::open(&models.join("bert-mean")).unwrap();
        let of = |target| Needs::of(&package, target, false).unwrap().target;
        assert!(of(Target::Onnx) > of(Target::OnnxFp16));
        assert!(of(Target::OnnxFp16) > of(Target::OnnxInt8(Int8Preset::Avx2)) && of(Target::OpenvinoInt8) > 0);
        assert_eq!(Needs::of(&package, Target::Onnx, true).unwrap().scratch, 2 * of(Target::Onnx));
    }
}
