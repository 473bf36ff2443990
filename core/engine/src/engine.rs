//! A model that is ready to embed.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
};

use drivetrain_contract::{Call, Error, ErrorKind, MemoryUse, NoCall, Precision, Result, Session};
use drivetrain_package::Package;
use drivetrain_pipeline::{Embedded, Embedder, Embeddings, Failure, Position, Rest};
use drivetrain_planner::Profile;
use futures_core::Stream;
use futures_lite::stream;

use crate::{EmbedIter, EmbedStream, EngineBuilder, ahead, spare::Spare};

/// A model on a device of a backend, ready to embed.
///
/// A clone is another handle on the same sessions. Calls from several threads take turns: what runs at the same time is
/// the batches of one call, on as many sessions as there are. Where the engine breaks while it runs (a device that is lost,
/// an error inside of it), the next best of the plan takes over, with a warning, unless the profile names the backend or is
/// frozen: a stream goes on where it was, and [`Engine::embed`] begins anew. What is called during a call (the texts and the sink of
/// [`Engine::embed_stream`], the body of [`Engine::with_session`]) must not call the engine again: on the same thread
/// that is an error, on another one it waits for the end of the call that waits for it.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    works: Mutex<Works>,
    /// The thread whose turn it is.
    holder: Mutex<Option<ThreadId>>,
    package: Package,
    running: Mutex<Running>,
    dim: usize,
}

/// What embeds, and what does if that is lost.
struct Works {
    /// What embeds, or what the last engine there was broke with.
    embedder: std::result::Result<Embedder, (ErrorKind, String)>,
    spare: Option<Spare>,
}

/// What runs where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Name of the package.
    pub model: String,
    /// Id of the backend.
    pub backend: String,
    /// Id of the device.
    pub device: String,
    /// Precision it computes in.
    pub precision: Precision,
    /// Threads of all sessions together.
    pub threads: usize,
    /// Sessions that run side by side.
    pub sessions: usize,
    /// Version of the engine behind the backend, where it has one.
    pub engine_version: Option<String>,
    /// The file that was loaded; `None` for one in memory.
    pub file: Option<PathBuf>,
}

impl Engine {
    pub(crate) fn new(embedder: Embedder, package: Package, running: Running, spare: Option<Spare>) -> Self {
        let dim = embedder.dim();
        Self {
            shared: Arc::new(Shared {
                works: Mutex::new(Works { embedder: Ok(embedder), spare }),
                holder: Mutex::new(None),
                package,
                running: Mutex::new(running),
                dim,
            }),
        }
    }

    /// Opens what a profile describes, with folders as the environment names them and the package's default prompt.
    ///
    /// # Errors
    /// As [`EngineBuilder::build`].
    pub fn from_profile(profile: &Profile) -> Result<Self> {
        Self::builder(profile).build()
    }

    /// The same with more to choose.
    pub fn builder(profile: &Profile) -> EngineBuilder<'_> {
        EngineBuilder::new(profile)
    }

    /// The vectors of `texts`, `[n, dim]`, in their order.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Model`] when a vector comes out with NaN or infinity, and what the backend
    /// fails with.
    pub fn embed<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<Embeddings> {
        self.embed_with(texts, &NoCall)
    }

    /// The same, with a context that can stop it.
    ///
    /// # Errors
    /// As [`Engine::embed`], and when the context says so.
    pub fn embed_with<S: AsRef<str> + Sync>(&self, texts: &[S], call: &dyn Call) -> Result<Embeddings> {
        let mut turn = self.turn()?;
        loop {
            match turn.works.embedder()?.try_embed(texts, call) {
                Err(Failure::Session(err)) if turn.works.can_replace(&err) => {
                    self.replace(&mut turn.works, (err, call))?;
                }
                outcome => return outcome.map_err(Failure::into_error),
            }
        }
    }

    /// Gives the vectors of everything `texts` gives to `sink`, in order and in bounded memory: see
    /// [`Embedder::embed_stream`].
    ///
    /// # Errors
    /// As [`Engine::embed`], and those of `texts` and `sink`.
    pub fn embed_stream<T, E>(
        &self,
        from: Position,
        texts: impl Iterator<Item = Result<T, E>> + Send,
        sink: &mut dyn FnMut(Embedded<'_, T>) -> Result<(), E>,
        call: &dyn Call,
    ) -> Result<(), E>
    where
        T: AsRef<str> + Send + Sync,
        E: From<Error> + Send,
    {
        let mut turn = self.turn()?;
        let mut rest = Rest::new(from, texts);
        loop {
            match turn.works.embedder()?.embed_rest(&mut rest, sink, call) {
                Err(Failure::Session(err)) if turn.works.can_replace(&err) => {
                    self.replace(&mut turn.works, (err, call))?;
                    rest.for_another_embedder();
                }
                outcome => return outcome.map_err(Failure::into_error),
            }
        }
    }

    /// The vector of each of `texts`, one after the other, computed ahead on a thread of its own: 64 texts and then more at a
    /// time, so that whoever gives them must not wait for vectors in between.
    ///
    /// ```
    /// # fn main() -> drivetrain::Result<()> {
    /// # use drivetrain::{Engine, Locations, Profile};
    /// # let place = std::env::temp_dir().join("drivetrain-doc-iter");
    /// # let locations = Locations::new(place.join("data"), place.join("cache"));
    /// # let profile = Profile::build(&[])?;
    /// let engine = Engine::builder(&profile).locations(locations).build()?;
    /// for vector in engine.embed_iter(["one text", "and another"]) {
    ///     println!("{:?}", &vector?[..3]);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn embed_iter<I>(&self, texts: I) -> EmbedIter
    where
        I: IntoIterator,
        I::IntoIter: Send + 'static,
        I::Item: AsRef<str> + Send + Sync + 'static,
    {
        EmbedIter::new(ahead::start(self.clone(), texts.into_iter()))
    }

    /// The same for asynchronous programs: texts come from a stream, and vectors go into one. Neither blocks its
    /// executor: the engine works on threads of its own, one of which polls `texts`. It waits for 64 of them, or for their
    /// end, before the first vectors come.
    ///
    /// ```
    /// # fn main() -> drivetrain::Result<()> {
    /// # use drivetrain::{Engine, Locations, Profile};
    /// # use futures_lite::{StreamExt, future, stream};
    /// # let place = std::env::temp_dir().join("drivetrain-doc-async");
    /// # let locations = Locations::new(place.join("data"), place.join("cache"));
    /// # let profile = Profile::build(&[])?;
    /// let engine = Engine::builder(&profile).locations(locations).build()?;
    /// future::block_on(async {
    ///     let mut vectors = engine.embed_async(stream::iter(["one text", "and another"]));
    ///     while let Some(vector) = vectors.next().await {
    ///         println!("{:?}", &vector?[..3]);
    ///     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn embed_async<S>(&self, texts: S) -> EmbedStream
    where
        S: Stream + Send + 'static,
        S::Item: AsRef<str> + Send + Sync + 'static,
    {
        EmbedStream::new(ahead::start(self.clone(), stream::block_on(Box::pin(texts))))
    }

    /// Length of the vectors.
    pub fn dim(&self) -> usize {
        self.shared.dim
    }

    /// What runs where now: another engine than before, where that was lost.
    pub fn running(&self) -> Running {
        held(&self.shared.running).clone()
    }

    /// The model's package.
    pub fn package(&self) -> &Package {
        &self.shared.package
    }

    /// Memory of all sessions together.
    ///
    /// # Errors
    /// When a session cannot tell.
    pub fn memory(&self) -> Result<MemoryUse> {
        self.turn()?.works.embedder()?.memory()
    }

    /// Gives back what memory can be had again.
    ///
    /// # Errors
    /// What a session that fails says.
    pub fn trim(&self) -> Result<()> {
        self.turn()?.works.embedder()?.trim()
    }

    /// Calls `body` with the first session, to run it directly. Others wait meanwhile.
    ///
    /// # Errors
    /// What `body` fails with.
    pub fn with_session<R>(&self, body: impl FnOnce(&mut dyn Session) -> Result<R>) -> Result<R> {
        body(self.turn()?.works.embedder()?.session_mut())
    }

    /// Lets the next best take over from what failed with `err`.
    ///
    /// # Errors
    /// `err`, where there is none.
    fn replace(&self, works: &mut Works, (err, call): (Error, &dyn Call)) -> Result<()> {
        let Some(mut spare) = works.spare.take() else { return Err(err) };
        // Two models may be too large for one memory.
        works.embedder = Err((err.kind(), err.message().to_owned()));
        match spare.take_over(err, self.shared.dim, call) {
            Ok((embedder, running)) => {
                *works = Works { embedder: Ok(embedder), spare: Some(spare) };
                *held(&self.shared.running) = running;
                Ok(())
            }
            Err(err) => {
                works.embedder = Err((err.kind(), err.message().to_owned()));
                Err(err)
            }
        }
    }

    /// Waits for this thread's turn, unless it has it already, which would be for ever.
    fn turn(&self) -> Result<Turn<'_>> {
        let (shared, current) = (&*self.shared, thread::current().id());
        if *held(&shared.holder) == Some(current) {
            return Err(Error::new(ErrorKind::Busy, "the engine is called from within a call of it")
                .with_hint("collect what it gives first, or build a second engine"));
        }
        let works = held(&shared.works);
        *held(&shared.holder) = Some(current);
        Ok(Turn { works, holder: &shared.holder })
    }
}

impl Works {
    fn embedder(&mut self) -> Result<&mut Embedder> {
        self.embedder.as_mut().map_err(|(kind, message)| {
            Error::new(*kind, format!("the engine broke before: {message}")).with_hint("open the model again")
        })
    }

    /// Whether the engine is lost, and another may take over: an engine that broke is, and not what it was given.
    fn can_replace(&self, err: &Error) -> bool {
        use ErrorKind::{DeviceLost, Internal, Panic};
        self.spare.is_some() && matches!(err.kind(), DeviceLost | Internal | Panic)
    }
}

/// A thread's turn.
struct Turn<'a> {
    works: MutexGuard<'a, Works>,
    holder: &'a Mutex<Option<ThreadId>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *held(self.holder) = None;
    }
}

/// Locks; a panic leaves nothing half-done behind, since every call begins with buffers of its own.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("running", &self.running()).field("dim", &self.shared.dim).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_can_be_shared_between_threads() {
        fn check<T: Send + Sync + Clone>() {}
        check::<Engine>();
    }
}
