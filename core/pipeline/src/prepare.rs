//! From texts to batches: duplicates found, tokens made, batches cut. Needs no session.

use std::{collections::HashMap, ops::Range};

use drivetrain_contract::{Call, Error, Result};
use foldhash::fast::RandomState;

use crate::{
    cost::CostMeter,
    encode::Encoder,
    pack::{BatchLimits, batches, longest_first},
};

/// Bytes of text in one batch of a session that tokenises by itself; a longer text goes alone. Such sessions have little
/// to gain from more, and what is copied for them stays in the processor's cache.
const BATCH_BYTES: usize = 256 << 10;

/// A window of texts, cut into batches.
#[derive(Debug)]
pub(crate) struct Window<T> {
    /// Place among all windows.
    pub(crate) sequence: u64,
    /// Place of the first text among all texts.
    pub(crate) first: u64,
    pub(crate) texts: Vec<T>,
    /// For each text, the index of the first text that is equal to it.
    pub(crate) original: Vec<usize>,
    /// Tokens without special ones, of the texts that are their own original; empty for sessions that tokenise.
    pub(crate) contents: Vec<Vec<u32>>,
    /// Originals in the order of the batches.
    pub(crate) order: Vec<usize>,
    /// The batches, as ranges of `order`.
    pub(crate) batches: Vec<Range<usize>>,
    /// Tokens of all originals, special ones included; 0 where the session tokenises.
    pub(crate) n_tokens: u64,
}

/// What to cut windows into.
#[derive(Debug)]
pub(crate) enum Preparation {
    /// Texts as they are, after the prompt, in the order of the input.
    Texts { prompt: String, max_batch: usize },
    /// Tokens, in the order of their number. The limits are those of the last window.
    Tokens { encoder: Box<Encoder>, limits: BatchLimits, max_tokens: usize },
}

impl Preparation {
    /// Prepares one window. `threads` may tokenise at the same time. The batches of the last one become small towards
    /// its end.
    ///
    /// # Errors
    /// For a text that cannot be tokenised or is longer than the session takes, named by its place among all texts; with
    /// the texts.
    pub(crate) fn prepare<T: AsRef<str>>(
        &self,
        (sequence, first): (u64, u64),
        (texts, is_last): (Vec<T>, bool),
        threads: usize,
        (meter, call): (&CostMeter, &dyn Call),
    ) -> Result<Window<T>, (Error, Vec<T>)> {
        let original = originals(&texts);
        let unique: Vec<usize> = (0..texts.len()).filter(|&idx| original[idx] == idx).collect();
        let mut window = Window {
            sequence,
            first,
            texts,
            original,
            contents: Vec::new(),
            order: unique,
            batches: Vec::new(),
            n_tokens: 0,
        };
        match self {
            Self::Texts { prompt, max_batch } => window.cut_texts(prompt.len(), (*max_batch).max(1)),
            Self::Tokens { encoder, limits, max_tokens } => {
                let texts: Vec<&str> = window.order.iter().map(|&idx| window.texts[idx].as_ref()).collect();
                let contents = encoder.encode(&texts, threads, &|at| first + window.order[at] as u64, call);
                let special = encoder.tokenizer.frame().len();
                let limits = if is_last { *limits } else { BatchLimits { ending: 1, ..*limits } };
                let cut = contents.and_then(|contents| {
                    window.cut_tokens(contents, special, *max_tokens, |lengths, order| {
                        batches(lengths, order, limits, &meter.cost_for(sequence))
                    })
                });
                if let Err(err) = cut {
                    return Err((err, window.texts));
                }
            }
        }
        Ok(window)
    }
}

impl<T: AsRef<str>> Window<T> {
    fn cut_texts(&mut self, prompt_len: usize, max_batch: usize) {
        let mut start = 0;
        while start < self.order.len() {
            let mut bytes = 0;
            let fits = self.order[start..].iter().take(max_batch).take_while(|&&idx| {
                bytes += prompt_len + self.texts[idx].as_ref().len();
                bytes <= BATCH_BYTES
            });
            let end = start + fits.count().max(1);
            self.batches.push(start..end);
            start = end;
        }
    }

    /// Takes the tokens of the originals and cuts them. Texts without a token are in no batch.
    fn cut_tokens(
        &mut self,
        contents: Vec<Vec<u32>>,
        special: usize,
        most: usize,
        cut: impl FnOnce(&[usize], &[usize]) -> Vec<Range<usize>>,
    ) -> Result<()> {
        let lengths: Vec<usize> = contents.iter().map(|content| content.len() + special).collect();
        if let Some(at) = lengths.iter().position(|&length| most > 0 && length > most) {
            let (idx, length) = (self.first + self.order[at] as u64, lengths[at]);
            let message = format!("text {idx} has {length} tokens, but the session takes at most {most}");
            return Err(
                Error::unsupported(message).with_hint("shorten the text, or create the session for longer ones")
            );
        }
        let order = longest_first(&lengths);
        self.batches = cut(&lengths, &order);
        self.n_tokens = lengths.iter().map(|&length| length as u64).sum();
        self.contents = vec![Vec::new(); self.texts.len()];
        self.order.iter().zip(contents).for_each(|(&idx, content)| self.contents[idx] = content);
        self.order = order.into_iter().map(|at| self.order[at]).collect();
        Ok(())
    }
}

impl<T> Window<T> {
    /// Place of a text among all.
    pub(crate) fn place(&self, idx: usize) -> u64 {
        self.first + idx as u64
    }
}

/// For each text, the index of the first that is equal to it.
fn originals<T: AsRef<str>>(texts: &[T]) -> Vec<usize> {
    let mut seen = HashMap::with_capacity_and_hasher(texts.len(), RandomState::default());
    texts.iter().enumerate().map(|(idx, text)| *seen.entry(text.as_ref()).or_insert(idx)).collect()
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::NoCall;

    use super::*;

    fn window(texts: &[&'static str], max_batch: usize) -> Window<&'static str> {
        let preparation = Preparation::Texts { prompt: "p".into(), max_batch };
        preparation
            .prepare((0, 0), (texts.to_vec(), true), 1, (&CostMeter::default(), &NoCall))
            .map_err(|(err, _)| err)
            .unwrap()
    }

    #[test]
    fn equal_texts_are_in_one_batch_once() {
        let window = window(&["a", "b", "a", "c", "b"], 2);
        assert_eq!(window.original, [0, 1, 0, 3, 1]);
        assert_eq!((window.order, window.batches), (vec![0, 1, 3], vec![0..2, 2..3]));
    }

    #[test]
    fn long_texts_go_alone() {
        let long: &'static str = "x".repeat(BATCH_BYTES).leak();
        assert_eq!(window(&["a", long, "b", "c"], 100).batches, [0..1, 1..2, 2..4]);
    }
}
