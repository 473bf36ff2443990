//! What a caller tells a long operation while it runs: stop, hurry, and where to report progress.

use std::time::Duration;

use crate::{Error, ErrorKind, Result};

/// The context of one call into a backend.
///
/// A backend asks [`Call::check`] wherever it can stop, at least before the work begins.
pub trait Call: Sync {
    /// Whether the caller no longer wants the result.
    fn is_cancelled(&self) -> bool {
        false
    }

    /// Time left until the result is useless; `None` is unlimited.
    fn time_left(&self) -> Option<Duration> {
        None
    }

    /// Takes note of progress: thousandths done and the name of the phase.
    fn progress(&self, _permille: u32, _phase: &str) {}

    /// Fails when the work should stop.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] or [`ErrorKind::Deadline`].
    fn check(&self) -> Result<()> {
        if self.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled by the caller"));
        }
        if self.time_left() == Some(Duration::ZERO) {
            return Err(Error::new(ErrorKind::Deadline, "the time allowed for this call is over"));
        }
        Ok(())
    }
}

/// A call that is never cancelled, has no deadline and reports nowhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCall;

impl Call for NoCall {}

#[cfg(test)]
mod tests {
    use super::*;

    struct Late;
    impl Call for Late {
        fn time_left(&self) -> Option<Duration> {
            Some(Duration::ZERO)
        }
    }

    struct Stopped;
    impl Call for Stopped {
        fn is_cancelled(&self) -> bool {
            true
        }
    }

    #[test]
    fn check_tells_cancellation_from_deadline() {
        assert!(NoCall.check().is_ok());
        assert_eq!(Late.check().unwrap_err().kind(), ErrorKind::Deadline);
        assert_eq!(Stopped.check().unwrap_err().kind(), ErrorKind::Cancelled);
    }
}
