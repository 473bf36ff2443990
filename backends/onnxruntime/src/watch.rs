//! Stops a run from another thread when its call is cancelled or late.

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use drivetrain_contract::Call;

/// How often a running call is asked whether to go on.
const POLL: Duration = Duration::from_millis(50);

/// Runs that are expected to take less than this end by themselves sooner than stopping them would take effect.
pub(crate) const WORTH_WATCHING: Duration = Duration::from_millis(200);

/// Does `work`, and calls `stop` once if `call` ends meanwhile.
///
/// The watching thread sleeps between questions and computes nothing. Where none can be started, the work is done
/// unwatched.
pub(crate) fn watched<T>(call: &dyn Call, stop: impl FnOnce() + Send, work: impl FnOnce() -> T) -> T {
    thread::scope(|scope| {
        let (done, ended) = mpsc::channel::<()>();
        let watch = move || {
            while ended.recv_timeout(POLL) == Err(RecvTimeoutError::Timeout) {
                if call.check().is_err() {
                    return stop();
                }
            }
        };
        if let Err(err) = thread::Builder::new().name("onnxruntime-watch".to_owned()).spawn_scoped(scope, watch) {
            log::debug!("a run goes unwatched: {err}");
        }
        let result = work();
        drop(done);
        result
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    };

    use drivetrain_contract::NoCall;

    use super::*;

    struct Cancelled(AtomicBool);
    impl Call for Cancelled {
        fn is_cancelled(&self) -> bool {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn work_that_waits_for_ever_is_stopped() {
        let call = Cancelled(AtomicBool::new(false));
        let (stopped, changed) = (Mutex::new(false), Condvar::new());
        let stop = || {
            *stopped.lock().unwrap() = true;
            changed.notify_all();
        };
        let result = watched(&call, stop, || {
            call.0.store(true, Ordering::Relaxed);
            let wait =
                changed.wait_timeout_while(stopped.lock().unwrap(), Duration::from_secs(20), |stopped| !*stopped);
            *wait.unwrap().0
        });
        assert!(result);
    }

    #[test]
    fn work_that_ends_is_left_alone() {
        assert_eq!(watched(&NoCall, || panic!("stopped"), || 7), 7);
    }
}
