//! The host's call context behind the contract's trait.

use std::time::{Duration, Instant};

use drivetrain_contract::{Call, Result};
use drivetrain_plugin_abi::{DtCall, DtStr};

use crate::sized;

/// A call of the host's; lives no longer than the call itself.
pub(crate) struct HostCall {
    raw: Option<DtCall>,
    deadline: Option<Instant>,
}

// SAFETY: the interface lets a plugin ask from any of its threads while the call lasts.
unsafe impl Sync for HostCall {}

impl HostCall {
    /// Null is a call without limits.
    ///
    /// # Safety
    /// `raw` is null or points to a call that lasts as long as the value made here.
    pub(crate) unsafe fn new(raw: *const DtCall) -> Result<Self> {
        if raw.is_null() {
            return Ok(Self { raw: None, deadline: None });
        }
        // SAFETY: promised by the caller.
        let raw = unsafe { sized::read(raw) }?;
        let deadline = match raw.timeout_ns {
            0 => None,
            left => Instant::now().checked_add(Duration::from_nanos(left)),
        };
        Ok(Self { raw: Some(raw), deadline })
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
