//! Texts to vectors with one package and its sessions.

use std::{fmt, num::NonZeroUsize};

use drivetrain_contract::{Call, Error, MemoryUse, Result, Session, SessionInfo};
use drivetrain_package::{Package, Pooling};

use crate::{
    EmbedOptions, Embedded, Embeddings, Failure, Position, Rest,
    encode::Encoder,
    finish::Finish,
    lane::{Feed, Lane, TokenFeed},
    learned::Learned,
    pack::BatchLimits,
    prepare::Preparation,
    route::{InputKind, Route, check_package},
    stream::{self, Shared},
    token_buffers::TokenBuffers,
    tokenize::TextTokenizer,
};

/// Turns texts into vectors as sentence-transformers does with the same package.
///
/// A session is used in the best way it offers: text if it tokenises by itself, else tokens; pooled in its graph if
/// that gives `sentence_embedding`, else pooled here from `last_hidden_state`. A package that leaves its prompt out of
/// pooling needs the latter whenever there is a prompt.
///
/// With several sessions batches are run side by side; the vectors are the same.
pub struct Embedder {
    preparation: Preparation,
    lanes: Vec<Lane>,
    learned: Learned,
    options: EmbedOptions,
    dim: usize,
}

impl Embedder {
    /// Joins a package and a session made for it, and checks everything that can be checked before the first text.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] for an unknown prompt name (the known ones are listed), a
    /// `truncate_dim` of 0 or above the vectors' dimension, and a prompt that fills the model's token limit;
    /// [`drivetrain_contract::ErrorKind::Unsupported`] for a package that does not embed or has modules nothing here
    /// runs, and for a session whose inputs and outputs do not serve it; [`drivetrain_contract::ErrorKind::Model`] for
    /// broken files and for a session that contradicts the package.
    pub fn new(package: &Package, session: Box<dyn Session>, options: &EmbedOptions) -> Result<Self> {
        Self::with_sessions(package, vec![session], options)
    }

    /// The same with several sessions of one kind, which run side by side.
    ///
    /// # Errors
    /// As [`Embedder::new`], and [`drivetrain_contract::ErrorKind::Invalid`] without a session or with sessions that
    /// differ in what they take and give.
    pub fn with_sessions(package: &Package, sessions: Vec<Box<dyn Session>>, options: &EmbedOptions) -> Result<Self> {
        Draft::new(package, options)?.join(package, sessions)
    }

    /// Numbers in each vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The vectors of `texts`, `[texts.len(), dim]`, in their order.
    ///
    /// A text without a single token, which only a tokenizer without special tokens leaves so, has a vector of zeros.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Model`] when a vector has numbers that are not finite (the text's index is
    /// named) or the session's output has another shape than the package says,
    /// [`drivetrain_contract::ErrorKind::Unsupported`] for a text longer than the session takes,
    /// [`drivetrain_contract::ErrorKind::OutOfMemory`] when the vectors do not fit into memory, and those of the session
    /// and the call.
    pub fn embed<S: AsRef<str>>(&mut self, texts: &[S], call: &dyn Call) -> Result<Embeddings> {
        self.try_embed(texts, call).map_err(Failure::into_error)
    }

    /// The same, with whose error it is.
    ///
    /// # Errors
    /// As [`Embedder::embed`].
    pub fn try_embed<S: AsRef<str>>(&mut self, texts: &[S], call: &dyn Call) -> Result<Embeddings, Failure<Error>> {
        call.check().map_err(Failure::Other)?;
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        let mut out = Embeddings::zeroed(texts.len(), self.dim).map_err(Failure::Other)?;
        let mut rows = 0;
        self.embed_rest(
            &mut Rest::new(Position::default(), texts.iter().map(|text| Ok::<&str, Error>(text))),
            &mut |embedded| {
                for vector in embedded.embeddings.rows() {
                    out.copy_row(rows, vector);
                    rows += 1;
                }
                call.progress((rows * 1000 / texts.len()) as u32, "embed");
                Ok(())
            },
            call,
        )?;
        Ok(out)
    }

    /// Gives the vectors of everything `texts` gives to `sink`, in order, a window of texts at a time.
    ///
    /// Reading, tokenising, running and `sink` overlap, so `texts` is read on a thread of its own; `sink` is called on
    /// this one. Memory does not grow with the number of texts. `from` is where an earlier stream stopped whose remaining
    /// texts these are, or the default at the beginning. The first error, of `texts`, of `sink` or of the work
    /// between them, ends the stream; what `sink` was given before stays valid.
    ///
    /// # Errors
    /// As [`Embedder::embed`], and those of `texts` and `sink`.
    pub fn embed_stream<T, E>(
        &mut self,
        from: Position,
        texts: impl Iterator<Item = Result<T, E>> + Send,
        sink: &mut dyn FnMut(Embedded<'_, T>) -> Result<(), E>,
        call: &dyn Call,
    ) -> Result<(), E>
    where
        T: AsRef<str> + Send + Sync,
        E: From<Error> + Send,
    {
        self.embed_rest(&mut Rest::new(from, texts), sink, call).map_err(Failure::into_error)
    }

    /// The same for what a stream still has to do. Where a session fails, `rest` is what has no vectors yet, and another
    /// embedder of the same model can go on with it.
    ///
    /// # Errors
    /// As [`Embedder::embed_stream`], and whose error it is.
    pub fn embed_rest<T, E, I>(
        &mut self,
        rest: &mut Rest<T, E, I>,
        sink: &mut dyn FnMut(Embedded<'_, T>) -> Result<(), E>,
        call: &dyn Call,
    ) -> Result<(), Failure<E>>
    where
        T: AsRef<str> + Send + Sync,
        E: From<Error> + Send,
        I: Iterator<Item = Result<T, E>> + Send,
    {
        let threads = self.options.threads.get();
        let shared = Shared {
            preparation: &self.preparation,
            learned: &self.learned,
            window: self.options.window,
            tokenizer_threads: self.options.tokenizer_threads.map_or(
                // Beside sessions that keep every thread busy, few are enough to stay ahead of them.
                (threads, (threads / 4).max(1)),
                |threads| (threads.get(), threads.get()),
            ),
            // A budget of one thread is kept to the letter: nothing overlaps.
            alone: threads == 1 && self.lanes.len() == 1,
            dim: self.dim,
        };
        stream::run(&shared, &mut self.lanes, rest, sink, call)
    }

    /// Most tokens in one batch; `None` where sessions take text, whose batches are not of tokens.
    pub fn batch_tokens(&self) -> Option<usize> {
        match &self.preparation {
            Preparation::Tokens { limits, .. } => Some(limits.tokens),
            Preparation::Texts { .. } => None,
        }
    }

    /// Changes [`Embedder::batch_tokens`]; `None` is what the sessions are fastest with.
    pub fn set_batch_tokens(&mut self, tokens: Option<usize>) {
        if let Preparation::Tokens { limits, .. } = &mut self.preparation {
            limits.tokens = tokens.unwrap_or_else(|| usual_batch_tokens(self.lanes[0].session().describe()));
        }
    }

    /// Memory of all sessions together.
    ///
    /// # Errors
    /// When a session cannot tell.
    pub fn memory(&self) -> Result<MemoryUse> {
        let mut sum = MemoryUse::default();
        for lane in &self.lanes {
            let of_one = lane.session().memory()?;
            sum.host_private += of_one.host_private;
            sum.host_mapped += of_one.host_mapped;
            sum.device += of_one.device;
            sum.peak_activation += of_one.peak_activation;
        }
        Ok(sum)
    }

    /// Gives back what memory can be had again, of every session and of what feeds it.
    ///
    /// # Errors
    /// What the first session that fails says; the others are asked all the same.
    pub fn trim(&mut self) -> Result<()> {
        self.lanes.iter_mut().map(Lane::trim).fold(Ok(()), Result::and)
    }

    /// The first session, to run it directly.
    pub fn session_mut(&mut self) -> &mut dyn Session {
        self.lanes[0].session_mut()
    }
}

/// An embedder that lacks its sessions: what can be wrong with the package's tokenizer or with the options is known
/// before a session is made, which may take long.
#[derive(Debug)]
pub struct Draft {
    /// `None` for static packages, whose sessions tokenise.
    tokenizer: Option<TextTokenizer>,
    prompt: String,
    prompt_len: usize,
    options: EmbedOptions,
}

impl Draft {
    /// Reads the tokenizer and checks the options.
    ///
    /// # Errors
    /// As [`Embedder::new`], as far as they have nothing to do with the session.
    pub fn new(package: &Package, options: &EmbedOptions) -> Result<Self> {
        check_package(package)?;
        let prompt = options.prompt.text(package.prompts())?.to_owned();
        if let Some(dim) = package.dim() {
            truncated_dim(dim, options.truncate_dim, package.truncate_dim())?;
        }
        let tokenizer = if package.is_static() { None } else { Some(TextTokenizer::new(package)?) };
        let prompt_len = tokenizer.as_ref().map_or(Ok(0), |tokenizer| tokenizer.prompt_len(&prompt))?;
        Ok(Self { tokenizer, prompt, prompt_len, options: options.clone() })
    }

    /// Threads of all sessions together, instead of those in the options.
    pub fn set_threads(&mut self, threads: NonZeroUsize) {
        self.options.threads = threads;
    }

    /// Most tokens in one batch, instead of those in the options.
    pub fn set_batch_tokens(&mut self, tokens: Option<usize>) {
        self.options.batch_tokens = tokens;
    }

    /// Joins the package it was made of and its sessions.
    ///
    /// # Errors
    /// As [`Embedder::with_sessions`].
    pub fn join(self, package: &Package, sessions: Vec<Box<dyn Session>>) -> Result<Embedder> {
        let info = alike(&sessions)?.clone();
        let options = self.options.clone();
        let exclude_prompt = !self.prompt.is_empty() && package.pooling().is_some_and(leaves_prompt_out);
        let route = Route::choose(package, &info, exclude_prompt)?;
        let skip = if exclude_prompt { self.prompt_len } else { 0 };
        let finish = Finish::new(package, &info, (route.output, skip))?;
        let full_dim = finish.dim();
        let (preparation, feed) = match (route.input, self.tokenizer) {
            (InputKind::Text, _) | (_, None) => join_text(self.prompt, full_dim, &options),
            (input, Some(tokenizer)) => {
                let encoder = Box::new(Encoder { tokenizer, prompt: self.prompt });
                join_tokens(encoder, (package, &info, sessions.len()), (input, finish), &options)
            }
        };
        let dim = truncated_dim(full_dim, options.truncate_dim, package.truncate_dim())?;
        let lanes = sessions.into_iter().map(|session| Lane::new(session, feed(), dim)).collect();
        Ok(Embedder { preparation, lanes, learned: Learned::default(), options, dim })
    }
}

impl fmt::Debug for Embedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedder")
            .field("preparation", &self.preparation)
            .field("sessions", &self.lanes.len())
            .field("dim", &self.dim)
            .finish_non_exhaustive()
    }
}

/// What all sessions take and give.
fn alike(sessions: &[Box<dyn Session>]) -> Result<&SessionInfo> {
    let Some((first, others)) = sessions.split_first() else { return Err(Error::invalid("there is no session")) };
    // Threads may differ, where a budget cannot be shared out evenly.
    let kind = |info: &SessionInfo| SessionInfo { threads: 0, ..info.clone() };
    if others.iter().any(|other| kind(other.describe()) != kind(first.describe())) {
        return Err(Error::invalid("the sessions differ in what they take and give"));
    }
    Ok(first.describe())
}

/// What happens before a session, and what makes the feed of each.
type Joined = (Preparation, Box<dyn Fn() -> Feed>);

fn join_text(prompt: String, dim: usize, options: &EmbedOptions) -> Joined {
    let preparation = Preparation::Texts { prompt: prompt.clone(), max_batch: options.max_batch };
    (preparation, Box::new(move || Feed::text(prompt.clone(), dim)))
}

fn join_tokens(
    encoder: Box<Encoder>,
    (package, info, n_sessions): (&Package, &SessionInfo, usize),
    (input, finish): (InputKind, Finish),
    options: &EmbedOptions,
) -> Joined {
    let (frame, pad_id) = (encoder.tokenizer.frame().clone(), encoder.tokenizer.pad_id());
    let (padding_side, index_type) = (package.tokenizer().padding_side, info.index_type);
    let tokens = options.batch_tokens.unwrap_or_else(|| usual_batch_tokens(info));
    let limits = BatchLimits { tokens, texts: options.max_batch, ending: n_sessions };
    let feed = move || {
        Feed::Tokens(Box::new(TokenFeed {
            input,
            frame: frame.clone(),
            pad_id,
            padding_side,
            buffers: TokenBuffers::new(index_type),
            finish: finish.clone(),
        }))
    };
    (Preparation::Tokens { encoder, limits, max_tokens: info.max_tokens }, Box::new(feed))
}

/// Tokens in one batch where the caller leaves it open: as many as the session is fastest with, and where it does not
/// know, what was measured to be good for most.
fn usual_batch_tokens(info: &SessionInfo) -> usize {
    match (info.batch_tokens, info.threads) {
        (0, 0 | 1) => 512,
        (0, threads) => 1024 * threads,
        (tokens, _) => tokens,
    }
}

fn leaves_prompt_out(pooling: &Pooling) -> bool {
    !pooling.include_prompt
}

/// The dimension after truncation: as asked for, else as the package says, where more than there is means all.
fn truncated_dim(full: usize, asked: Option<usize>, by_package: Option<usize>) -> Result<usize> {
    match asked {
        Some(0) => Err(Error::invalid("`truncate_dim` is 0").with_hint(format!("give a number from 1 to {full}"))),
        Some(dim) if dim > full => {
            let message = format!("`truncate_dim` is {dim}, but the model's vectors have {full} dimensions");
            Err(Error::invalid(message).with_hint(format!("give a number from 1 to {full}")))
        }
        Some(dim) => Ok(dim),
        None => Ok(by_package.map_or(full, |dim| dim.clamp(1, full))),
    }
}
