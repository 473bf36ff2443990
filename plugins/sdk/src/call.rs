//! The host's call context behind the contract's trait.

use std::time::{Duration, Instant};

use drivetrain_contract::Call;
use drivetrain_plugin_abi::{DtCall, DtStr};

/// A call of the host's; lives no longer than the call itself.
pub(crate) struct HostCall {
    raw: Option<DtCall>,
    deadline: Option<Instant>,
}

// SAFETY: the interface lets a plugin ask from any of its threads while the call lasts.
unsafe impl Sync for HostCall {}

impl HostCall {
    /// # Safety
    /// `raw` is null or points to a call that lasts as long as the value made here.
    pub(crate) unsafe fn new(raw: *const DtCall) -> Self {
        // SAFETY: promised by the caller.
        let raw = unsafe { raw.as_ref() }.filter(|call| call.struct_size as usize >= size_of::<DtCall>()).copied();
        let deadline = raw
            .filter(|call| call.timeout_ns != 0)
            .and_then(|call| Instant::now().checked_add(Duration::from_nanos(call.timeout_ns)));
        Self { raw, deadline }
    }
}

impl Call for HostCall {
    fn is_cancelled(&self) -> bool {
        match &self.raw {
            // SAFETY: the function and its context belong to the call, which is still going on.
            Some(DtCall { ctx, is_cancelled: Some(is_cancelled), .. }) => unsafe { is_cancelled(*ctx) != 0 },
            _ => false,
        }
    }

    fn time_left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    fn progress(&self, permille: u32, phase: &str) {
        if let Some(DtCall { ctx, progress: Some(progress), .. }) = &self.raw {
            // SAFETY: as above; the text is borrowed for the call.
            unsafe { progress(*ctx, permille, DtStr::new(phase)) }
        }
    }
}
