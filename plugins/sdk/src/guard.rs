//! No unwinding leaves a plugin: panics become errors and poison the handle they came from.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind},
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

/// Runs `body` on a handle and gives the status. A panic is reported once and every later call is refused.
///
/// # Safety
/// `err` is null or an error buffer of the host's.
pub(crate) unsafe fn on_handle(poisoned: &AtomicBool, err: *mut DtError, body: impl FnOnce() -> Result<()>) -> i32 {
    // SAFETY: promised by the caller, here and below.
    let report = |error: &Error| unsafe { write_error(err, error) };
    if poisoned.load(Ordering::Acquire) {
        return report(&Error::new(ErrorKind::Panic, "poisoned by an earlier panic; only destroying it is allowed"));
    }
    // The error is put into words and dropped in there too: its causes are foreign types, whose code may panic.
    let outcome = contained(|| match body() {
        Ok(()) => DT_OK,
        Err(error) => report(&error),
    });
    outcome.unwrap_or_else(|text| {
        poisoned.store(true, Ordering::Release);
        report(&Error::new(ErrorKind::Panic, text))
    })
}

/// Runs `body`, which has no handle yet.
///
/// # Safety
/// As [`on_handle`].
pub(crate) unsafe fn without_handle(err: *mut DtError, body: impl FnOnce() -> Result<()>) -> i32 {
    // SAFETY: promised by the caller.
    unsafe { on_handle(&AtomicBool::new(false), err, body) }
}

/// Drops a handle; a panicking destructor ends here.
pub(crate) fn drop_handle<T>(handle: Box<Handle<T>>) {
    if let Err(text) = contained(|| drop(handle)) {
        // A linked backend shares the program's logger, which may panic in its turn; then there is nobody to tell.
        let _ = contained(|| log::error!("{text} while being destroyed"));
    }
}

thread_local! {
    /// Whether this thread is inside a call of the host's, so that a panic will be reported as the call's error.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    /// Where the last panic inside such a call happened.
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `body`; a panic comes back as text.
fn contained<R>(body: impl FnOnce() -> R) -> Result<R, String> {
    // The place of a panic that the plugin itself caught must not be told of another.
    take_location();
    let before = INSIDE.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(body));
    INSIDE.set(before);
    outcome.map_err(|payload| {
        let text = panic_text(payload.as_ref(), take_location());
        // The payload's own destructor may panic again; leaking it is the lesser evil.
        std::mem::forget(payload);
        text
    })
}

/// Keeps the place of a panic for the error text instead of printing it. On the plugin's own threads, where no call
/// will report it, the panic goes to the log.
pub(crate) fn install_panic_hook() {
    std::panic::set_hook(Box::new(on_panic));
}

fn on_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string);
    if INSIDE.get() {
        // Only a thread whose local values are gone already cannot take it; then the text goes without a place.
        let _ = LOCATION.try_with(|location| location.replace(place));
    } else {
        log::error!("a thread of the plugin {}", panic_text(info.payload(), place));
    }
}

fn take_location() -> Option<String> {
    LOCATION.try_with(RefCell::take).ok().flatten()
}

fn panic_text(payload: &(dyn Any + Send), place: Option<String>) -> String {
    let text = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text.as_str(),
        _ => "no text",
    };
    match place {
        Some(place) => format!("panicked at {place}: {text}"),
        None => format!("panicked: {text}"),
    }
}
