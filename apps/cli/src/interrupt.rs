//! Ctrl-C and SIGTERM ask the running command to stop; a second one ends the process at once.

use std::{
    io,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use drivetrain::contract::Call;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

/// The signal that asked, or 0.
static ASKED_BY: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// Starts listening.
pub(crate) fn install() {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        if let Err(err) = listen(signal, &asked) {
            log::debug!("signal {signal} is not handled: {err}");
        }
    }
}

/// What happens at a signal happens in this order.
fn listen(signal: i32, asked: &Arc<AtomicBool>) -> io::Result<()> {
    flag::register_conditional_shutdown(signal, code_of(signal), Arc::clone(asked))?;
    flag::register(signal, Arc::clone(asked))?;
    flag::register_usize(signal, Arc::clone(&ASKED_BY), signal as usize)?;
    Ok(())
}

/// Whether the user asked to stop.
pub(crate) fn asked() -> bool {
    ASKED_BY.load(Ordering::SeqCst) != 0
}

/// Exit code after an interruption, as shells have it: 128 and the number of the signal.
pub(crate) fn exit_code() -> u8 {
    let signal = ASKED_BY.load(Ordering::SeqCst);
    code_of(i32::try_from(signal).ok().filter(|&signal| signal != 0).unwrap_or(SIGINT)) as u8
}

fn code_of(signal: i32) -> i32 {
    128 + signal
}

/// A call that ends when the user asks to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interruptible;

impl Call for Interruptible {
    fn is_cancelled(&self) -> bool {
        asked()
    }
}
