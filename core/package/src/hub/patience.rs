//! Trying again: a few times, with growing pauses, for as long as the caller wants.

use std::{
    thread,
    time::{Duration, Instant},
};

use drivetrain_contract::{Call, Result};

use super::{failure::Failure, settings::Patience};

/// How long a pause goes on before it is looked whether the caller still waits.
const NAP: Duration = Duration::from_millis(50);

/// Counts attempts that came to nothing.
#[derive(Debug)]
pub(crate) struct Retries<'a> {
    patience: &'a Patience,
    failed: u32,
}

impl<'a> Retries<'a> {
    pub(crate) fn new(patience: &'a Patience) -> Self {
        Self { patience, failed: 0 }
    }

    /// Something came through: the count begins again.
    pub(crate) fn progressed(&mut self) {
        self.failed = 0;
    }

    /// Waits before another attempt.
    ///
    /// # Errors
    /// The failure itself when another attempt is of no use or there have been enough, or the hub asks for more time
    /// than there is; and when the caller asks to stop.
    pub(crate) fn wait(&mut self, failure: Failure, call: &dyn Call) -> Result<()> {
        // Whatever failed because the caller stopped is reported as that.
        call.check()?;
        let (error, after) = match failure {
            Failure::Final(error) => return Err(error),
            Failure::Passing { error, after } => (error, after),
        };
        let doubled = self.patience.first_pause.saturating_mul(1 << self.failed.min(16));
        let pause = after.unwrap_or(doubled.min(self.patience.longest_pause));
        if self.failed >= self.patience.retries || pause > self.patience.longest_pause {
            return Err(error);
        }
        self.failed += 1;
        log::info!("{}; trying again in {:.1} s", error.to_text(), pause.as_secs_f64());
        sleep(pause, call)
    }
}

/// Sleeps, in naps.
///
/// # Errors
/// When the caller asks to stop.
pub(crate) fn sleep(pause: Duration, call: &dyn Call) -> Result<()> {
    let end = Instant::now() + pause;
    loop {
        call.check()?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(NAP));
    }
}
