//! Ctrl-C and SIGTERM ask the running command to stop; a second one ends the process at once.

use std::{
    process,
    sync::atomic::{AtomicBool, Ordering},
};

use drivetrain::contract::Call;

static ASKED: AtomicBool = AtomicBool::new(false);

/// Exit code after an interruption, as shells have it: 128 + SIGINT.
pub(crate) const EXIT_CODE: i32 = 130;

/// Starts listening.
pub(crate) fn install() {
    let listening = ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::SeqCst) {
            process::exit(EXIT_CODE);
        }
    });
    if let Err(err) = listening {
        log::debug!("interruptions are not handled: {err}");
    }
}

/// Whether the user asked to stop.
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// A call that ends when the user asks to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interruptible;

impl Call for Interruptible {
    fn is_cancelled(&self) -> bool {
        asked()
    }
}
