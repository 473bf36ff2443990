//! Tokenising, sorting, batching.

use std::{cmp::Reverse, path::Path};

use anyhow::{Result, anyhow};
use tokenizers::{Encoding, Tokenizer, TruncationParams};

/// The numbers of one run, `[texts, length]` row by row, padded with zeros on the right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Indices of its texts.
    pub texts: Vec<usize>,
    /// Tokens of its longest text.
    pub length: usize,
    /// Tokens without padding.
    pub n_tokens: usize,
    /// Token ids.
    pub input_ids: Vec<i64>,
    /// 1 for a token, 0 for padding.
    pub attention_mask: Vec<i64>,
    /// Zeros.
    pub token_type_ids: Vec<i64>,
}

impl Batch {
    fn new(texts: Vec<usize>, encodings: &[Encoding]) -> Self {
        let length = texts.iter().map(|&text| encodings[text].len()).max().unwrap_or(0);
        let mut input_ids = vec![0_i64; texts.len() * length];
        let mut attention_mask = input_ids.clone();
        for (row, &text) in texts.iter().enumerate() {
            let tokens = encodings[text].get_ids();
            let start = row * length;
            input_ids[start..].iter_mut().zip(tokens).for_each(|(id, &token)| *id = i64::from(token));
            attention_mask[start..start + tokens.len()].fill(1);
        }
        Self {
            length,
            n_tokens: texts.iter().map(|&text| encodings[text].len()).sum(),
            token_type_ids: vec![0; input_ids.len()],
            texts,
            input_ids,
            attention_mask,
        }
    }

    /// Texts and length.
    pub fn shape(&self) -> [usize; 2] {
        [self.texts.len(), self.length]
    }
}

/// The model's tokenizer, cutting at `max_length`.
///
/// # Errors
/// When the file is none.
pub fn tokenizer(path: &Path, max_length: usize) -> Result<Tokenizer> {
    let mut tokenizer = Tokenizer::from_file(path).map_err(|err| anyhow!("`{}`: {err}", path.display()))?;
    let truncation = TruncationParams { max_length, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(|err| anyhow!("{err}"))?;
    tokenizer.with_padding(None);
    Ok(tokenizer)
}

/// Batches of `size` texts, longest first.
///
/// # Errors
/// What the tokenizer fails with.
pub fn batches(tokenizer: &Tokenizer, texts: &[String], size: usize) -> Result<Vec<Batch>> {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let encodings = tokenizer.encode_batch_fast(texts, true).map_err(|err| anyhow!("{err}"))?;
    let mut order: Vec<usize> = (0..encodings.len()).collect();
    order.sort_by_key(|&text| Reverse(encodings[text].len()));
    Ok(order.chunks(size.max(1)).map(|texts| Batch::new(texts.to_vec(), &encodings)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKENIZER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../core/engine/builtin/tokenizer.json");

    #[test]
    fn batches_are_sorted_padded_and_cut() {
        let tokenizer = tokenizer(Path::new(TOKENIZER), 4).unwrap();
        let texts = ["one", "one two three four five six", "one two"].map(str::to_owned);
        let found = batches(&tokenizer, &texts, 2).unwrap();
        assert_eq!(found.iter().map(|batch| batch.texts.clone()).collect::<Vec<_>>(), [vec![1, 2], vec![0]]);
        assert!(found[0].length <= 4 && found[1].length < found[0].length);
        for batch in &found {
            assert_eq!(batch.input_ids.len(), batch.texts.len() * batch.length);
            assert_eq!(batch.attention_mask.iter().sum::<i64>(), batch.n_tokens as i64);
            let padding = batch.attention_mask.iter().zip(&batch.input_ids).filter(|(mask, _)| **mask == 0);
            assert!(padding.into_iter().all(|(_, id)| *id == 0));
        }
    }
}
