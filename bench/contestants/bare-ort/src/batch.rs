//! Batches as tensors.

use anyhow::Result;
use batches::Tokenizer;
use ort::value::Tensor;

/// The input tensors of one run, `[texts, longest]`.
pub(crate) struct Batch {
    /// Indices of its texts.
    pub(crate) texts: Vec<usize>,
    /// Tokens without padding.
    pub(crate) n_tokens: usize,
    pub(crate) input_ids: Tensor<i64>,
    pub(crate) attention_mask: Tensor<i64>,
    pub(crate) token_type_ids: Tensor<i64>,
}

impl Batch {
    fn new(batch: batches::Batch) -> Result<Self> {
        let shape = batch.shape();
        Ok(Self {
            texts: batch.texts,
            n_tokens: batch.n_tokens,
            input_ids: Tensor::from_array((shape, batch.input_ids))?,
            attention_mask: Tensor::from_array((shape, batch.attention_mask))?,
            token_type_ids: Tensor::from_array((shape, batch.token_type_ids))?,
        })
    }
}

/// Batches of `size` texts, longest first.
pub(crate) fn batches(tokenizer: &Tokenizer, texts: &[String], size: usize) -> Result<Vec<Batch>> {
    batches::batches(tokenizer, texts, size)?.into_iter().map(Batch::new).collect()
}
