//! Vectors computed ahead on a thread of their own, for whoever takes them one after the other.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use async_channel::{Receiver, Sender};
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

/// Starts embedding `texts`. What comes back ends with the work, after an error too; dropping it stops the work.
pub(crate) fn start<T>(engine: Engine, texts: impl Iterator<Item = T> + Send + 'static) -> Ahead
where
    T: AsRef<str> + Send + Sync + 'static,
{
    let (sender, windows) = async_channel::bounded(AHEAD);
    let stop = Arc::new(AtomicBool::new(false));
    let (dim, stopped) = (engine.dim(), Stopped(Arc::clone(&stop)));
    let failed = sender.clone();
    let work = move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| run(&engine, texts, &sender, &stopped)));
        let outcome = outcome.unwrap_or_else(|_| Err(Error::internal("the thread that embeds panicked")));
        if let Err(err) = outcome {
            // Nobody may be listening any more.
            let _ = sender.send_blocking(Err(err));
        }
    };
    if let Err(err) = thread::Builder::new().name("drivetrain-ahead".to_owned()).spawn(work) {
        // The channel has room for one.
        let _ = failed.try_send(Err(Error::new(ErrorKind::Busy, "no thread to embed on").with_source(err)));
    }
    Ahead { windows, stop: Stop(stop), dim }
}

/// Work that is under way.
#[derive(Debug)]
pub(crate) struct Ahead {
    /// Vectors of one window after the other.
    pub(crate) windows: Receiver<Result<Vec<f32>>>,
    /// Stops the work when it is dropped.
    pub(crate) stop: Stop,
    /// Numbers in each vector.
    pub(crate) dim: usize,
}

/// The vectors of a window that are not taken yet.
#[derive(Debug, Default)]
pub(crate) struct Window {
    vectors: Vec<f32>,
    taken: usize,
}

impl Window {
    pub(crate) fn new(vectors: Vec<f32>) -> Self {
        Self { vectors, taken: 0 }
    }

    /// The next vector of `dim` numbers, if there is one left.
    pub(crate) fn next(&mut self, dim: usize) -> Option<Vec<f32>> {
        let vector = self.vectors[self.taken..].get(..dim)?.to_vec();
        self.taken += dim;
        Some(vector)
    }
}

/// Embeds a window at a time: between two windows, while their vectors wait to be taken, the engine is free for others.
fn run<T: AsRef<str> + Send + Sync>(
    engine: &Engine,
    mut texts: impl Iterator<Item = T> + Send,
    sender: &Sender<Result<Vec<f32>>>,
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
        let from = Position { windows: LATER, texts: first, ..Position::default() };
        let mut take = |embedded: Embedded<'_, T>| {
            vectors.extend_from_slice(embedded.embeddings.as_slice());
            Ok(())
        };
        engine.embed_stream(from, window.into_iter().map(Ok::<T, Error>), &mut take, stopped)?;
        if sender.send_blocking(Ok(vectors)).is_err() {
            return Ok(());
        }
        first += n_texts;
        most = (4 * most).min(LARGEST_WINDOW);
    }
}

/// Asks the work to stop when it is dropped.
#[derive(Debug)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A call that ends when nobody wants the vectors any more.
struct Stopped(Arc<AtomicBool>);

impl Call for Stopped {
    fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
