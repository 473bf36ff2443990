//! Embedding through a session that tokenises by itself.

use drivetrain_contract::{AlignedBuf, Batch, Call, Output, Result, TextBatch};

use crate::{embeddings::Embeddings, run::Runner};

/// Bytes of text in one batch; a longer text goes alone. Such sessions have little to gain from more.
const BATCH_BYTES: usize = 1 << 20;

/// Texts go to the session as they are, after the prompt, in the order of the input.
#[derive(Debug)]
pub(crate) struct TextPath {
    prompt: String,
    max_batch: usize,
    dim: usize,
    text: String,
    offsets: AlignedBuf<i64>,
}

impl TextPath {
    /// For vectors of `dim` numbers.
    pub(crate) fn new(prompt: String, max_batch: usize, dim: usize) -> Self {
        Self { prompt, max_batch: max_batch.max(1), dim, text: String::new(), offsets: AlignedBuf::new() }
    }

    /// Fills `out` with the vectors of `texts`.
    pub(crate) fn embed(
        &mut self,
        runner: &mut Runner,
        texts: &[&str],
        out: &mut Embeddings,
        call: &dyn Call,
    ) -> Result<()> {
        let mut start = 0;
        while start < texts.len() {
            let range = start..start + self.batch_len(&texts[start..]);
            let (dim, shape) = (self.dim, vec![range.len(), self.dim]);
            let batch = Batch::Text(self.fill(&texts[range.clone()])?);
            let vectors = runner.run(&batch, (Output::SentenceEmbedding, shape), call)?;
            range.clone().zip(vectors.chunks_exact(dim)).try_for_each(|(idx, vector)| out.set(idx, vector))?;
            start = range.end;
            call.progress((start * 1000 / texts.len()) as u32, "embed");
        }
        Ok(())
    }

    /// How many of the texts fit into one batch, at least one.
    fn batch_len(&self, texts: &[&str]) -> usize {
        let mut bytes = 0;
        let fits = texts.iter().take(self.max_batch).take_while(|text| {
            bytes += self.prompt.len() + text.len();
            bytes <= BATCH_BYTES
        });
        fits.count().max(1)
    }

    fn fill<'a>(&'a mut self, texts: &[&'a str]) -> Result<TextBatch<'a>> {
        self.offsets.reset(texts.len() + 1);
        if let ([text], true) = (texts, self.prompt.is_empty()) {
            // A single text, which may be very long, needs no copy.
            self.offsets[1] = text.len() as i64;
            return TextBatch::new(text, &self.offsets);
        }
        self.text.clear();
        for (text, end) in texts.iter().zip(self.offsets.iter_mut().skip(1)) {
            self.text.push_str(&self.prompt);
            self.text.push_str(text);
            *end = self.text.len() as i64;
        }
        TextBatch::new(&self.text, &self.offsets)
    }
}
