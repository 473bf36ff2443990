//! Write a Drivetrain plugin in Rust without unsafe code.
//!
//! Implement [`contract::Backend`], [`contract::OpenBackend`] and [`contract::Session`], then, in a crate of type
//! `cdylib`:
//!
//! ```ignore
//! drivetrain_plugin::export_backend!(my_engine::MyBackend);
//! ```
//!
//! A program that links the backend instead of loading it submits [`entry`] to
//! `drivetrain_plugin_abi::LinkedPlugin`; both ways go through the same C table.
//!
//! What the macro takes off an author's hands: reading and writing the C structs, checking sizes and names, turning
//! errors into text, catching panics (which poison the handle they came from), and forwarding `log` records to the
//! host.

mod call;
mod error;
mod guard;
mod log_bridge;
mod read;
mod table;
mod thunks;
mod write;

pub use drivetrain_contract as contract;
pub use drivetrain_plugin_abi as abi;
pub use table::entry;

#[doc(hidden)]
pub use log_bridge::prepare_exported;

/// Exports a type that implements [`contract::OpenBackend`] as this library's plugin.
#[macro_export]
macro_rules! export_backend {
    ($backend:ty) => {
        /// The entry of this plugin.
        ///
        /// # Safety
        /// Called by the host with a service table that outlives the library and an error buffer.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn drivetrain_plugin_v1(
            host: *const $crate::abi::DtHost,
            err: *mut $crate::abi::DtError,
        ) -> *const $crate::abi::DtPlugin {
            // SAFETY: the host promises what this function's safety section asks for.
            unsafe {
                $crate::prepare_exported(host);
                $crate::entry::<$backend>(host, err)
            }
        }
    };
}
