//! Batches handed to requests as these become free, and the vectors put back into the order of the texts.

use std::sync::mpsc::{self, Receiver};

use anyhow::{Context, Result};
use batches::{Batch, in_order};
use protocol::{Contestant, read_texts};

use crate::{
    native::{Compiled, Input, Request},
    settings::Settings,
};

/// Requests over one compiled model, and the texts, tokenised and batched beforehand.
pub(crate) struct BareOpenVino {
    requests: Vec<Request>,
    done: Receiver<usize>,
    batches: Vec<(Batch, Vec<Input>)>,
    n_texts: usize,
    dim: usize,
}

impl BareOpenVino {
    /// Loads the library, the model and the texts.
    pub(crate) fn load(settings: &Settings) -> Result<Self> {
        let properties = [
            ("INFERENCE_PRECISION_HINT", settings.precision.clone()),
            ("NUM_STREAMS", settings.streams.to_string()),
            ("INFERENCE_NUM_THREADS", (settings.streams * settings.threads).to_string()),
            ("ENABLE_CPU_PINNING", "NO".to_owned()),
        ];
        let compiled = Compiled::new(&settings.library, &settings.graph, &properties)?;
        let (sender, done) = mpsc::channel();
        let mut requests: Vec<Request> =
            (0..settings.streams * settings.depth).map(|idx| compiled.request(idx, &sender)).collect::<Result<_>>()?;
        let tokenizer = batches::tokenizer(&settings.tokenizer, settings.max_length)?;
        let texts = read_texts(&settings.texts)?;
        let inputs = |batch: Batch| -> Result<(Batch, Vec<Input>)> {
            let [ids, mask, types] = [&batch.input_ids, &batch.attention_mask, &batch.token_type_ids];
            let wanted = [("input_ids", ids), ("attention_mask", mask), ("token_type_ids", types)]
                .into_iter()
                .filter(|(name, _)| compiled.has_input(name));
            let inputs = wanted.map(|(name, values)| Input::new(name, values.clone(), batch.shape()));
            let inputs = inputs.collect::<Result<_>>()?;
            Ok((batch, inputs))
        };
        let batches: Vec<(Batch, Vec<Input>)> =
            batches::batches(&tokenizer, &texts, settings.batch)?.into_iter().map(inputs).collect::<Result<_>>()?;
        let (shortest, inputs) = batches.last().context("no texts")?;
        let request = requests.first_mut().context("no request")?;
        request.start(inputs)?;
        let finished = done.recv()?;
        let dim = requests[finished].wait()?.len() / shortest.texts.len();
        Ok(Self { requests, done, batches, n_texts: texts.len(), dim })
    }
}

impl Contestant for BareOpenVino {
    type Vectors = Vec<f32>;

    fn dim(&self) -> usize {
        self.dim
    }

    fn embed(&mut self) -> Result<Vec<f32>> {
        let mut waiting = self.batches.iter().enumerate();
        let mut running = vec![None; self.requests.len()];
        for (request, running) in self.requests.iter_mut().zip(&mut running) {
            let Some((idx, (_, inputs))) = waiting.next() else { break };
            request.start(inputs)?;
            *running = Some(idx);
        }
        let mut parts = Vec::with_capacity(self.batches.len());
        while running.iter().any(Option::is_some) {
            let free = self.done.recv()?;
            let rows = self.requests[free].wait()?;
            parts.extend(running[free].take().map(|idx| (self.batches[idx].0.texts.as_slice(), rows)));
            if let Some((idx, (_, inputs))) = waiting.next() {
                self.requests[free].start(inputs)?;
                running[free] = Some(idx);
            }
        }
        Ok(in_order((self.n_texts, self.dim), parts))
    }

    fn rows<'a>(&self, vectors: &'a Vec<f32>) -> Vec<&'a [f32]> {
        vectors.chunks_exact(self.dim).collect()
    }

    fn tokens(&self) -> Option<usize> {
        Some(self.batches.iter().map(|(batch, _)| batch.n_tokens).sum())
    }
}
