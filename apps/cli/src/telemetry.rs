//! ONNX Runtime's telemetry is switched off before the library can be loaded.
//!
//! Its wheels from 1.29 on start a thread and write a device id below the user's cache folder as soon as they are
//! loaded, unless this variable is in the environment before.
#![expect(unsafe_code, reason = "the standard library has no safe way to set a variable of the own process")]

use std::env;

const VARIABLE: &str = "ORT_DISABLE_TELEMETRY";

/// Sets the variable, unless the user has set it to something.
///
/// Must be called before any thread is started.
pub(crate) fn disable() {
    if env::var_os(VARIABLE).is_none_or(|value| value.is_empty()) {
        // SAFETY: `main` calls this first, when the process has no other thread that could read the environment.
        unsafe { env::set_var(VARIABLE, "1") };
    }
}
