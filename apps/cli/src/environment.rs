//! Variables that engines read once, when they are loaded, and that have to be set before.
#![expect(unsafe_code, reason = "the standard library has no safe way to set a variable of the own process")]

use std::env;

const VARIABLES: [(&str, &str); 2] = [
    // ONNX Runtime's wheels from 1.29 on start a thread and write a device id below the user's cache folder as soon as
    // they are loaded, unless this is set.
    ("ORT_DISABLE_TELEMETRY", "1"),
    // Threads of OpenMP, with which libtorch computes, otherwise spin when they wait and take the processor from other
    // engines of the process. The other engines are told not to through their own interfaces.
    ("OMP_WAIT_POLICY", "passive"),
];

/// Sets the variables, but for those that the user has set to something.
///
/// Must be called before any thread is started.
pub(crate) fn prepare() {
    for (name, value) in VARIABLES {
        if env::var_os(name).is_none_or(|value| value.is_empty()) {
            // SAFETY: `main` calls this first, when the process has no other thread that could read the environment.
            unsafe { env::set_var(name, value) };
        }
    }
}
