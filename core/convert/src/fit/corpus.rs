//! The texts, as the numbers of their tokens.

use std::str::FromStr;

use drivetrain_contract::{Call, Error, Result};
use rayon::{ThreadPool, prelude::*};
use sha2::{Digest, Sha256};
use tokenizers::Tokenizer;

use super::teacher::TextsOnce;
use crate::distill::Vocabulary;

/// Texts that are tokenised together.
const AT_ONCE: usize = 4096;

/// Tokens of a text that count where the transformer reads texts of any length: its vectors hold no more than that.
const MOST_TOKENS: usize = 512;

/// Bytes of a text that are read for each token that counts. Text has about four.
const BYTES_PER_TOKEN: usize = 64;

/// All texts, without the texts.
#[derive(Debug, Default)]
pub(super) struct Corpus {
    /// Rows of the table, text after text.
    tokens: Vec<u32>,
    /// Where the tokens of each text end.
    ends: Vec<usize>,
    /// Texts to train on, and those held out, by their places; texts without a token are in neither.
    pub(super) train: Vec<u32>,
    pub(super) held_out: Vec<u32>,
    /// SHA-256 over all texts.
    pub(super) sha256: String,
}

impl Corpus {
    /// Reads all texts.
    ///
    /// # Errors
    /// Those of `texts`, [`drivetrain_contract::ErrorKind::Invalid`] when there are none to train on or none are held
    /// out, [`drivetrain_contract::ErrorKind::Model`] when one cannot be tokenised.
    pub(super) fn read(texts: TextsOnce<'_>, cutter: &Cutter<'_>, held_out: f64, call: &dyn Call) -> Result<Self> {
        let mut corpus = Self::default();
        let mut digest = TextsDigest::default();
        let mut batch = Vec::with_capacity(AT_ONCE);
        let mut texts = texts.peekable();
        while texts.peek().is_some() {
            batch.clear();
            for text in texts.by_ref().take(AT_ONCE) {
                call.check()?;
                batch.push(text?);
            }
            for (text, tokens) in batch.iter().zip(cutter.cut_all(&batch)?) {
                corpus.push(&tokens, share_of(digest.add(text)) < held_out)?;
            }
        }
        corpus.sha256 = digest.finish();
        corpus.check()?;
        Ok(corpus)
    }

    fn push(&mut self, tokens: &[u32], is_held_out: bool) -> Result<()> {
        let place = u32::try_from(self.ends.len()).map_err(|err| Error::invalid("too many texts").with_source(err))?;
        self.tokens.extend_from_slice(tokens);
        self.ends.push(self.tokens.len());
        match (tokens.is_empty(), is_held_out) {
            (true, _) => {}
            (false, true) => self.held_out.push(place),
            (false, false) => self.train.push(place),
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        let (n_texts, train, held_out) = (self.n_texts(), self.train.len(), self.held_out.len());
        let message = match (n_texts, train + held_out) {
            (0, _) => "there is no text to fit the table to".to_owned(),
            (_, 0) => format!("none of the {n_texts} texts holds a token of the vocabulary"),
            _ if train < 2 || held_out == 0 => {
                format!("of {n_texts} texts, {held_out} are held out and {train} are left to train on")
            }
            _ => return Ok(()),
        };
        Err(Error::invalid(message).with_hint("give texts of the kind that will be embedded, some thousands or more"))
    }

    /// Texts with these tokens, all to train on.
    #[cfg(test)]
    pub(super) fn of_tokens(texts: &[&[u32]]) -> Self {
        let mut corpus = Self::default();
        texts.iter().for_each(|tokens| corpus.push(tokens, false).unwrap());
        corpus
    }

    /// How many texts there are, those without a token included.
    pub(super) fn n_texts(&self) -> usize {
        self.ends.len()
    }

    /// Texts that hold no token of the vocabulary.
    pub(super) fn n_unknown(&self) -> usize {
        self.n_texts() - self.train.len() - self.held_out.len()
    }

    /// The rows of the table that the tokens of a text have.
    pub(super) fn tokens(&self, text: u32) -> &[u32] {
        let text = text as usize;
        let start = if text == 0 { 0 } else { self.ends[text - 1] };
        &self.tokens[start..self.ends[text]]
    }
}

/// Where among all texts the hash of one is, from 0 to 1: equal texts are held out together.
fn share_of(hash: u64) -> f64 {
    hash as f64 / u64::MAX as f64
}

/// By what texts are known again.
#[derive(Debug, Default)]
pub(super) struct TextsDigest(Sha256);

impl TextsDigest {
    /// Takes note of a text and gives its hash.
    pub(super) fn add(&mut self, text: &str) -> u64 {
        let hash = Sha256::digest(text);
        self.0.update(hash);
        hash.iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
    }

    pub(super) fn finish(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Cuts texts into tokens as the static model will.
#[derive(Debug)]
pub(super) struct Cutter<'a> {
    tokenizer: Tokenizer,
    unknown: Option<u32>,
    most_tokens: usize,
    pool: &'a ThreadPool,
}

impl<'a> Cutter<'a> {
    /// With the pruned tokenizer of `vocabulary`, for a transformer that reads this many tokens of a text.
    pub(super) fn new(
        vocabulary: &Vocabulary,
        tokenizer_json: &str,
        max_seq_length: Option<usize>,
        pool: &'a ThreadPool,
    ) -> Result<Self> {
        let tokenizer = Tokenizer::from_str(tokenizer_json)
            .map_err(|err| Error::internal("the pruned tokenizer cannot be read").with_source(err))?;
        let unknown = vocabulary.unknown_row().and_then(|row| u32::try_from(row).ok());
        let most_tokens = max_seq_length.map_or(MOST_TOKENS, |length| length.min(MOST_TOKENS));
        Ok(Self { tokenizer, unknown, most_tokens, pool })
    }

    fn cut_all(&self, texts: &[String]) -> Result<Vec<Vec<u32>>> {
        self.pool.install(|| texts.par_iter().map(|text| self.cut(text)).collect())
    }

    /// The rows of a text's tokens, without unknown ones.
    fn cut(&self, text: &str) -> Result<Vec<u32>> {
        let head = &text[..text.floor_char_boundary(self.most_tokens.saturating_mul(BYTES_PER_TOKEN))];
        let encoding = self
            .tokenizer
            .encode_fast(head, false)
            .map_err(|err| Error::model("the tokenizer fails on a text").with_source(err))?;
        let ids = encoding.get_ids().iter().take(self.most_tokens);
        Ok(ids.copied().filter(|&id| Some(id) != self.unknown).collect())
    }
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::NoCall;
    use rayon::ThreadPoolBuilder;

    use super::*;

    const TOKENIZER: &[u8] =
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/models/bert-mean/tokenizer.json"));

    fn read(texts: &[&str], max_seq_length: usize, held_out: f64) -> Result<Corpus> {
        let vocabulary = Vocabulary::read(TOKENIZER, None)?;
        let pool = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let cutter = Cutter::new(&vocabulary, &vocabulary.tokenizer_json()?, Some(max_seq_length), &pool)?;
        let texts: Vec<Result<String>> = texts.iter().map(|&text| Ok(text.to_owned())).collect();
        Corpus::read(Box::new(texts.into_iter()), &cutter, held_out, &NoCall)
    }

    #[test]
    fn texts_are_the_tokens_that_count() {
        let long = "the ".repeat(2_000_000);
        let corpus = read(&["the dog", "", "🜚", "dog 🜚 the", &long, "the a", "dog"], 5, 0.3).unwrap();
        let (the, dog) = (corpus.tokens(0)[0], corpus.tokens(0)[1]);
        assert_eq!((corpus.tokens(0).len(), corpus.tokens(3), corpus.tokens(4)), (2, &[dog, the][..], &[the; 5][..]));
        assert_eq!((corpus.n_texts(), corpus.n_unknown()), (7, 2));
        let mut used = [&corpus.train[..], &corpus.held_out].concat();
        used.sort_unstable();
        assert_eq!(used, [0, 3, 4, 5, 6]);
    }

    #[test]
    fn equal_texts_are_held_out_together_wherever_they_are() {
        let texts: Vec<String> = (0..400).map(|idx| format!("the fox {idx}")).collect();
        let twice: Vec<&str> = texts.iter().chain(&texts).map(String::as_str).collect();
        let corpus = read(&twice, 16, 0.2).unwrap();
        let (first, second): (Vec<u32>, Vec<u32>) = corpus.held_out.iter().partition(|&&text| text < 400);
        assert_eq!(first, second.iter().map(|text| text - 400).collect::<Vec<_>>());
        assert!((40..120).contains(&first.len()), "{}", first.len());
        assert!(corpus.sha256 != read(&twice[1..], 16, 0.2).unwrap().sha256);
    }
}
