//! Reading, tokenising, running and giving away at the same time, in bounded memory and in the order of the input.
//!
//! ```text
//! texts ─▶ prepare (one thread, helped while tokenising) ─▶ jobs ─▶ lanes (one thread each) ─▶ results ─▶ sink (caller)
//!             ▲                                                                                      │
//!             └──────────────────────── a permit for each window given away ─────────────────────────┘
//! ```
//!
//! Queues need no bound of their own: there are never more windows on the way than permits.

use std::{
    collections::{BTreeMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
};

use drivetrain_contract::{Call, Error, ErrorKind, Result};

use crate::{
    embeddings::Embeddings,
    lane::Lane,
    learned::Learned,
    prepare::{Preparation, Window},
    rest::{Failure, Rest},
};

/// Windows on the way: one being run, one prepared, one being given away.
const WINDOWS: usize = 3;
/// Texts in the first window; each later one is [`GROWTH`] times as large until they are as large as allowed, so that
/// engines begin early and little input is little work.
const FIRST_WINDOW: usize = 256;
/// How many times as large as the one before a window is.
const GROWTH: usize = 4;
/// Bytes of text after which a window is full.
const WINDOW_BYTES: usize = 16 << 20;

/// Where a stream is between two windows. A stream that begins there, with the texts from there on, gives what the one
/// it was taken from would have given.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Position {
    /// Windows before.
    pub windows: u64,
    /// Texts before.
    pub texts: u64,
    /// What was learned of the cost of batches: seconds of a run, of a token, and of a pair of tokens, and the window
    /// from which on it is used.
    pub cost: Option<([f64; 3], u64)>,
    /// The largest batch that the engine managed after it had refused a larger one for want of memory, in tokens,
    /// padding included (bytes of text where the session tokenises by itself); larger ones are cut.
    pub largest_batch: Option<u64>,
}

/// Vectors of some texts, which follow those given before.
#[derive(Debug)]
pub struct Embedded<'a, T> {
    /// Place of the first text among all.
    pub first: u64,
    /// The texts, as they came.
    pub texts: &'a [T],
    /// Their vectors.
    pub embeddings: &'a Embeddings,
    /// Tokens that were run for them, special ones included; 0 where the session tokenises by itself. Texts that came
    /// twice count once.
    pub n_tokens: u64,
    /// Where the stream is after these texts.
    pub next: Position,
}

/// What never changes while a stream runs.
#[derive(Debug)]
pub(crate) struct Shared<'a> {
    pub(crate) preparation: &'a Preparation,
    pub(crate) learned: &'a Learned,
    /// Most texts in a window.
    pub(crate) window: usize,
    /// Threads that tokenise the first window, when no session has work, and the later ones.
    pub(crate) tokenizer_threads: (usize, usize),
    /// Whether one thread does everything.
    pub(crate) alone: bool,
    /// Numbers in each vector.
    pub(crate) dim: usize,
}

/// Windows that were read and not given away, in their order.
type OnTheWay<T> = Mutex<VecDeque<Arc<Window<T>>>>;

/// What ends a stream early.
enum End<E> {
    /// A session failed.
    Session(Error),
    /// Texts cannot be prepared, or vectors not be taken.
    Other(E),
    /// Reading failed; with what, the [`Rest`] keeps.
    Reading,
}

impl<E: From<Error>> From<Error> for End<E> {
    fn from(err: Error) -> Self {
        End::Other(err.into())
    }
}

/// Runs everything there is, and gives the vectors to `sink`. Where a session fails, what has no vectors yet is in `rest`.
pub(crate) fn run<T, E, I>(
    shared: &Shared<'_>,
    lanes: &mut [Lane],
    rest: &mut Rest<T, E, I>,
    sink: &mut dyn FnMut(Embedded<'_, T>) -> Result<(), E>,
    call: &dyn Call,
) -> Result<(), Failure<E>>
where
    T: AsRef<str> + Send + Sync,
    E: From<Error> + Send,
    I: Iterator<Item = Result<T, E>> + Send,
{
    shared.learned.begin(&rest.from).map_err(|err| Failure::Other(err.into()))?;
    let mut next = rest.from;
    let on_the_way = Mutex::new(VecDeque::new());
    let mut sink = |embedded: Embedded<'_, T>| {
        let position = embedded.next;
        sink(embedded)?;
        lock(&on_the_way).pop_front();
        next = position;
        Ok(())
    };
    let Err(end) = run_windows((shared, &on_the_way), lanes, rest, &mut sink, call) else { return Ok(()) };
    Err(match end {
        End::Session(err) => {
            let windows = on_the_way.into_inner().unwrap_or_else(PoisonError::into_inner);
            // Everybody else who had one has ended.
            let windows: Vec<Window<T>> = windows.into_iter().filter_map(Arc::into_inner).collect();
            rest.put_back(windows.into_iter().flat_map(|window| window.texts).collect::<Vec<T>>().into_iter());
            rest.from = next;
            Failure::Session(err)
        }
        End::Other(err) => Failure::Other(err),
        End::Reading => {
            let lost = || Error::internal("reading failed without a reason").into();
            Failure::Other(rest.take_failure().unwrap_or_else(lost))
        }
    })
}

fn run_windows<T, E, I>(
    (shared, on_the_way): (&Shared<'_>, &OnTheWay<T>),
    lanes: &mut [Lane],
    rest: &mut Rest<T, E, I>,
    sink: &mut dyn FnMut(Embedded<'_, T>) -> Result<(), E>,
    call: &dyn Call,
) -> Result<(), End<E>>
where
    T: AsRef<str> + Send + Sync,
    E: From<Error> + Send,
    I: Iterator<Item = Result<T, E>> + Send,
{
    let stop = AtomicBool::new(false);
    let place = (rest.from.windows, rest.from.texts);
    let mut reader =
        Reader { rest, shared, call, on_the_way, stop: &stop, sequence: place.0, first: place.1, begins: place.0 };
    let Some(mut window) = reader.window()? else { return Ok(()) };
    // Where nothing may or could run beside anything else, no thread is started.
    while shared.alone || (window.batches.len() <= 1 && reader.rest.is_empty()) {
        let mut pending = Pending::new(window, shared.dim)?;
        for batch in 0..pending.missing {
            let found = lanes[0].run(&pending.window, batch, (shared.learned, call)).map_err(End::Session)?;
            pending.take(batch, &found);
        }
        pending.give(shared.learned, sink).map_err(End::Other)?;
        match reader.window()? {
            Some(next) => window = next,
            None => return Ok(()),
        }
    }
    run_threads((shared, &stop), lanes, (reader, window), sink, call)
}

fn run_threads<T, E, I>(
    (shared, stop): (&Shared<'_>, &AtomicBool),
    lanes: &mut [Lane],
    (mut reader, window): (Reader<'_, T, E, I>, Arc<Window<T>>),
    sink: &mut dyn FnMut(Embedded<'_, T>) -> Result<(), E>,
    call: &dyn Call,
) -> Result<(), End<E>>
where
    T: AsRef<str> + Send + Sync,
    E: From<Error> + Send,
    I: Iterator<Item = Result<T, E>> + Send,
{
    let first_sequence = window.sequence;
    let (jobs, job_queue) = mpsc::channel();
    let (results, result_queue) = mpsc::channel();
    let (permits, permit_queue) = mpsc::channel();
    for _ in 1..WINDOWS {
        // The receiver is alive: it is used below.
        let _ = permits.send(());
    }
    let job_queue = Mutex::new(job_queue);
    let panicked = &AtomicBool::new(false);
    let outcome = thread::scope(|scope| {
        for lane in lanes {
            let (results, job_queue) = (results.clone(), &job_queue);
            let work = move || work(lane, job_queue, &results, stop, (shared.learned, call));
            thread::Builder::new().name("drivetrain-lane".to_owned()).spawn_scoped(scope, work).map_err(no_thread)?;
        }
        let read = move || {
            let prepared = catch_unwind(AssertUnwindSafe(|| reader.feed(window, &permit_queue, &jobs, &results)));
            let failed = match prepared {
                Ok(Ok(())) => return,
                Ok(Err(end)) => end,
                Err(_) => {
                    panicked.store(true, Ordering::Release);
                    Error::internal("the thread that reads and tokenises panicked").into()
                }
            };
            // The caller may have stopped listening.
            drop(results.send(Found::Failed(reader.sequence, failed)));
        };
        thread::Builder::new().name("drivetrain-read".to_owned()).spawn_scoped(scope, read).map_err(no_thread)?;
        let outcome = collect(&result_queue, &permits, (shared, first_sequence), sink);
        stop.store(true, Ordering::Release);
        // Without permits the reader ends, without the reader there are no more jobs, and without jobs the lanes end.
        drop((permits, result_queue));
        outcome
    });
    match outcome {
        // Nobody knows which texts a reader that panicked had.
        Err(End::Session(err)) if panicked.load(Ordering::Acquire) => Err(err.into()),
        outcome => outcome,
    }
}

fn no_thread(err: std::io::Error) -> Error {
    Error::new(ErrorKind::Busy, "no thread to work on").with_source(err).with_hint("allow the process more threads")
}

/// A batch of a window.
struct Job<T> {
    window: Arc<Window<T>>,
    batch: usize,
}

/// What comes back.
enum Found<T, E> {
    /// Vectors of a batch.
    Vectors(Job<T>, Embeddings),
    /// A window without any batch.
    Nothing(Arc<Window<T>>),
    /// The end of everything, at this window.
    Failed(u64, End<E>),
}

/// Reads texts and prepares windows.
struct Reader<'s, T, E, I: Iterator<Item = Result<T, E>>> {
    rest: &'s mut Rest<T, E, I>,
    shared: &'s Shared<'s>,
    call: &'s dyn Call,
    on_the_way: &'s OnTheWay<T>,
    /// Set when nobody wants more windows.
    stop: &'s AtomicBool,
    sequence: u64,
    first: u64,
    /// The sequence at which this run of the stream began, when no session had work.
    begins: u64,
}

impl<T, E, I> Reader<'_, T, E, I>
where
    T: AsRef<str>,
    E: From<Error>,
    I: Iterator<Item = Result<T, E>>,
{
    /// The next window, or `None` at the end.
    fn window(&mut self) -> Result<Option<Arc<Window<T>>>, End<E>> {
        let mut texts = Vec::new();
        let is_last = match self.fill(&mut texts) {
            Ok(Some(is_last)) => is_last,
            early => {
                self.rest.put_back(texts.into_iter());
                return early.map(|_| None);
            }
        };
        if texts.is_empty() {
            return Ok(None);
        }
        let place = (self.sequence, self.first);
        self.sequence += 1;
        self.first += texts.len() as u64;
        let (at_first, later) = self.shared.tokenizer_threads;
        let threads = if place.0 == self.begins { at_first } else { later };
        let knowledge = (&self.shared.learned.cost, self.call);
        match self.shared.preparation.prepare(place, (texts, is_last), threads, knowledge) {
            Ok(window) => {
                let window = Arc::new(window);
                lock(self.on_the_way).push_back(Arc::clone(&window));
                Ok(Some(window))
            }
            Err((err, texts)) => {
                self.rest.put_back(texts.into_iter());
                Err(err.into())
            }
        }
    }

    /// Reads the texts of a window, and says whether they are the last; `None` when nobody wants them any more.
    fn fill(&mut self, texts: &mut Vec<T>) -> Result<Option<bool>, End<E>> {
        let growth = GROWTH.saturating_pow(u32::try_from(self.sequence).unwrap_or(u32::MAX));
        let most = FIRST_WINDOW.saturating_mul(growth);
        // What is left is better sorted together with this than by itself, where it is not much more.
        let left = self.rest.len().filter(|&left| left <= most.saturating_mul(GROWTH));
        let most = left.unwrap_or(most).min(self.shared.window).max(1);
        let mut bytes = 0;
        while texts.len() < most && bytes < WINDOW_BYTES {
            // Asked for each text: the next one may take its time.
            self.call.check()?;
            if self.stop.load(Ordering::Acquire) {
                return Ok(None);
            }
            let text = match self.rest.next() {
                Some(Ok(text)) => text,
                Some(Err(err)) => {
                    self.rest.fail(err);
                    return Err(End::Reading);
                }
                None => return Ok(Some(true)),
            };
            bytes += text.as_ref().len();
            texts.push(text);
        }
        // Not asked of the texts themselves: the next one may take its time.
        Ok(Some(self.rest.is_known_empty()))
    }

    /// Queues the batches of `window` and of all that follow, one window for each permit.
    fn feed(
        &mut self,
        mut window: Arc<Window<T>>,
        permits: &Receiver<()>,
        jobs: &Sender<Job<T>>,
        results: &Sender<Found<T, E>>,
    ) -> Result<(), End<E>> {
        loop {
            let n_batches = window.batches.len();
            // Where nobody listens any more, `stop` is set or will be.
            if n_batches == 0 {
                drop(results.send(Found::Nothing(Arc::clone(&window))));
            }
            (0..n_batches).for_each(|batch| drop(jobs.send(Job { window: Arc::clone(&window), batch })));
            drop(window);
            if permits.recv().is_err() {
                return Ok(());
            }
            match self.window()? {
                Some(next) => window = next,
                None => return Ok(()),
            }
        }
    }
}

/// Runs jobs until there are no more.
fn work<T, E>(
    lane: &mut Lane,
    jobs: &Mutex<Receiver<Job<T>>>,
    results: &Sender<Found<T, E>>,
    stop: &AtomicBool,
    context: (&Learned, &dyn Call),
) where
    T: AsRef<str>,
    E: From<Error>,
{
    loop {
        let next = lock(jobs).recv();
        let Ok(job) = next else { return };
        if stop.load(Ordering::Acquire) {
            continue;
        }
        let sequence = job.window.sequence;
        let found = catch_unwind(AssertUnwindSafe(|| lane.run(&job.window, job.batch, context)));
        let found = match found.unwrap_or_else(|_| Err(Error::internal("a thread that runs batches panicked"))) {
            Ok(vectors) => Found::Vectors(job, vectors),
            Err(err) => Found::Failed(sequence, End::Session(err)),
        };
        if results.send(found).is_err() {
            return;
        }
    }
}

/// Puts windows together and gives them away in order. A failure ends this when every window before it is given away,
/// so that what was given does not depend on which thread was faster.
fn collect<T, E: From<Error>>(
    results: &Receiver<Found<T, E>>,
    permits: &Sender<()>,
    (shared, mut next): (&Shared<'_>, u64),
    sink: &mut dyn FnMut(Embedded<'_, T>) -> Result<(), E>,
) -> Result<(), End<E>> {
    let mut windows: BTreeMap<u64, Pending<T>> = BTreeMap::new();
    let mut failure: Option<(u64, End<E>)> = None;
    while let Ok(found) = results.recv() {
        let (window, vectors) = match found {
            Found::Failed(sequence, err) => {
                if failure.as_ref().is_none_or(|(earlier, _)| sequence < *earlier) {
                    failure = Some((sequence, err));
                }
                if failure.as_ref().is_some_and(|(sequence, _)| *sequence <= next) {
                    break;
                }
                continue;
            }
            Found::Nothing(window) => (window, None),
            Found::Vectors(job, vectors) => (job.window, Some((job.batch, vectors))),
        };
        let sequence = window.sequence;
        let pending = match windows.remove(&sequence) {
            Some(pending) => pending,
            None => Pending::new(window, shared.dim)?,
        };
        let pending = windows.entry(sequence).or_insert(pending);
        if let Some((batch, vectors)) = vectors {
            pending.take(batch, &vectors);
        }
        while windows.get(&next).is_some_and(Pending::is_whole) {
            if let Some(whole) = windows.remove(&next) {
                whole.give(shared.learned, sink).map_err(End::Other)?;
            }
            next += 1;
            if failure.is_none() {
                // The reader may have come to its end.
                let _ = permits.send(());
            }
        }
        if failure.as_ref().is_some_and(|(sequence, _)| *sequence <= next) {
            break;
        }
    }
    failure.map_or(Ok(()), |(_, err)| Err(err))
}

/// A window some of whose batches are still missing.
struct Pending<T> {
    window: Arc<Window<T>>,
    vectors: Embeddings,
    missing: usize,
}

impl<T> Pending<T> {
    fn new(window: Arc<Window<T>>, dim: usize) -> Result<Self> {
        let (vectors, missing) = (Embeddings::zeroed(window.texts.len(), dim)?, window.batches.len());
        Ok(Self { window, vectors, missing })
    }

    fn is_whole(&self) -> bool {
        self.missing == 0
    }

    fn take(&mut self, batch: usize, vectors: &Embeddings) {
        let members = &self.window.order[self.window.batches[batch].clone()];
        members.iter().zip(vectors.rows()).for_each(|(&idx, vector)| self.vectors.copy_row(idx, vector));
        self.missing -= 1;
    }

    /// Hands the window over, with what its runs have taught.
    fn give<E>(mut self, learned: &Learned, sink: &mut dyn FnMut(Embedded<'_, T>) -> Result<(), E>) -> Result<(), E> {
        for (idx, &original) in self.window.original.iter().enumerate() {
            if original != idx {
                self.vectors.repeat_row(original, idx);
            }
        }
        let Window { sequence, first, texts, n_tokens, .. } = &*self.window;
        let next = learned.position_after(*sequence, WINDOWS as u64, self.window.place(texts.len()));
        sink(Embedded { first: *first, texts, embeddings: &self.vectors, n_tokens: *n_tokens, next })
    }
}

/// Locks; nothing that is done under the lock leaves it half-done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
