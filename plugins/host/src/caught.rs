//! Panics of the program's own code in call-backs: no unwinding crosses a plugin, so they wait until its call is over.

use std::{
    any::Any,
    mem,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Mutex, PoisonError},
};

/// The first panic in the call-backs of one call.
#[derive(Default)]
pub(crate) struct Caught(Mutex<Option<Box<dyn Any + Send>>>);

impl Caught {
    /// Runs `body`; a panic is kept, and nothing given.
    pub(crate) fn run<R>(&self, body: impl FnOnce() -> R) -> Option<R> {
        let keep = |payload| {
            let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match &*first {
                None => *first = Some(payload),
                // A payload's destructor may panic in its turn; leaking it is the lesser evil.
                Some(_) => mem::forget(payload),
            }
        };
        catch_unwind(AssertUnwindSafe(body)).map_err(keep).ok()
    }

    /// Goes on with the panic that was kept, if any.
    pub(crate) fn resume(self) {
        if let Some(payload) = self.0.into_inner().unwrap_or_else(PoisonError::into_inner) {
            resume_unwind(payload);
        }
    }
}

/// Runs `body`; a panic ends here, for where there is no call to go on in.
pub(crate) fn swallow<R>(body: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(body)).map_err(mem::forget).ok()
}
