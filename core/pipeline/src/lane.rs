//! One session with the memory it works in.

use std::time::Instant;

use drivetrain_contract::{AlignedBuf, Batch, Call, Error, ErrorKind, Output, Result, Session, TextBatch};
use drivetrain_package::Side;

use crate::{
    cost::CostMeter,
    embeddings::Embeddings,
    finish::{Finish, Place},
    frame::Frame,
    learned::Learned,
    prepare::Window,
    route::InputKind,
    run::Runner,
    token_buffers::{Layout, TokenBuffers},
};

/// Runs batches, one at a time.
pub(crate) struct Lane {
    runner: Runner,
    feed: Feed,
    /// Numbers that are kept of each vector.
    dim: usize,
}

/// How a batch becomes the session's input, and its output vectors.
#[derive(Debug)]
pub(crate) enum Feed {
    /// For sessions that tokenise by themselves.
    Text { prompt: String, dim: usize, text: String, offsets: AlignedBuf<i64> },
    /// For sessions that take tokens.
    Tokens(Box<TokenFeed>),
}

#[derive(Debug)]
pub(crate) struct TokenFeed {
    pub(crate) input: InputKind,
    pub(crate) frame: Frame,
    pub(crate) pad_id: u32,
    pub(crate) padding_side: Side,
    pub(crate) buffers: TokenBuffers,
    pub(crate) finish: Finish,
}

/// A text of a batch and its tokens without special ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tokenised<'a> {
    /// Place among all texts, for messages.
    pub(crate) idx: u64,
    pub(crate) content: &'a [u32],
}

impl Feed {
    /// For a session that gives vectors of `dim` numbers.
    pub(crate) fn text(prompt: String, dim: usize) -> Self {
        Self::Text { prompt, dim, text: String::new(), offsets: AlignedBuf::new() }
    }

    /// How much of [`Feed::unit`] a batch of these texts is, longest first: at least 1 for each.
    fn size<T: AsRef<str>>(&self, window: &Window<T>, members: &[usize]) -> usize {
        match self {
            Self::Text { prompt, .. } => {
                members.iter().map(|&idx| prompt.len() + window.texts[idx].as_ref().len().max(1)).sum()
            }
            Self::Tokens(feed) => {
                let mut lengths = members.iter().map(|&idx| window.contents[idx].len() + feed.frame.len());
                match feed.input {
                    InputKind::Packed => lengths.sum(),
                    _ => lengths.next().unwrap_or(0) * members.len(),
                }
            }
        }
    }

    /// What sizes of batches are counted in.
    fn unit(&self) -> &'static str {
        match self {
            Self::Text { .. } => "bytes of text",
            Self::Tokens(_) => "tokens",
        }
    }
}

impl Lane {
    /// A lane for vectors of which `dim` numbers are kept.
    pub(crate) fn new(session: Box<dyn Session>, feed: Feed, dim: usize) -> Self {
        Self { runner: Runner::new(session), feed, dim }
    }

    /// The session.
    pub(crate) fn session(&self) -> &dyn Session {
        &*self.runner.session
    }

    /// Gives back the memory of the session and of what feeds it, as far as it can be made again.
    pub(crate) fn trim(&mut self) -> Result<()> {
        if let Feed::Text { text, offsets, .. } = &mut self.feed {
            (*text, *offsets) = (String::new(), AlignedBuf::new());
        }
        self.runner.trim()
    }

    /// The session, to run it directly.
    pub(crate) fn session_mut(&mut self) -> &mut dyn Session {
        &mut *self.runner.session
    }

    /// The vectors of one batch of a window, in the batch's order.
    ///
    /// A batch that the engine has no memory for is cut in two, and so on; what is larger than the largest it managed
    /// is from then on cut before it is tried.
    ///
    /// # Errors
    /// Those of the session; [`ErrorKind::OutOfMemory`] for a text that cannot be managed alone either, which is named.
    pub(crate) fn run<T: AsRef<str>>(
        &mut self,
        window: &Window<T>,
        batch: usize,
        (learned, call): (&Learned, &dyn Call),
    ) -> Result<Embeddings> {
        let mut pieces = vec![&window.order[window.batches[batch].clone()]];
        let (mut parts, mut most, mut refusal) = (Vec::new(), learned.ceiling.size(), Refusal::default());
        while let Some(piece) = pieces.pop() {
            let size = self.feed.size(window, piece);
            let (first, second) = piece.split_at(piece.len() / 2);
            if size > most && piece.len() > 1 {
                pieces.extend([second, first]);
                continue;
            }
            match self.run_piece(window, piece, (&learned.cost, call)) {
                Ok(vectors) => {
                    refusal.managed = refusal.managed.max(size);
                    parts.push(vectors);
                }
                Err(err) if err.kind() == ErrorKind::OutOfMemory => {
                    if let [only] = piece {
                        return Err(no_room((window.place(*only), size, self.feed.unit()), err));
                    }
                    (refusal.refused, most) = (size, size - 1);
                    pieces.extend([second, first]);
                    self.make_room();
                }
                Err(err) => return Err(err),
            }
        }
        refusal.teach(window.sequence, learned, self.feed.unit());
        Embeddings::joined(parts)
    }

    fn run_piece<T: AsRef<str>>(
        &mut self,
        window: &Window<T>,
        members: &[usize],
        (meter, call): (&CostMeter, &dyn Call),
    ) -> Result<Embeddings> {
        let mut out = Embeddings::zeroed(members.len(), self.dim)?;
        match &mut self.feed {
            Feed::Text { prompt, dim, text, offsets } => {
                let batch = Batch::Text(fill(window, members, (prompt, text, offsets))?);
                let wanted = (Output::SentenceEmbedding, vec![members.len(), *dim]);
                let vectors = self.runner.run(&batch, wanted, call)?;
                for (row, (&idx, vector)) in members.iter().zip(vectors.chunks_exact(*dim)).enumerate() {
                    out.set(row, window.place(idx), vector)?;
                }
            }
            Feed::Tokens(feed) => feed.run(&mut self.runner, window, members, &mut out, (meter, call))?,
        }
        Ok(out)
    }

    /// Gives back what a larger batch took, before a smaller one is tried.
    fn make_room(&mut self) {
        if let Err(err) = self.trim() {
            log::debug!("a session that is short of memory gives none back: {}", err.to_text());
        }
    }
}

/// What a batch taught that had to be cut.
#[derive(Debug, Default)]
struct Refusal {
    /// The smallest size that was refused; 0 when none was.
    refused: usize,
    /// The largest size that was managed.
    managed: usize,
}

impl Refusal {
    fn teach(&self, window: u64, learned: &Learned, unit: &str) {
        let Self { refused, managed } = *self;
        // Sizes are what memory depends on most, but not all: a larger batch of another shape may have been managed.
        let size = managed.min(refused.saturating_sub(1));
        if refused > 0 && learned.ceiling.lower(window, size) {
            log::warn!(
                "the engine has no memory for a batch of {refused} {unit}: it managed {size}, and gets no more than that \
                 at a time from here on"
            );
        }
    }
}

fn no_room((place, size, unit): (u64, usize, &str), err: Error) -> Error {
    Error::new(ErrorKind::OutOfMemory, format!("the engine has no memory for text {place}, alone, with {size} {unit}"))
        .with_source(err)
        .with_hint(
            "raise the limit on memory; lower `max_seq_length` in the model's `sentence_bert_config.json`; or leave the \
             text more room: fewer `pipeline.sessions`, a smaller `pipeline.batch_tokens`",
        )
}

impl TokenFeed {
    fn run<T: AsRef<str>>(
        &mut self,
        runner: &mut Runner,
        window: &Window<T>,
        members: &[usize],
        out: &mut Embeddings,
        (meter, call): (&CostMeter, &dyn Call),
    ) -> Result<()> {
        let texts: Vec<Tokenised<'_>> =
            members.iter().map(|&idx| Tokenised { idx: window.place(idx), content: &window.contents[idx] }).collect();
        let layout = Layout {
            frame: &self.frame,
            pad_id: self.pad_id,
            padding_side: self.padding_side,
            inputs: runner.session.describe().inputs,
        };
        let mut places: Vec<Place> = Vec::with_capacity(texts.len());
        let batch = match self.input {
            InputKind::Packed => self.buffers.packed(&texts, layout, &mut places)?,
            _ => self.buffers.padded(&texts, layout, &mut places)?,
        };
        let (wanted, longest) = (self.finish.wants(&batch), places.iter().map(|place| place.len).max().unwrap_or(0));
        let started = Instant::now();
        let found = runner.run(&batch, wanted, call)?;
        meter.observe(texts.len(), longest, started.elapsed());
        self.finish.store(found, &places, out)
    }
}

/// Texts one after the other, each after the prompt. A single text, which may be very long, needs no copy.
fn fill<'a, T: AsRef<str>>(
    window: &'a Window<T>,
    members: &[usize],
    (prompt, text, offsets): (&str, &'a mut String, &'a mut AlignedBuf<i64>),
) -> Result<TextBatch<'a>> {
    offsets.try_reset(members.len() + 1)?;
    if let (&[only], true) = (members, prompt.is_empty()) {
        let only = window.texts[only].as_ref();
        offsets[1] = only.len() as i64;
        return TextBatch::new(only, offsets);
    }
    text.clear();
    for (&idx, end) in members.iter().zip(offsets.iter_mut().skip(1)) {
        text.push_str(prompt);
        text.push_str(window.texts[idx].as_ref());
        *end = text.len() as i64;
    }
    TextBatch::new(text, offsets)
}
