//! Epochs: steps over all texts, the loss of those held out, and when to end.

use drivetrain_contract::{Call, Error, Result};

use super::{
    checkpoint::{Checkpoint, State},
    corpus::Corpus,
    loss::{Targets, loss_and_gradient, normalize_all},
    options::FitOptions,
    random::Random,
    table::Table,
    vector_file::VectorFile,
};

/// The texts, what the teacher says of them, and how to learn it.
#[derive(Debug)]
pub(super) struct Course<'a> {
    corpus: &'a Corpus,
    vectors: &'a VectorFile,
    options: &'a FitOptions,
    /// Mean of the teacher's vectors of the texts to train on.
    mean: Vec<f32>,
    held_out: Vec<u32>,
}

impl<'a> Course<'a> {
    /// A course over vectors that are all there.
    ///
    /// # Errors
    /// Those of reading them.
    pub(super) fn new(corpus: &'a Corpus, vectors: &'a VectorFile, options: &'a FitOptions) -> Result<Self> {
        let mut sum = vec![0.0; vectors.dim()];
        let mut block = Vec::new();
        for texts in corpus.train.chunks(options.batch_texts) {
            vectors.read(texts, &mut block)?;
            for vector in block.chunks_exact(vectors.dim()) {
                sum.iter_mut().zip(vector).for_each(|(sum, &element)| *sum += f64::from(element));
            }
        }
        let count = corpus.train.len() as f64;
        let mean = sum.iter().map(|sum| (sum / count) as f32).collect();
        // Neighbours are often alike; batches are to hold any texts.
        let mut held_out = corpus.held_out.clone();
        Random::of_epoch(options.seed, u32::MAX).shuffle(&mut held_out);
        Ok(Self { corpus, vectors, options, mean, held_out })
    }

    /// Trains from `state` on until it is enough, keeping each epoch's result.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] when the loss is no number any more, those of reading and writing,
    /// and those of the call.
    pub(super) fn run(&self, state: &mut State, checkpoint: &Checkpoint, call: &dyn Call) -> Result<()> {
        if state.losses.is_empty() {
            state.losses.push(self.held_out_loss(&state.table)?);
        }
        while !self.is_over(state) {
            let before = match &state.best {
                None => Some(state.table.vectors()?),
                Some(_) => None,
            };
            self.epoch(state, call)?;
            let lowest = state.losses[state.best_epoch()];
            let loss = self.held_out_loss(&state.table)?;
            if !loss.is_finite() {
                return Err(Error::invalid(format!("the loss came to be {loss}"))
                    .with_hint("lower the learning rate, or the weight of pairs"));
            }
            state.losses.push(loss);
            if loss < lowest {
                state.best = None;
            } else if before.is_some() {
                state.best = before;
            }
            checkpoint.save(state)?;
        }
        Ok(())
    }

    fn is_over(&self, state: &State) -> bool {
        let done = state.n_epochs();
        done >= self.options.epochs as usize || done - state.best_epoch() >= self.options.patience as usize
    }

    /// One pass over the texts to train on.
    fn epoch(&self, state: &mut State, call: &dyn Call) -> Result<()> {
        let (done, most) = (state.n_epochs(), self.options.epochs as usize);
        let phase = format!("epoch {} of {most}, loss {:.4}", done + 1, state.losses[done]);
        let mut texts = self.corpus.train.clone();
        Random::of_epoch(self.options.seed, done as u32).shuffle(&mut texts);
        let n_texts = texts.len();
        let mut seen = 0;
        for batch in self.batches(&texts) {
            call.check()?;
            call.progress(((done * n_texts + seen) as f64 / (most * n_texts) as f64 * 1000.0) as u32, &phase);
            let (_, gradient) = self.look_at(&state.table, batch)?;
            state.table.step(self.corpus, batch, &gradient, self.options.learning_rate);
            seen += batch.len();
        }
        Ok(())
    }

    fn held_out_loss(&self, table: &Table) -> Result<f64> {
        let mut sum = 0.0;
        for batch in self.batches(&self.held_out) {
            sum += self.look_at(table, batch)?.0 * batch.len() as f64;
        }
        Ok(sum / self.held_out.len() as f64)
    }

    /// Batches of about the same size.
    fn batches<'t>(&self, texts: &'t [u32]) -> impl Iterator<Item = &'t [u32]> {
        let n_batches = texts.len().div_ceil(self.options.batch_texts).max(1);
        texts.chunks(texts.len().div_ceil(n_batches).max(1))
    }

    /// The loss of a batch, and its gradient.
    fn look_at(&self, table: &Table, batch: &[u32]) -> Result<(f64, Vec<f32>)> {
        let dim = table.dim();
        let targets = self.targets(batch)?;
        let mut sums = table.sums(self.corpus, batch);
        let loss = loss_and_gradient(&mut sums, dim, &targets, self.options.pair_weight);
        Ok((loss.total(self.options.pair_weight), sums))
    }

    fn targets(&self, batch: &[u32]) -> Result<Targets> {
        let mut directions = Vec::new();
        self.vectors.read(batch, &mut directions)?;
        let mut places = directions.clone();
        for place in places.chunks_exact_mut(self.mean.len()) {
            place.iter_mut().zip(&self.mean).for_each(|(element, mean)| *element -= mean);
        }
        normalize_all(&mut places, self.mean.len());
        normalize_all(&mut directions, self.mean.len());
        Ok(Targets { places, directions })
    }
}
