//! No unwinding leaves a plugin: panics become errors and poison the handle they came from.

use std::{
    any::Any,
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, Ordering},
};

use drivetrain_contract::{Error, ErrorKind, Result};
use drivetrain_plugin_abi::{DT_OK, DtError};

use crate::error::write_error;

/// What a handle given to the host points to.
pub(crate) struct Handle<T> {
    pub(crate) value: T,
    poisoned: AtomicBool,
}

impl<T> Handle<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value, poisoned: AtomicBool::new(false) }
    }

    /// The flag for [`on_handle`].
    pub(crate) fn poisoned(&self) -> &AtomicBool {
        &self.poisoned
    }

    /// The value and the flag for [`on_handle`], apart.
    pub(crate) fn split(&mut self) -> (&mut T, &AtomicBool) {
        (&mut self.value, &self.poisoned)
    }

    /// Gives the handle to the host, who brings it back to [`Handle::from_raw`].
    pub(crate) fn into_raw<Opaque>(self) -> *mut Opaque {
        Box::into_raw(Box::new(self)).cast()
    }

    /// # Safety
    /// `raw` came from [`Handle::into_raw`] of the same type and is not used again.
    pub(crate) unsafe fn from_raw<Opaque>(raw: *mut Opaque) -> Box<Self> {
        // SAFETY: promised by the caller.
        unsafe { Box::from_raw(raw.cast()) }
    }
}

/// Runs `body` on a handle. A panic is reported once and every later call is refused.
pub(crate) fn on_handle<T>(poisoned: &AtomicBool, err: *mut DtError, body: impl FnOnce() -> Result<T>) -> Option<T> {
    if poisoned.load(Ordering::Acquire) {
        let refusal = Error::new(ErrorKind::Panic, "poisoned by an earlier panic; only destroying it is allowed");
        write_error(err, &refusal);
        return None;
    }
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => Some(value),
        Ok(Err(error)) => {
            write_error(err, &error);
            None
        }
        Err(payload) => {
            poisoned.store(true, Ordering::Release);
            write_error(err, &Error::new(ErrorKind::Panic, panic_text(payload.as_ref())));
            // The payload's own destructor may panic again; leaking it is the lesser evil.
            std::mem::forget(payload);
            None
        }
    }
}

/// Runs `body`, which has no handle yet.
pub(crate) fn without_handle<T>(err: *mut DtError, body: impl FnOnce() -> Result<T>) -> Option<T> {
    on_handle(&AtomicBool::new(false), err, body)
}

/// Drops a handle; a panicking destructor ends here.
pub(crate) fn drop_handle<T>(handle: Box<Handle<T>>) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(handle))) {
        log::error!("panicked while being destroyed: {}", panic_text(payload.as_ref()));
        std::mem::forget(payload);
    }
}

/// The status for the host: what [`write_error`] wrote, or success.
pub(crate) fn status(outcome: Option<()>, err: *mut DtError) -> i32 {
    match outcome {
        Some(()) => DT_OK,
        None => crate::error::code_of(err),
    }
}

thread_local! {
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps the place of a panic for the error text instead of printing it.
pub(crate) fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string);
        LOCATION.with_borrow_mut(|location| *location = place);
    }));
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text.as_str(),
        _ => "no text",
    };
    match LOCATION.with_borrow_mut(Option::take) {
        Some(place) => format!("panicked at {place}: {text}"),
        None => format!("panicked: {text}"),
    }
}
