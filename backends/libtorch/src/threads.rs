//! Each session's share of the threads.
//!
//! libtorch computes with OpenMP, whose number of threads belongs to the thread that starts a computation, so it is set
//! by the thread that runs a session, before it runs. Threads beyond the caller belong to the caller's own team, which
//! ends with it.

use std::{cell::Cell, panic, sync::Once};

thread_local! {
    /// What this thread was told last; 0 before.
    static SHARE: Cell<usize> = const { Cell::new(0) };
}

/// Lets whatever this thread computes from now on use so many threads, itself included.
pub(crate) fn take(share: usize) {
    one_operation_at_a_time();
    if SHARE.get() == share {
        return;
    }
    // A thread's first computation takes over the number that any thread has set last; asking counts as one.
    let _ = tch::get_num_threads();
    tch::set_num_threads(i32::try_from(share).unwrap_or(i32::MAX));
    SHARE.set(share);
}

/// Keeps TorchScript from starting a thread for each processor to run branches of a graph side by side.
fn one_operation_at_a_time() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if tch::get_num_interop_threads() != 1 {
            // It panics where something else in the process has used these threads already; then they stay as they are.
            if panic::catch_unwind(|| tch::set_num_interop_threads(1)).is_err() {
                log::warn!("libtorch was in use before: branches of a TorchScript file may take threads of their own");
            }
        }
    });
}
