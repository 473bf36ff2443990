//! How a candidate is run where the profile leaves it open.

use std::num::NonZeroUsize;

use drivetrain_contract::{Capabilities, DeviceKind};

use super::{Shape, candidate::Possible};
use crate::{Goal, Limits, Profile, SpaceLimit, probe::Hardware};

impl Limits {
    /// Bytes of main memory that may be used on a machine, where that is known.
    pub fn memory_bytes(&self, hardware: &Hardware) -> Option<u64> {
        let all = hardware.memory_bytes();
        match self.memory.value {
            SpaceLimit::Auto => hardware.memory_available_bytes().or(all),
            SpaceLimit::Bytes(bytes) => Some(all.map_or(bytes, |all| bytes.min(all))),
            SpaceLimit::Share(share) => all.map(|all| (all as f64 * share) as u64),
        }
    }
}

/// Most bytes of weights that sessions beyond the first may add where the profile does not name their number.
const MORE_WEIGHTS: u64 = 2 << 30;

/// Sessions, threads and batch as the profile has them, and else as they were measured to be best.
pub(super) fn wanted_shape(hardware: &Hardware, profile: &Profile, goal: Goal, possible: &Possible<'_>) -> Shape {
    let cores = hardware.limits.cores.as_ref().map_or(f64::INFINITY, |cores| f64::from(cores.value));
    // Two threads on one core wait for each other's arithmetic.
    let usable = hardware.cpus().map_or(1, |cpus| cpus.min(cores).ceil().max(1.0) as usize);
    let threads = profile.threads.value.resolve(NonZeroUsize::new(usable).unwrap_or(NonZeroUsize::MIN));
    let auto = match goal {
        Goal::Throughput if is_spread(possible) => {
            let room = MORE_WEIGHTS / possible.candidate.file.bytes.max(1);
            NonZeroUsize::MIN.saturating_add(usize::try_from(room).unwrap_or(usize::MAX)).min(threads)
        }
        _ => NonZeroUsize::MIN,
    };
    let sessions = profile.pipeline.sessions.value.resolve(auto).min(threads).get();
    let batch_tokens = profile.pipeline.batch_tokens.value.count().map(NonZeroUsize::get);
    Shape { sessions, threads: threads.get(), batch_tokens }
}

/// Whether sessions side by side are faster than one with all threads: on the processor, where threads that share a run
/// wait for each other.
fn is_spread(possible: &Possible<'_>) -> bool {
    let capabilities = possible.device.capabilities;
    possible.candidate.kind == DeviceKind::Cpu && capabilities.contains(Capabilities::MULTI_INSTANCE)
}
