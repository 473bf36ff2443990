//! The blocking form of vectors one after the other.

use std::iter::FusedIterator;

use async_channel::Receiver;
use drivetrain_contract::Result;

use crate::ahead::{Ahead, Stop, Window};

/// An iterator over vectors; made by [`crate::Engine::embed_iter`].
///
/// After an error there are no more. Dropping it stops the work.
#[derive(Debug)]
pub struct EmbedIter {
    windows: Receiver<Result<Vec<f32>>>,
    window: Window,
    dim: usize,
    _stop: Stop,
}

impl EmbedIter {
    pub(crate) fn new(ahead: Ahead) -> Self {
        Self { windows: ahead.windows, window: Window::default(), dim: ahead.dim, _stop: ahead.stop }
    }
}

impl Iterator for EmbedIter {
    type Item = Result<Vec<f32>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(vector) = self.window.next(self.dim) {
                return Some(Ok(vector));
            }
            // The channel ends with the work, after an error too.
            match self.windows.recv_blocking().ok()? {
                Ok(vectors) => self.window = Window::new(vectors),
                Err(err) => return Some(Err(err)),
            }
        }
    }
}

impl FusedIterator for EmbedIter {}
