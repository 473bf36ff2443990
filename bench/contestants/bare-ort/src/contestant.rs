//! Batches handed to one or several sessions, and the vectors put back into the order of the texts.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use anyhow::{Context, Result, anyhow};
use ort::session::Session;
use protocol::{Contestant, read_texts};
use tokenizers::Tokenizer;

use crate::{
    batch::{self, Batch},
    session::{self, Runner},
    settings::Settings,
};

/// Sessions over one graph, and the texts, tokenised and batched beforehand unless the settings say otherwise.
pub(crate) struct BareOrt {
    runners: Vec<Runner>,
    tokenizer: Tokenizer,
    texts: Vec<String>,
    batches: Vec<Batch>,
    batch_size: usize,
    tokenise_inside: bool,
    dim: usize,
    n_tokens: usize,
}

impl BareOrt {
    /// Loads the library, the sessions and the texts.
    pub(crate) fn load(settings: &Settings) -> Result<Self> {
        let environment = ort::init_from(&settings.library)?.with_telemetry(false).build()?;
        let sessions: Vec<Session> =
            (0..settings.sessions).map(|_| session::open(&environment, settings)).collect::<Result<_>>()?;
        let dim = sessions.first().context("no session")?.outputs().iter().find_map(session::width);
        let dim = dim.context("the graph has no `sentence_embedding` of known width")?;
        let runners = sessions.into_iter().map(|session| Runner::new(session, settings)).collect::<Result<_>>()?;
        let tokenizer = batch::tokenizer(&settings.tokenizer, settings.max_length)?;
        let texts = read_texts(&settings.texts)?;
        let batches = batch::batches(&tokenizer, &texts, settings.batch)?;
        let n_tokens = batches.iter().map(Batch::n_tokens).sum();
        Ok(Self {
            runners,
            tokenizer,
            texts,
            batches,
            batch_size: settings.batch,
            tokenise_inside: settings.tokenise_inside,
            dim,
            n_tokens,
        })
    }
}

impl Contestant for BareOrt {
    type Vectors = Vec<f32>;

    fn dim(&self) -> usize {
        self.dim
    }

    fn embed(&mut self) -> Result<Vec<f32>> {
        if self.tokenise_inside {
            self.batches = batch::batches(&self.tokenizer, &self.texts, self.batch_size)?;
        }
        let next = AtomicUsize::new(0);
        let work = |runner: &mut Runner| -> Result<Vec<(usize, Vec<f32>)>> {
            let mut done = Vec::new();
            while let Some((idx, batch)) = take(&self.batches, &next) {
                done.push((idx, runner.run(batch)?));
            }
            Ok(done)
        };
        let (first, others) = self.runners.split_first_mut().context("no session")?;
        let done: Vec<(usize, Vec<f32>)> = thread::scope(|scope| {
            let others: Vec<_> = others.iter_mut().map(|runner| scope.spawn(|| work(runner))).collect();
            let mut done = work(first)?;
            for other in others {
                done.extend(other.join().map_err(|_| anyhow!("a thread panicked"))??);
            }
            anyhow::Ok(done)
        })?;
        let mut vectors = vec![0.0; self.texts.len() * self.dim];
        for (idx, rows) in done {
            for (&text, row) in self.batches[idx].texts().iter().zip(rows.chunks_exact(self.dim)) {
                vectors[text * self.dim..][..self.dim].copy_from_slice(row);
            }
        }
        Ok(vectors)
    }

    fn rows<'a>(&self, vectors: &'a Vec<f32>) -> Vec<&'a [f32]> {
        vectors.chunks_exact(self.dim).collect()
    }

    fn tokens(&self) -> Option<usize> {
        Some(self.n_tokens)
    }
}

fn take<'a>(batches: &'a [Batch], next: &AtomicUsize) -> Option<(usize, &'a Batch)> {
    let idx = next.fetch_add(1, Ordering::Relaxed);
    batches.get(idx).map(|batch| (idx, batch))
}
