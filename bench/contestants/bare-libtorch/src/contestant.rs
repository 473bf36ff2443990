//! Batches handed to one or several threads, and the vectors put back into the order of the texts.

use anyhow::Result;
use batches::{Batch, Tokenizer, in_order, run_all};
use protocol::{Contestant, read_texts};

use crate::{bert::Bert, settings::Settings};

/// The model, and the texts, tokenised and batched beforehand unless the settings say otherwise.
pub(crate) struct BareLibTorch {
    lanes: Vec<Bert>,
    threads: i32,
    tokenizer: Tokenizer,
    texts: Vec<String>,
    batches: Vec<Batch>,
    batch_size: usize,
    tokenise_inside: bool,
    dim: usize,
}

impl BareLibTorch {
    /// Loads model and texts.
    pub(crate) fn load(settings: &Settings) -> Result<Self> {
        let threads = i32::try_from(settings.threads)?;
        use_threads(threads);
        let model = Bert::load(&settings.model, settings.precision.kind())?;
        let tokenizer = batches::tokenizer(&settings.model.join("tokenizer.json"), settings.max_length)?;
        let texts = read_texts(&settings.texts)?;
        let dim = model.dim();
        let mut lanes: Vec<Bert> = (1..settings.sessions).map(|_| model.share()).collect();
        lanes.push(model);
        let batches = batches::batches(&tokenizer, &texts, settings.batch)?;
        let Settings { batch: batch_size, tokenise_inside, .. } = *settings;
        Ok(Self { lanes, threads, tokenizer, texts, batches, batch_size, tokenise_inside, dim })
    }
}

impl Contestant for BareLibTorch {
    type Vectors = Vec<f32>;

    fn dim(&self) -> usize {
        self.dim
    }

    fn embed(&mut self) -> Result<Vec<f32>> {
        if self.tokenise_inside {
            self.batches = batches::batches(&self.tokenizer, &self.texts, self.batch_size)?;
        }
        let threads = self.threads;
        let run = |model: &mut Bert, batch: &Batch| {
            use_threads(threads);
            tch::no_grad(|| model.run(batch))
        };
        let done = run_all(&mut self.lanes, &self.batches, run)?;
        let parts = done.into_iter().map(|(idx, rows)| (self.batches[idx].texts.as_slice(), rows));
        Ok(in_order((self.texts.len(), self.dim), parts))
    }

    fn rows<'a>(&self, vectors: &'a Vec<f32>) -> Vec<&'a [f32]> {
        vectors.chunks_exact(self.dim).collect()
    }

    fn tokens(&self) -> Option<usize> {
        Some(self.batches.iter().map(|batch| batch.n_tokens).sum())
    }
}

/// Lets the calling thread, for which OpenMP keeps the number, share its work out to so many.
fn use_threads(threads: i32) {
    // The first computation of a thread would take over what any other has set last; asking counts as one.
    if tch::get_num_threads() != threads {
        tch::set_num_threads(threads);
    }
}
