//! What an engine tells its caller while it gets ready.

use std::path::Path;

/// Something worth saying to whoever waits.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The package lacks an artifact the backend reads; it is being made.
    Converting {
        /// Name of the package.
        model: &'a str,
        /// The file that is being written.
        target: &'a Path,
    },
    /// Progress of that.
    ConvertProgress {
        /// Bytes written.
        written_bytes: u64,
        /// Bytes in all.
        total_bytes: u64,
    },
    /// It is done.
    Converted {
        /// The file that was written.
        target: &'a Path,
    },
}
