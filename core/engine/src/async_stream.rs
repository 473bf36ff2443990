//! The asynchronous form of vectors one after the other, for any executor.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use async_channel::Receiver;
use drivetrain_contract::Result;
use futures_core::Stream;

use crate::ahead::{Ahead, Stop, Window};

/// A stream of vectors; made by [`crate::Engine::embed_async`].
///
/// After an error there are no more. Dropping it stops the work.
#[derive(Debug)]
pub struct EmbedStream {
    windows: Pin<Box<Receiver<Result<Vec<f32>>>>>,
    window: Window,
    dim: usize,
    _stop: Stop,
}

impl EmbedStream {
    pub(crate) fn new(ahead: Ahead) -> Self {
        Self { windows: Box::pin(ahead.windows), window: Window::default(), dim: ahead.dim, _stop: ahead.stop }
    }
}

impl Stream for EmbedStream {
    type Item = Result<Vec<f32>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let dim = self.dim;
            if let Some(vector) = self.window.next(dim) {
                return Poll::Ready(Some(Ok(vector)));
            }
            match ready!(self.windows.as_mut().poll_next(context)) {
                Some(Ok(vectors)) => self.window = Window::new(vectors),
                Some(Err(err)) => return Poll::Ready(Some(Err(err))),
                None => return Poll::Ready(None),
            }
        }
    }
}
