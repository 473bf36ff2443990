//! Find, check, load and call plugins.
//!
//! A plugin is a folder with a `plugin.toml` and a shared library, or a backend linked into the program. Both are
//! called through the same C table, so nothing above this crate knows the difference: [`Registry::discover`] lists
//! them, [`Entry::open`] gives a [`drivetrain_contract::Backend`].
//!
//! # What can go wrong, and what happens then
//!
//! A plugin that does not follow the interface is refused with a reason and the process goes on: a broken manifest, a
//! missing file, no entry symbol, a table that is null, too small, absurdly large or made for a newer host. A call that
//! fails, panics, or answers with nonsense is an error of that call. What cannot be contained in one process is a
//! plugin that writes where it must not, or kills the process.
//!
//! A panic in a caller's own [`drivetrain_contract::Call`] does not cross the plugin: the plugin is told to stop, and the
//! panic goes on when its call is over. A logger that panics loses the record.
//!
//! Libraries are never unloaded: engines leave threads and thread-local destructors behind.

mod backend;
mod batch;
mod call;
mod caught;
mod error;
mod library;
mod manifest;
mod model;
mod native;
mod native_report;
mod output;
mod registry;
mod search;
mod services;
mod session;
mod sink;
mod sized;
mod table;
mod text;

pub use backend::PluginBackend;
pub use manifest::{AbiRange, Manifest, NativeLibrary};
pub use native::resolve_native;
pub use native_report::{NativeReport, report_native};
pub use registry::{Entry, OpenOptions, Registry, State};
pub use search::{Origin, SearchPath};
