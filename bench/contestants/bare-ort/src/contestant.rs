//! Batches handed to one or several sessions, and the vectors put back into the order of the texts.

use anyhow::{Context, Result};
use batches::{Tokenizer, in_order, run_all};
use ort::session::Session;
use protocol::{Contestant, read_texts};

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
        let tokenizer = batches::tokenizer(&settings.tokenizer, settings.max_length)?;
        let texts = read_texts(&settings.texts)?;
        let batches = batch::batches(&tokenizer, &texts, settings.batch)?;
        let n_tokens = batches.iter().map(|batch| batch.n_tokens).sum();
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
        let done = run_all(&mut self.runners, &self.batches, Runner::run)?;
        let parts = done.into_iter().map(|(idx, rows)| (self.batches[idx].texts.as_slice(), rows));
        Ok(in_order((self.texts.len(), self.dim), parts))
    }

    fn rows<'a>(&self, vectors: &'a Vec<f32>) -> Vec<&'a [f32]> {
        vectors.chunks_exact(self.dim).collect()
    }

    fn tokens(&self) -> Option<usize> {
        Some(self.n_tokens)
    }
}
