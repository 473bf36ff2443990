//! The caller's context, lent to a plugin for one call.

use std::ffi::c_void;

use drivetrain_contract::Call;
use drivetrain_plugin_abi::{DtCall, DtStr};

use crate::{caught::Caught, text::text};

/// What the functions of a `DtCall` are asked about.
pub(crate) struct CallContext<'a> {
    call: &'a dyn Call,
    caught: Caught,
}

impl<'a> CallContext<'a> {
    pub(crate) fn new(call: &'a dyn Call) -> Self {
        Self { call, caught: Caught::default() }
    }

    /// The struct for the plugin; valid as long as `self` stays where it is.
    pub(crate) fn raw(&self) -> DtCall {
        DtCall {
            struct_size: size_of::<DtCall>() as u32,
            reserved: 0,
            ctx: std::ptr::from_ref(self).cast_mut().cast(),
            is_cancelled: Some(is_cancelled),
            progress: Some(progress),
            // 0 would mean unlimited, so an expired call has one nanosecond left.
            timeout_ns: self
                .call
                .time_left()
                .map_or(0, |left| u64::try_from(left.as_nanos()).unwrap_or(u64::MAX).max(1)),
        }
    }

    /// Goes on with the panic of the caller's own code, if there was one. The plugin's call must be over, and whatever
    /// it gave be in safe hands.
    pub(crate) fn resume_panic(self) {
        self.caught.resume();
    }
}

unsafe extern "C" fn is_cancelled(ctx: *mut c_void) -> i32 {
    // SAFETY: `ctx` is the context of `CallContext::raw`, which outlives the call; it is `Sync`, as plugins may ask from
    // any thread.
    let Some(context) = (unsafe { ctx.cast::<CallContext<'_>>().as_ref() }) else { return 0 };
    // Who panicked no longer wants a result.
    i32::from(context.caught.run(|| context.call.is_cancelled()).unwrap_or(true))
}

unsafe extern "C" fn progress(ctx: *mut c_void, permille: u32, phase: DtStr) {
    // SAFETY: as above.
    let Some(context) = (unsafe { ctx.cast::<CallContext<'_>>().as_ref() }) else { return };
    context.caught.run(|| {
        // SAFETY: the interface promises text that is valid for the call.
        context.call.progress(permille.min(1000), &unsafe { text(phase) });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_may_be_asked_from_any_thread() {
        fn check<T: Sync>() {}
        check::<CallContext<'_>>();
    }
}
