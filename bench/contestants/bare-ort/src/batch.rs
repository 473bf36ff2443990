//! Tokenising, sorting, batching.

use std::{cmp::Reverse, path::Path};

use anyhow::{Result, anyhow};
use ort::value::Tensor;
use tokenizers::{Encoding, Tokenizer, TruncationParams};

/// The input tensors of one run, `[texts, longest]`, padded with zeros on the right.
pub(crate) struct Batch {
    texts: Vec<usize>,
    n_tokens: usize,
    pub(crate) input_ids: Tensor<i64>,
    pub(crate) attention_mask: Tensor<i64>,
    pub(crate) token_type_ids: Tensor<i64>,
}

impl Batch {
    fn new(texts: Vec<usize>, encodings: &[Encoding]) -> Result<Self> {
        let length = texts.iter().map(|&text| encodings[text].len()).max().unwrap_or(0);
        let shape = [texts.len(), length];
        let mut ids = vec![0_i64; texts.len() * length];
        let mut mask = ids.clone();
        for (row, &text) in texts.iter().enumerate() {
            let tokens = encodings[text].get_ids();
            let start = row * length;
            ids[start..].iter_mut().zip(tokens).for_each(|(id, &token)| *id = i64::from(token));
            mask[start..start + tokens.len()].fill(1);
        }
        let types = vec![0_i64; ids.len()];
        Ok(Self {
            n_tokens: texts.iter().map(|&text| encodings[text].len()).sum(),
            texts,
            input_ids: Tensor::from_array((shape, ids))?,
            attention_mask: Tensor::from_array((shape, mask))?,
            token_type_ids: Tensor::from_array((shape, types))?,
        })
    }

    /// Indices of its texts.
    pub(crate) fn texts(&self) -> &[usize] {
        &self.texts
    }

    /// Tokens without padding.
    pub(crate) fn n_tokens(&self) -> usize {
        self.n_tokens
    }
}

/// The model's tokenizer, cutting at `max_length`.
pub(crate) fn tokenizer(path: &Path, max_length: usize) -> Result<Tokenizer> {
    let mut tokenizer = Tokenizer::from_file(path).map_err(|err| anyhow!("`{}`: {err}", path.display()))?;
    let truncation = TruncationParams { max_length, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(|err| anyhow!("{err}"))?;
    tokenizer.with_padding(None);
    Ok(tokenizer)
}

/// Batches of `size` texts, longest first.
pub(crate) fn batches(tokenizer: &Tokenizer, texts: &[String], size: usize) -> Result<Vec<Batch>> {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let encodings = tokenizer.encode_batch_fast(texts, true).map_err(|err| anyhow!("{err}"))?;
    let mut order: Vec<usize> = (0..encodings.len()).collect();
    order.sort_by_key(|&text| Reverse(encodings[text].len()));
    order.chunks(size.max(1)).map(|texts| Batch::new(texts.to_vec(), &encodings)).collect()
}
