//! Vectors one after the other, computed ahead on a thread of their own.

use std::{
    iter::FusedIterator,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
};

use drivetrain_contract::{Call, Error, ErrorKind, Result};
use drivetrain_pipeline::{Embedded, Position};

use crate::Engine;

/// Windows of vectors that wait to be taken.
const AHEAD: usize = 1;
/// Texts in the first window, so that the first vector comes soon; each later one is four times as large.
const FIRST_WINDOW: usize = 64;
/// Texts in a window at the most.
const LARGEST_WINDOW: usize = 4096;
/// A number of windows after which a stream's windows have their full size.
const LATER: u64 = 16;

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
        let work = move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| run(&engine, texts, &sender, &stopped)));
            let outcome = outcome.unwrap_or_else(|_| Err(Error::internal("the thread that embeds panicked")));
            if let Err(err) = outcome {
                // Nobody may be listening any more.
                let _ = sender.send(Err(err));
            }
        };
        if let Err(err) = thread::Builder::new().name("drivetrain-iter".to_owned()).spawn(work) {
            // The channel has room for one.
            let _ = failed.send(Err(Error::new(ErrorKind::Busy, "no thread to embed on").with_source(err)));
        }
        Self { windows, window: Vec::new(), taken: 0, dim, stop }
    }
}

/// Embeds a window at a time: between two windows, while their vectors wait to be taken, the engine is free for others.
fn run<T: AsRef<str> + Send + Sync>(
    engine: &Engine,
    mut texts: impl Iterator<Item = T> + Send,
    sender: &SyncSender<Result<Vec<f32>>>,
    stopped: &Stopped,
) -> Result<()> {
    let mut most = FIRST_WINDOW;
    let mut first = 0;
    loop {
        let mut window = Vec::new();
        while window.len() < most {
            stopped.check()?;
            let Some(text) = texts.next() else { break };
            window.push(text);
        }
        if window.is_empty() {
            return Ok(());
        }
        let mut vectors = Vec::with_capacity(window.len() * engine.dim());
        let n_texts = window.len() as u64;
        // A stream that is past its beginning takes all of it at once.
        let from = Position { windows: LATER, texts: first, cost: None };
        let mut take = |embedded: Embedded<'_, T>| {
            vectors.extend_from_slice(embedded.embeddings.as_slice());
            Ok(())
        };
        engine.embed_stream(from, window.into_iter().map(Ok::<T, Error>), &mut take, stopped)?;
        if sender.send(Ok(vectors)).is_err() {
            return Ok(());
        }
        first += n_texts;
        most = (4 * most).min(LARGEST_WINDOW);
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
