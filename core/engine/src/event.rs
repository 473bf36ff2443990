//! What an engine tells its caller while it gets ready.

use std::path::Path;

use drivetrain_planner::plan::Plan;

/// Something worth saying to whoever waits.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A model comes from the hub.
    Fetching {
        /// Its name: `hf:ORG/NAME`.
        model: &'a str,
        /// The file that comes.
        file: &'a str,
        /// Bytes that are there, of all files.
        bytes: u64,
        /// Bytes in all.
        total: u64,
    },
    /// It is installed.
    Fetched {
        /// Its name: `hf:ORG/NAME`.
        model: &'a str,
        /// The commit it is from now on.
        commit: &'a str,
        /// Its folder.
        folder: &'a Path,
    },
    /// How the model will be run, where the profile leaves the engine open. Said again where that fails, and the next
    /// best is taken.
    Planned(&'a Plan),
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
