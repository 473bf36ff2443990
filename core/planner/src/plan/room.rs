//! Room on the disk for files that are still to be made.

use serde::Serialize;

use super::{ModelFile, Reason};
use crate::{Limits, SpaceLimit};

/// The disk where files of a model are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Room {
    /// Bytes that may still be written.
    pub free_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
}

impl Limits {
    /// Bytes that a file which is made may take: never more than there are left on the disk. `None` where nothing is said
    /// and nothing is known of the disk.
    pub fn disk_bytes(&self, room: Option<Room>) -> Option<u64> {
        let allowed = match self.disk.value {
            SpaceLimit::Auto => None,
            SpaceLimit::Bytes(bytes) => Some(bytes),
            SpaceLimit::Share(share) => room.map(|room| (room.total_bytes as f64 * share) as u64),
        };
        allowed.into_iter().chain(room.map(|room| room.free_bytes)).min()
    }

    /// Why a file cannot be made, if it would take more than it may.
    pub(super) fn refuses_file(&self, file: &ModelFile, room: Option<Room>) -> Option<Reason> {
        file.target.as_ref()?;
        let most = self.disk_bytes(room).filter(|&most| most < file.bytes)?;
        let setting = format!("`limits.disk` is `{}` ({})", self.disk.value, self.disk.origin);
        // Where the disk itself is full, no setting helps.
        let is_full = room.is_some_and(|room| room.free_bytes < file.bytes);
        Some(Reason::Disk { needs: file.bytes, most, setting, is_full })
    }
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::{Precision, format};

    use super::*;
    use crate::{Layer, Profile};

    const MIB: u64 = 1 << 20;

    fn check(limit: &str, free: Option<u64>, (target, bytes): (Option<&str>, u64), expect: Option<(u64, bool)>) {
        let limits = Profile::build(&[Layer::text(&format!("limits.disk = {limit}")).unwrap()]).unwrap().limits;
        let file = ModelFile {
            format: format::ONNX.to_owned(),
            precision: Precision::F32,
            path: "onnx/model.onnx".to_owned(),
            bytes,
            target: target.map(str::to_owned),
        };
        let room = free.map(|free_bytes| Room { free_bytes, total_bytes: 1000 * MIB });
        match (limits.refuses_file(&file, room), expect) {
            (Some(Reason::Disk { needs, most, setting, is_full }), Some(expect)) => {
                assert_eq!((needs, (most, is_full)), (bytes, expect), "{limit}");
                assert!(setting.starts_with("`limits.disk` is `") && setting.contains("program"), "{setting}");
            }
            (found, expect) => assert_eq!((found, expect), (None, None), "{limit}, {free:?}"),
        }
    }

    #[test]
    fn what_is_made_is_no_larger_than_it_may_be() {
        let made = (Some("onnx"), 90 * MIB);
        check("\"auto\"", Some(100 * MIB), made, None);
        check("\"auto\"", Some(90 * MIB), made, None);
        check("\"auto\"", Some(80 * MIB), made, Some((80 * MIB, true)));
        check("\"auto\"", None, made, None);
        check("\"10MiB\"", Some(100 * MIB), made, Some((10 * MIB, false)));
        check("\"10MiB\"", None, made, Some((10 * MIB, false)));
        check("\"10MiB\"", Some(5 * MIB), made, Some((5 * MIB, true)));
        check("\"100%\"", Some(100 * MIB), made, None);
        check("\"5%\"", Some(100 * MIB), made, Some((50 * MIB, false)));
        check("\"5%\"", None, made, None);
        check("1", Some(0), (None, 90 * MIB), None);
    }
}
