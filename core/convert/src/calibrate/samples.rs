//! Texts to learn from, as tokens.

use std::panic::{AssertUnwindSafe, catch_unwind};

use drivetrain_contract::{Error, Result};
use drivetrain_package::{Package, Side};
use tokenizers::{NormalizerWrapper, Tokenizer, TruncationDirection, TruncationParams, normalizers};

/// A text on each line; `SOURCES.md` says where they come from.
const BUILTIN: &str = include_str!("sample.txt");

/// Tokens of a text that are used at the most: more cost time and show nothing new.
const MOST_TOKENS: usize = 512;

/// Bytes of a text that are read at the most, far beyond what [`MOST_TOKENS`] take.
const MOST_BYTES: usize = 1 << 16;

/// Texts as the ids of their tokens, special tokens included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Samples {
    texts: Vec<Vec<u32>>,
    pad_id: u32,
}

impl Samples {
    /// The built-in sample, 300 texts of all lengths: English, and a fifth in 33 languages.
    ///
    /// # Errors
    /// As [`Samples::tokenize`].
    pub fn builtin(package: &Package) -> Result<Self> {
        Self::tokenize(package, BUILTIN.lines())
    }

    /// Texts that were tokenised elsewhere; `pad_id` fills the places of a batch that have no token.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] when there is none, or one without a token.
    pub fn new(texts: Vec<Vec<u32>>, pad_id: u32) -> Result<Self> {
        if texts.is_empty() || texts.iter().any(Vec::is_empty) {
            return Err(Error::invalid("there must be texts to learn from, and each must have tokens"));
        }
        Ok(Self { texts, pad_id })
    }

    /// Tokenises texts as the package says, cut at its limit or at 512 tokens; blank ones are left out.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Model`] for a broken `tokenizer.json`,
    /// [`drivetrain_contract::ErrorKind::Invalid`] when no text is left.
    pub fn tokenize<S: AsRef<str>>(package: &Package, texts: impl IntoIterator<Item = S>) -> Result<Self> {
        let json = package.tokenizer_json()?;
        let facts = package.tokenizer();
        let mut tokenizer = guarded(|| Tokenizer::from_bytes(&json))?;
        let pad_id = facts.pad_token.as_deref().and_then(|token| tokenizer.token_to_id(token));
        let pad_id = pad_id.or_else(|| tokenizer.get_padding().map(|padding| padding.pad_id)).unwrap_or(0);
        tokenizer.with_padding(None);
        if facts.do_lower_case {
            let mut steps: Vec<NormalizerWrapper> = vec![normalizers::Lowercase.into()];
            steps.extend(tokenizer.get_normalizer().cloned());
            tokenizer.with_normalizer(Some(normalizers::Sequence::new(steps)));
        }
        let direction = match facts.truncation_side {
            Side::Left => TruncationDirection::Left,
            Side::Right => TruncationDirection::Right,
        };
        let max_length = package.max_seq_length().unwrap_or(MOST_TOKENS).min(MOST_TOKENS);
        let truncation = TruncationParams { max_length, direction, ..TruncationParams::default() };
        guarded(|| tokenizer.with_truncation(Some(truncation)).map(|_| ()))?;
        let mut tokenized = Vec::new();
        for text in texts {
            let text = text.as_ref().trim();
            let text = &text[..text.floor_char_boundary(MOST_BYTES)];
            if text.is_empty() {
                continue;
            }
            let encoding = guarded(|| tokenizer.encode(text, true))?;
            tokenized.push(encoding.get_ids().to_vec());
        }
        tokenized.retain(|ids| !ids.is_empty());
        Self::new(tokenized, pad_id)
    }

    /// Number of texts.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// At most `limit` of them, evenly spread over all.
    #[must_use]
    pub fn thinned(&self, limit: usize) -> Self {
        let (len, kept) = (self.texts.len(), self.texts.len().min(limit.max(1)));
        let texts = (0..kept).map(|idx| self.texts[idx * len / kept].clone()).collect();
        Self { texts, pad_id: self.pad_id }
    }

    /// Every `nth` text apart from the others, if there are as many.
    pub(super) fn split(&self, nth: usize) -> (Self, Self) {
        let part = |wanted: bool| {
            let texts = self.texts.iter().enumerate().filter(|(idx, _)| (idx % nth == nth - 1) == wanted);
            Self { texts: texts.map(|(_, text)| text.clone()).collect(), pad_id: self.pad_id }
        };
        let (rest, apart) = (part(false), part(true));
        if apart.texts.is_empty() { (self.clone(), self.clone()) } else { (rest, apart) }
    }

    pub(crate) fn texts(&self) -> &[Vec<u32>] {
        &self.texts
    }

    pub(crate) fn pad_id(&self) -> u32 {
        self.pad_id
    }
}

/// The tokenizers library panics on some broken files; that must not end the program.
fn guarded<T>(call: impl FnOnce() -> tokenizers::Result<T>) -> Result<T> {
    let failed = || Error::model("failed to tokenise").with_hint("check `tokenizer.json` of the model");
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|err| failed().with_source(err)),
        Err(_) => Err(failed().with_source("the tokenizer panicked")),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use drivetrain_contract::ErrorKind;

    use super::*;

    fn package(name: &str) -> Package {
        let models = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/models"));
        Package::open(&models.join(name)).unwrap()
    }

    fn numbered(count: u32) -> Samples {
        Samples::new((0..count).map(|id| vec![id]).collect(), 0).unwrap()
    }

    #[test]
    fn texts_are_tokenised_with_special_tokens_and_cut_at_the_limit() {
        let package = package("bert-mean");
        let limit = package.max_seq_length().unwrap();
        let samples = Samples::tokenize(&package, ["hello", " ", "", &"word ".repeat(5000)]).unwrap();
        assert_eq!(samples.len(), 2);
        let [short, long] = samples.texts() else { panic!() };
        assert!(short.len() >= 3 && long.len() == limit);
        assert_eq!((short[0], short.last()), (long[0], long.last()));
        for texts in [&[][..], &["", "\n"][..]] {
            assert_eq!(Samples::tokenize(&package, texts).unwrap_err().kind(), ErrorKind::Invalid);
        }
    }

    #[test]
    fn every_package_can_be_given_the_built_in_texts() {
        for name in ["bert-mean", "xlm-roberta-cls", "qwen3-last"] {
            assert_eq!(Samples::builtin(&package(name)).unwrap().len(), 300, "{name}");
        }
        assert!(BUILTIN.len() < 100_000 && BUILTIN.lines().all(|line| !line.trim().is_empty()));
    }

    #[test]
    fn thinning_and_splitting_spread_evenly() {
        assert_eq!(numbered(10).thinned(3).texts(), [[0], [3], [6]]);
        assert_eq!(numbered(3).thinned(10), numbered(3));
        assert_eq!(numbered(3).thinned(0).len(), 1);
        let (rest, apart) = numbered(7).split(3);
        assert_eq!(
            (rest.texts(), apart.texts()),
            (&[[0], [1], [3], [4], [6]].map(Vec::from)[..], &[vec![2], vec![5]][..])
        );
        let (rest, apart) = numbered(2).split(3);
        assert_eq!((&rest, &apart), (&numbered(2), &numbered(2)));
    }

    #[test]
    fn texts_without_tokens_are_refused() {
        assert!(Samples::new(Vec::new(), 0).is_err());
        assert!(Samples::new(vec![vec![1], Vec::new()], 0).is_err());
    }
}
