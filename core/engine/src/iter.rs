//! Vectors one after the other, computed ahead on a thread of their own.

use std::{
    iter::FusedIterator,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
};

use drivetrain_contract::{Call, Error, Result};
use drivetrain_pipeline::Position;

use crate::Engine;

/// Windows of vectors that wait to be taken.
const AHEAD: usize = 1;

/// An iterator over vectors; made by [`Engine::embed_iter`].
///
/// After an error there are no more. Dropping it stops the work.
#[derive(Debug)]
pub struct EmbedIter {
    windows: Receiver<Result<Vec<f32>>>,
    window: Vec<f32>,
    taken: usize,
    dim: usize,
    stop: Arc<AtomicBool>,
}

impl EmbedIter {
    pub(crate) fn new<T>(engine: Engine, texts: impl Iterator<Item = T> + Send + 'static) -> Self
    where
        T: AsRef<str> + Send + Sync + 'static,
    {
        let (sender, windows) = mpsc::sync_channel(AHEAD);
        let stop = Arc::new(AtomicBool::new(false));
        let (dim, stopped) = (engine.dim(), Stopped(Arc::clone(&stop)));
        let failed = sender.clone();
        let started = thread::Builder::new()
            .name("drivetrain-iter".to_owned())
            .spawn(move || run(&engine, texts, &sender, &stopped));
        if let Err(err) = started {
            // The channel has room for one.
            let _ = failed.send(Err(Error::internal("no thread to embed on").with_source(err)));
        }
        Self { windows, window: Vec::new(), taken: 0, dim, stop }
    }
}

fn run<T: AsRef<str> + Send + Sync>(
    engine: &Engine,
    texts: impl Iterator<Item = T> + Send,
    sender: &SyncSender<Result<Vec<f32>>>,
    stopped: &Stopped,
) {
    let outcome = engine.embed_stream(
        Position::default(),
        texts.map(Ok::<T, Error>),
        &mut |embedded| {
            let window = embedded.embeddings.as_slice().to_vec();
            // Nobody listens any more when the iterator is gone, and then the call is about to say so.
            sender.send(Ok(window)).map_err(|_| Error::internal("the iterator is gone"))
        },
        stopped,
    );
    if let Err(err) = outcome {
        let _ = sender.send(Err(err));
    }
}

impl Iterator for EmbedIter {
    type Item = Result<Vec<f32>>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.taken == self.window.len() {
            // The channel ends with the work, after an error too.
            match self.windows.recv().ok()? {
                Ok(window) => (self.window, self.taken) = (window, 0),
                Err(err) => return Some(Err(err)),
            }
        }
        let vector = self.window[self.taken..][..self.dim].to_vec();
        self.taken += self.dim;
        Some(Ok(vector))
    }
}

impl FusedIterator for EmbedIter {}

impl Drop for EmbedIter {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A call that ends when the iterator is dropped.
struct Stopped(Arc<AtomicBool>);

impl Call for Stopped {
    fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
