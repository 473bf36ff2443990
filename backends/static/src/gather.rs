//! The mean of table rows, with unknown tokens counted: sentence-transformers' StaticEmbedding.

use drivetrain_contract::{Error, Result};
use tokenizers::{Tokenizer, TruncationDirection};

use crate::{convert::Table, vocabulary};

/// Bytes of text tokenised at once.
///
/// `tokenizers` keeps over a hundred bytes for each byte of text, so longer texts are cut into pieces, before white
/// space where there is any. A token that spans a cut counts as its parts, which changes the mean of such a text (at
/// least about 200,000 tokens) by less than rounding does.
const PIECE: usize = 1 << 20;

/// Least norm a vector is divided by: `eps` of PyTorch's `normalize`.
const MIN_NORM: f32 = 1e-12;

/// A tokenizer and the table its ids point into.
#[derive(Debug)]
pub(crate) struct GatherMean {
    tokenizer: Tokenizer,
    table: Vec<f32>,
    columns: usize,
    weights: Option<Vec<f32>>,
    mapping: Option<Vec<usize>>,
    max_tokens: usize,
    normalize: bool,
}

/// What a [`GatherMean`] does with the vectors it sums.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GatherOptions {
    /// Scale vectors to length 1.
    pub(crate) normalize: bool,
    /// Tokens that count.
    pub(crate) max_tokens: Option<usize>,
}

impl GatherMean {
    /// Checks that every id the tokenizer can give has a row.
    pub(crate) fn new(
        (tokenizer_label, tokenizer): (&str, &[u8]),
        (table_label, table): (&str, Table<'_>),
        options: GatherOptions,
    ) -> Result<Self> {
        let mut tokenizer = vocabulary::parse(tokenizer_label, tokenizer)?;
        table.check_tokens(table_label, vocabulary::ids_of(tokenizer_label, &tokenizer)?)?;
        let own_limit = match tokenizer.get_truncation() {
            Some(truncation) if truncation.direction == TruncationDirection::Left => {
                return Err(Error::unsupported(format!("`{tokenizer_label}` cuts texts on the left")));
            }
            truncation => truncation.map(|truncation| truncation.max_length),
        };
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(None)
            .map_err(|err| Error::internal("cannot switch the tokenizer's truncation off").with_source(err))?;
        Ok(Self {
            tokenizer,
            columns: table.columns,
            max_tokens: options.max_tokens.into_iter().chain(own_limit).min().unwrap_or(usize::MAX),
            normalize: options.normalize,
            table: table.to_f32(),
            weights: table.weights,
            mapping: table.mapping,
        })
    }

    /// Extent of a vector.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Bytes of the table in memory.
    pub(crate) fn table_bytes(&self) -> u64 {
        size_of_val(self.table.as_slice()) as u64
    }

    /// The vector of one text; that of a text without tokens is zero.
    pub(crate) fn embed(&self, text: &str, out: &mut [f32]) -> Result<()> {
        out.fill(0.0);
        let mut count = 0;
        let mut rest = text;
        while !rest.is_empty() && count < self.max_tokens {
            let (piece, after) = rest.split_at(cut(rest, PIECE));
            rest = after;
            let tokens = self
                .tokenizer
                .encode_fast(piece, false)
                .map_err(|err| Error::model("the tokenizer fails on a text").with_source(err))?;
            let ids = tokens.get_ids();
            let ids = &ids[..ids.len().min(self.max_tokens - count)];
            ids.iter().for_each(|&id| self.add(id as usize, out));
            count += ids.len();
        }
        let norm = if self.normalize { length(out).max(MIN_NORM * count as f32) } else { count as f32 };
        if count > 0 {
            out.iter_mut().for_each(|value| *value /= norm);
        }
        Ok(())
    }

    fn add(&self, token: usize, sum: &mut [f32]) {
        let row = self.mapping.as_ref().map_or(token, |mapping| mapping[token]);
        let row = &self.table[row * self.columns..][..self.columns];
        let weight = self.weights.as_ref().map_or(1.0, |weights| weights[token]);
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
    }
}

fn length(vector: &[f32]) -> f32 {
    vector.iter().map(|value| value * value).sum::<f32>().sqrt()
}

/// Where to cut `text` so that the first part has at most `max` bytes: before the last white space, else at the last
/// character.
fn cut(text: &str, max: usize) -> usize {
    if text.len() <= max {
        return text.len();
    }
    let end = text.floor_char_boundary(max);
    match text[..end].rfind(char::is_whitespace) {
        Some(space) if space > 0 => space,
        _ => end,
    }
}

#[cfg(test)]
mod tests {
    use safetensors::Dtype;

    use super::*;
    use crate::convert::tests::{f32_bytes, file};

    const TOKENIZER: &str = r#"{"model":{"type":"WordLevel","unk_token":"?","vocab":{"?":0,"a":1,"b":2}},
        "pre_tokenizer":{"type":"Whitespace"}}"#;

    fn gather(options: GatherOptions) -> GatherMean {
        let bytes = file(&[
            ("embeddings", Dtype::F32, &[2, 2], f32_bytes(&[3.0, 4.0, 0.0, 8.0])),
            ("mapping", Dtype::I32, &[3], [0i32, 1, 1].iter().flat_map(|row| row.to_le_bytes()).collect()),
            ("weights", Dtype::F32, &[3], f32_bytes(&[1.0, 0.5, 1.0])),
        ]);
        GatherMean::new(("t", TOKENIZER.as_bytes()), ("m", Table::parse("m", &bytes).unwrap()), options).unwrap()
    }

    #[track_caller]
    fn check(options: GatherOptions, text: &str, expect: [f32; 2]) {
        let mut out = [7.0; 2];
        gather(options).embed(text, &mut out).unwrap();
        assert_eq!(out, expect, "{text}");
    }

    #[test]
    fn rows_are_mapped_weighted_and_averaged() {
        let raw = GatherOptions { normalize: false, max_tokens: None };
        check(raw, "", [0.0, 0.0]);
        check(raw, "a", [0.0, 4.0]);
        check(raw, "x", [3.0, 4.0]);
        check(raw, "a x b x", [1.5, 5.0]);
        check(GatherOptions { max_tokens: Some(2), ..raw }, "a x b x", [1.5, 4.0]);
        check(GatherOptions { normalize: true, ..raw }, "x x", [0.6, 0.8]);
        check(GatherOptions { normalize: true, ..raw }, " ", [0.0, 0.0]);
    }

    #[test]
    fn pieces_are_cut_before_white_space_and_inside_no_character() {
        assert_eq!(cut("ab cd", 5), 5);
        assert_eq!(cut("ab cd", 4), 2);
        assert_eq!(cut(" abcd", 3), 3);
        assert_eq!(cut("aéé", 2), 1);
        let long = "a b x ".repeat(PIECE / 2);
        let raw = GatherOptions { normalize: false, max_tokens: None };
        let (mut whole, mut part) = ([0.0; 2], [0.0; 2]);
        gather(raw).embed(&long, &mut whole).unwrap();
        gather(raw).embed("a b x", &mut part).unwrap();
        assert!((whole[0] - part[0]).abs() < 1e-3 && (whole[1] - part[1]).abs() < 1e-3, "{whole:?} {part:?}");
    }

    #[test]
    fn a_tokenizer_larger_than_its_table_is_refused() {
        let bytes = file(&[("embeddings", Dtype::F32, &[2, 1], f32_bytes(&[3.0, 4.0]))]);
        let table = Table::parse("m", &bytes).unwrap();
        let options = GatherOptions { normalize: false, max_tokens: None };
        let err = GatherMean::new(("t", TOKENIZER.as_bytes()), ("m", table), options).unwrap_err();
        assert!(err.message().contains("2 rows, the tokenizer has 3 tokens"), "{err}");
    }
}
