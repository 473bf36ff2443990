//! What a stream still has to do, kept so that another embedder can go on where one is lost.

use std::{collections::VecDeque, iter::Peekable};

use drivetrain_contract::{Error, Result};

use crate::Position;

/// Texts that have no vectors yet: those that were read already, and those that are still to be read.
#[derive(Debug)]
pub struct Rest<T, E, I: Iterator<Item = Result<T, E>>> {
    /// Where the stream is before them.
    pub(crate) from: Position,
    /// Read, but not embedded.
    back: VecDeque<T>,
    /// What reading ended with, behind those.
    failed: Option<E>,
    texts: Peekable<I>,
}

impl<T, E, I: Iterator<Item = Result<T, E>>> Rest<T, E, I> {
    /// Everything that `texts` gives, of a stream that is at `from`.
    pub fn new(from: Position, texts: I) -> Self {
        Self { from, back: VecDeque::new(), failed: None, texts: texts.peekable() }
    }

    /// Forgets what was learned of the embedder before: what batches cost, and how large they may be.
    pub fn for_another_embedder(&mut self) {
        (self.from.cost, self.from.largest_batch) = (None, None);
    }

    pub(crate) fn next(&mut self) -> Option<Result<T, E>> {
        if let Some(text) = self.back.pop_front() {
            return Some(Ok(text));
        }
        self.failed.take().map(Err).or_else(|| self.texts.next())
    }

    pub(crate) fn is_empty(&mut self) -> bool {
        self.back.is_empty() && self.failed.is_none() && self.texts.peek().is_none()
    }

    /// How many texts are left, where that is known without reading.
    pub(crate) fn len(&self) -> Option<usize> {
        let (least, most) = self.texts.size_hint();
        (most == Some(least)).then(|| least + self.back.len())
    }

    /// Whether nothing is left, as far as that is known without reading.
    pub(crate) fn is_known_empty(&self) -> bool {
        self.failed.is_none() && self.len() == Some(0)
    }

    /// Takes texts back that were read before all others that are left.
    pub(crate) fn put_back(&mut self, texts: impl DoubleEndedIterator<Item = T>) {
        texts.rev().for_each(|text| self.back.push_front(text));
    }

    /// Keeps what reading failed with, to be told when it is reached.
    pub(crate) fn fail(&mut self, err: E) {
        self.failed = Some(err);
    }

    /// What reading failed with.
    pub(crate) fn take_failure(&mut self) -> Option<E> {
        self.failed.take()
    }
}

/// What ended a stream early.
#[derive(Debug)]
pub enum Failure<E> {
    /// A session failed. What has no vectors yet is in the [`Rest`].
    Session(Error),
    /// Something else did: reading or tokenising texts, or taking vectors.
    Other(E),
}

impl<E: From<Error>> Failure<E> {
    /// The error, whoever it is of.
    pub fn into_error(self) -> E {
        match self {
            Failure::Session(err) => err.into(),
            Failure::Other(err) => err,
        }
    }
}
