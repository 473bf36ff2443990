//! What takes vectors in one format.

use drivetrain_contract::Result;

use crate::Rows;

/// A file of vectors that is being written.
pub trait Sink: Send {
    /// Writes rows behind those before.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`] when they cannot be written; the sink can only be dropped then.
    /// [`drivetrain_contract::ErrorKind::Invalid`] for rows of another dimension or with other columns.
    fn append(&mut self, rows: Rows<'_>) -> Result<()>;

    /// Makes everything written so far survive, and gives the length up to which the file can be gone on with; `None`
    /// where the format does not allow that.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`] when the disk fails.
    fn checkpoint(&mut self) -> Result<Option<u64>>;

    /// Completes the file and gives it its own name.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`] when that cannot be done.
    fn finish(self: Box<Self>) -> Result<()>;
}
