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
    pub(crate) back: VecDeque<T>,
    texts: Peekable<I>,
}

impl<T, E, I: Iterator<Item = Result<T, E>>> Rest<T, E, I> {
    /// Everything that `texts` gives, of a stream that is at `from`.
    pub fn new(from: Position, texts: I) -> Self {
        Self { from, back: VecDeque::new(), texts: texts.peekable() }
    }

    pub(crate) fn next(&mut self) -> Option<Result<T, E>> {
        self.back.pop_front().map(Ok).or_else(|| self.texts.next())
    }

    pub(crate) fn is_empty(&mut self) -> bool {
        self.back.is_empty() && self.texts.peek().is_none()
    }

    /// Whether nothing is left, as far as that is known without reading.
    pub(crate) fn is_known_empty(&self) -> bool {
        self.back.is_empty() && self.texts.size_hint().1 == Some(0)
    }

    /// Takes texts back that were read before all others that are left.
    pub(crate) fn put_back(&mut self, texts: impl DoubleEndedIterator<Item = T>) {
        texts.rev().for_each(|text| self.back.push_front(text));
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

impl<E: From<Error>> From<Error> for Failure<E> {
    fn from(err: Error) -> Self {
        Failure::Other(err.into())
    }
}
