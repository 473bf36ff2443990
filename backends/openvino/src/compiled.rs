//! A compiled model, which the sessions of a group have together.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::native::CompiledModel;

/// A compiled model.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// The engine's own.
    pub(crate) model: CompiledModel,
    /// Whether one session has it for itself, and runs it once at a time.
    pub(crate) is_alone: bool,
    spoilt: AtomicBool,
}

impl Compiled {
    /// A model just compiled.
    pub(crate) fn new(model: CompiledModel, is_alone: bool) -> Self {
        Self { model, is_alone, spoilt: AtomicBool::new(false) }
    }

    /// Whether it is to be compiled anew before it is run again.
    pub(crate) fn is_spoilt(&self) -> bool {
        self.spoilt.load(Ordering::Acquire)
    }

    /// No session runs it from now on.
    pub(crate) fn spoil(&self) {
        self.spoilt.store(true, Ordering::Release);
    }
}
