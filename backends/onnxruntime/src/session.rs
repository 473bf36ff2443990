//! A loaded graph: padded tokens in, tensors out.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use drivetrain_contract::{
    Batch, Call, Error, MemoryUse, Output, OutputMut, Result, Session, SessionInfo, SessionOptions,
};
use drivetrain_graphs::Description;
use ort::{ep::ExecutionProviderDispatch, session::RunOptions};

use crate::{
    device, error,
    feeds::{Feeds, Sample, feeds},
    graph::{Graph, Port},
    load::Load,
    memory,
    run::Runner,
    watch,
};

/// A session of this backend.
pub(crate) struct OnnxSession {
    info: SessionInfo,
    runner: Runner,
    description: Description,
    run_options: RunOptions,
    memory: MemoryUse,
    /// Anonymous memory of the process when the session was ready.
    ready_bytes: u64,
    /// Longest time a token of any run has taken, in seconds.
    slowest_token: Option<f64>,
}

impl OnnxSession {
    /// Loads the graph; runs it once if it leaves the extent of an output open.
    pub(crate) fn new(
        load: &Load<'_>,
        description: Description,
        options: &SessionOptions,
        dispatch: Option<ExecutionProviderDispatch>,
    ) -> Result<Self> {
        let before = memory::anonymous_bytes();
        let on_processor = dispatch.is_none();
        let io_binding = load.settings.io_binding.unwrap_or(!on_processor);
        let session = load.run(dispatch)?;
        let graph = read_graph(&session, description)?;
        let run_options = RunOptions::new().map_err(error::setting)?;
        let mut runner = Runner { session, graph, io_binding };
        if runner.graph.ports.iter().any(|port| port.extent.is_none()) {
            let sample = Sample::new(&runner.graph)?;
            let feeds = feeds(&runner.graph, description, &sample.batch()?)?;
            runner.measure_extents(feeds, &run_options)?;
        }
        let ready_bytes = memory::anonymous_bytes();
        Ok(Self {
            info: session_info(&runner.graph, options, on_processor),
            runner,
            description,
            run_options,
            memory: MemoryUse { host_private: ready_bytes.saturating_sub(before), ..MemoryUse::default() },
            ready_bytes,
            slowest_token: None,
        })
    }

    fn check_outputs(&self, batch: &Batch<'_>, outputs: &[OutputMut<'_>]) -> Result<()> {
        for (idx, output) in outputs.iter().enumerate() {
            let name = output.output().name();
            let shape = self.output_shape(batch, output.output())?;
            if output.shape() != shape {
                let found = output.shape();
                return Err(Error::invalid(format!("buffer for `{name}` has shape {found:?}, needed is {shape:?}")));
            }
            if outputs[..idx].iter().any(|other| other.output() == output.output()) {
                return Err(Error::invalid(format!("`{name}` is asked for twice")));
            }
        }
        Ok(())
    }

    /// Runs the graph and stops it when `call` ends, if it may take long enough to be worth a watching thread.
    fn run_stoppable(
        &mut self,
        n_tokens: usize,
        feeds: Feeds<'_>,
        outputs: &mut [OutputMut<'_>],
        call: &dyn Call,
    ) -> Result<()> {
        let (runner, run_options) = (&mut self.runner, &self.run_options);
        let short = watch::WORTH_WATCHING.as_secs_f64();
        if self.slowest_token.is_some_and(|seconds| seconds * n_tokens as f64 <= short) {
            return runner.run(feeds, outputs, run_options);
        }
        let stopped = AtomicBool::new(false);
        let stop = || {
            stopped.store(true, Ordering::Release);
            if let Err(err) = run_options.terminate() {
                log::warn!("a run cannot be stopped: {err}");
            }
        };
        let result = watch::watched(call, stop, || runner.run(feeds, outputs, run_options));
        if stopped.into_inner() {
            self.run_options.unterminate().map_err(error::run)?;
            call.check()?;
        }
        result
    }
}

impl Session for OnnxSession {
    fn describe(&self) -> &SessionInfo {
        &self.info
    }

    fn output_shape(&self, batch: &Batch<'_>, output: Output) -> Result<Vec<usize>> {
        let batch = batch.as_padded()?;
        let extent = self.runner.graph.port(output)?.extent.unwrap_or(0);
        Ok(match output {
            Output::LastHiddenState => vec![batch.size(), batch.length(), extent],
            _ => vec![batch.size(), extent],
        })
    }

    fn run(&mut self, batch: &Batch<'_>, outputs: &mut [OutputMut<'_>], call: &dyn Call) -> Result<()> {
        call.check()?;
        self.check_outputs(batch, outputs)?;
        let batch = batch.as_padded()?;
        let n_tokens = batch.size() * batch.length();
        let feeds = feeds(&self.runner.graph, self.description, batch)?;
        let started = Instant::now();
        self.run_stoppable(n_tokens, feeds, outputs, call)?;
        let per_token = started.elapsed().as_secs_f64() / n_tokens as f64;
        self.slowest_token = Some(self.slowest_token.map_or(per_token, |slowest| slowest.max(per_token)));
        let grown = memory::anonymous_bytes().saturating_sub(self.ready_bytes);
        self.memory.peak_activation = self.memory.peak_activation.max(grown);
        Ok(())
    }

    /// Growth of the process's anonymous memory while loading and since, which includes what others allocated
    /// meanwhile; 0 where the system does not tell.
    fn memory(&self) -> Result<MemoryUse> {
        Ok(self.memory)
    }
}

fn read_graph(session: &ort::session::Session, description: Description) -> Result<Graph> {
    let inputs: Vec<Port<'_>> = session.inputs().iter().map(Port::from).collect();
    let outputs: Vec<Port<'_>> = session.outputs().iter().map(Port::from).collect();
    Graph::new(&inputs, &outputs, description.hidden_size)
}

fn session_info(graph: &Graph, options: &SessionOptions, on_processor: bool) -> SessionInfo {
    let extent = |output| graph.port(output).ok().and_then(|port| port.extent).unwrap_or(0);
    SessionInfo {
        capabilities: graph.restrict(device::capabilities(on_processor)),
        inputs: graph.inputs,
        outputs: graph.outputs(),
        index_type: graph.index_type,
        dim: extent(Output::SentenceEmbedding),
        hidden: extent(Output::LastHiddenState),
        labels: extent(Output::Logits),
        vocabulary: extent(Output::VocabScores),
        max_tokens: graph.fixed_length.unwrap_or(0),
        threads: options.threads.get(),
        batch_tokens: if on_processor { fastest_batch(options.threads.get()) } else { 0 },
        precision: Some(options.precision),
    }
}

/// Tokens in a batch with which a session of so many threads was measured to be fastest, in f32 and in 8 bits: what
/// layers hand on then stays in a core's own cache.
fn fastest_batch(threads: usize) -> usize {
    if threads == 1 { 384 } else { 1024 * threads }
}
