//! A loaded table: texts in, vectors out.

use std::{num::NonZeroUsize, sync::Arc};

use drivetrain_contract::{
    Batch, Call, Error, Inputs, MemoryUse, Output, OutputMut, Outputs, Precision, Result, Session, SessionInfo,
};
use rayon::{
    ThreadPool, ThreadPoolBuilder,
    iter::{IndexedParallelIterator, ParallelIterator},
    slice::{ParallelSlice, ParallelSliceMut},
};

use crate::{device, engine::Engine};

/// Most texts that one thread takes at a time, and after which it looks whether to stop.
const CHUNK: usize = 32;

/// Least number of pieces for each thread, so that all end at about the same time.
const PIECES: usize = 32;

/// A session of this backend.
///
/// Its `threads` threads are a pool of its own; the calling thread waits for them. (model2vec-rs iterates with
/// `tokenizers`' "maybe parallel" iterators, which outside a pool would take the process's global one, whatever its
/// size.) Only a gather-mean on one thread runs on the calling thread.
#[derive(Debug)]
pub(crate) struct StaticSession {
    info: SessionInfo,
    engine: Arc<Engine>,
    pool: Option<ThreadPool>,
}

/// What a [`StaticSession`] is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    /// Computes the vectors.
    pub(crate) engine: Arc<Engine>,
    /// Tokens of a text that count.
    pub(crate) max_tokens: Option<usize>,
    /// Precision that was asked for.
    pub(crate) precision: Precision,
    /// Threads to compute with.
    pub(crate) threads: NonZeroUsize,
}

impl StaticSession {
    /// Starts the session's threads.
    pub(crate) fn new(parts: Parts) -> Result<Self> {
        let threads = parts.threads.get();
        let pool = match &*parts.engine {
            Engine::Gather(_) if threads == 1 => None,
            _ => Some(start_pool(threads)?),
        };
        let info = SessionInfo {
            capabilities: device::CAPABILITIES,
            inputs: Inputs::TEXT_BYTES | Inputs::TEXT_OFFSETS,
            outputs: Outputs::SENTENCE_EMBEDDING,
            dim: parts.engine.columns(),
            max_tokens: parts.max_tokens.unwrap_or(0),
            threads,
            precision: Some(parts.precision),
            ..SessionInfo::default()
        };
        Ok(Self { info, engine: parts.engine, pool })
    }

    fn embed(&self, texts: &[&str], out: &mut [f32], call: &dyn Call) -> Result<()> {
        let chunk = texts.len().div_ceil(PIECES * self.info.threads).clamp(1, CHUNK);
        let width = chunk * self.info.dim;
        let one = |(texts, out): (&[&str], &mut [f32])| {
            call.check()?;
            self.engine.embed(texts, out)
        };
        match &self.pool {
            None => texts.chunks(chunk).zip(out.chunks_mut(width)).try_for_each(one),
            Some(pool) => pool.install(|| texts.par_chunks(chunk).zip(out.par_chunks_mut(width)).try_for_each(one)),
        }
    }
}

impl Session for StaticSession {
    fn describe(&self) -> &SessionInfo {
        &self.info
    }

    fn output_shape(&self, batch: &Batch<'_>, output: Output) -> Result<Vec<usize>> {
        if output != Output::SentenceEmbedding {
            return Err(Error::unsupported(format!(
                "a static embedding has no `{}`, only `sentence_embedding`",
                output.name()
            )));
        }
        Ok(vec![batch.as_text()?.size(), self.info.dim])
    }

    fn run(&mut self, batch: &Batch<'_>, outputs: &mut [OutputMut<'_>], call: &dyn Call) -> Result<()> {
        call.check()?;
        let texts: Vec<&str> = batch.as_text()?.texts().collect();
        for output in outputs {
            let shape = self.output_shape(batch, output.output())?;
            if output.shape() != shape {
                return Err(Error::invalid(format!(
                    "buffer for `sentence_embedding` has shape {:?}, needed is {shape:?}",
                    output.shape()
                )));
            }
            self.embed(&texts, output.data(), call)?;
        }
        Ok(())
    }

    /// The table, or this session's part of one that a group has together; the tokenizer is not counted.
    fn memory(&self) -> Result<MemoryUse> {
        let sessions = Arc::strong_count(&self.engine) as u64;
        Ok(MemoryUse { host_private: self.engine.table_bytes() / sessions, ..MemoryUse::default() })
    }
}

fn start_pool(threads: usize) -> Result<ThreadPool> {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|idx| format!("static-{idx}"))
        .build()
        .map_err(|err| Error::internal(format!("cannot start {threads} threads")).with_source(err))
}
