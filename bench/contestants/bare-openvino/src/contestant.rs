//! Batches handed to requests as these become free, and the vectors put back into the order of the texts.

use std::sync::mpsc::{self, Receiver};

use anyhow::{Context, Result};
use batches::{Batch, Tokenizer, in_order};
use protocol::{Contestant, read_texts};

use crate::{
    native::{Compiled, Input, Request},
    settings::Settings,
};

/// What a transformer may take, in this order everywhere.
const INPUTS: [&str; 3] = ["input_ids", "attention_mask", "token_type_ids"];

/// Requests over one compiled model, and the texts, tokenised and batched beforehand unless the settings say otherwise.
pub(crate) struct BareOpenVino {
    requests: Vec<Request>,
    done: Receiver<usize>,
    source: Source,
    batches: Vec<(Batch, Vec<Input>)>,
    tokenise_inside: bool,
    dim: usize,
}

/// What batches are made of.
struct Source {
    tokenizer: Tokenizer,
    texts: Vec<String>,
    batch_size: usize,
    /// Inputs that the graph has.
    inputs: Vec<&'static str>,
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
        let inputs = INPUTS.into_iter().filter(|name| compiled.has_input(name)).collect();
        let source = Source { tokenizer, texts, batch_size: settings.batch, inputs };
        let batches = source.batches()?;
        let (shortest, inputs) = batches.last().context("no texts")?;
        let request = requests.first_mut().context("no request")?;
        request.start(inputs)?;
        let finished = done.recv()?;
        let dim = requests[finished].wait()?.len() / shortest.texts.len();
        Ok(Self { requests, done, source, batches, tokenise_inside: settings.tokenise_inside, dim })
    }
}

impl Source {
    fn batches(&self) -> Result<Vec<(Batch, Vec<Input>)>> {
        let inputs = |batch: Batch| -> Result<(Batch, Vec<Input>)> {
            let values = INPUTS.into_iter().zip([&batch.input_ids, &batch.attention_mask, &batch.token_type_ids]);
            let wanted = values.filter(|(name, _)| self.inputs.contains(name));
            let inputs = wanted.map(|(name, values)| Input::new(name, values.clone(), batch.shape()));
            let inputs = inputs.collect::<Result<_>>()?;
            Ok((batch, inputs))
        };
        batches::batches(&self.tokenizer, &self.texts, self.batch_size)?.into_iter().map(inputs).collect()
    }
}

impl Contestant for BareOpenVino {
    type Vectors = Vec<f32>;

    fn dim(&self) -> usize {
        self.dim
    }

    fn embed(&mut self) -> Result<Vec<f32>> {
        if self.tokenise_inside {
            self.batches = self.source.batches()?;
        }
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
        Ok(in_order((self.source.texts.len(), self.dim), parts))
    }

    fn rows<'a>(&self, vectors: &'a Vec<f32>) -> Vec<&'a [f32]> {
        vectors.chunks_exact(self.dim).collect()
    }

    fn tokens(&self) -> Option<usize> {
        Some(self.batches.iter().map(|(batch, _)| batch.n_tokens).sum())
    }
}
