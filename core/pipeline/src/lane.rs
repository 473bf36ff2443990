//! One session with the memory it works in.

use std::time::Instant;

use drivetrain_contract::{AlignedBuf, Batch, Call, Output, Result, Session, TextBatch};
use drivetrain_package::Side;

use crate::{
    cost::CostMeter,
    embeddings::Embeddings,
    finish::{Finish, Place},
    frame::Frame,
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
    pub(crate) fn run<T: AsRef<str>>(
        &mut self,
        window: &Window<T>,
        batch: usize,
        (meter, call): (&CostMeter, &dyn Call),
    ) -> Result<Embeddings> {
        let members = &window.order[window.batches[batch].clone()];
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
    offsets.reset(members.len() + 1);
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
