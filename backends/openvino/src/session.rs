//! A loaded graph: padded tokens in, tensors out.

use drivetrain_contract::{
    Batch, Call, Capabilities, DeviceKind, Error, MemoryUse, Output, OutputMut, Result, Session, SessionInfo,
    SessionOptions,
};
use drivetrain_graphs::Description;

use crate::{
    device, error,
    graph::{self, Graph},
    load::Load,
    memory,
    native::CompiledModel,
    run::Runner,
};

/// A session of this backend.
pub(crate) struct OpenVinoSession {
    info: SessionInfo,
    load: Load,
    description: Description,
    runner: Runner,
    memory: MemoryUse,
    /// Anonymous memory of the process when the session was ready.
    ready_bytes: u64,
}

impl OpenVinoSession {
    /// Loads the graph; runs it once if it leaves the extent of an output open.
    pub(crate) fn new(load: Load, description: Description, options: &SessionOptions) -> Result<Self> {
        let before = memory::anonymous_bytes();
        let runner = runner(&load, description)?;
        let ready_bytes = memory::anonymous_bytes();
        Ok(Self {
            info: session_info(&runner, options, &load),
            load,
            description,
            runner,
            memory: MemoryUse { host_private: ready_bytes.saturating_sub(before), ..MemoryUse::default() },
            ready_bytes,
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
}

impl Session for OpenVinoSession {
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
        if self.runner.is_spoilt() {
            self.runner = runner(&self.load, self.description)?;
        }
        self.runner.run(batch.as_padded()?, outputs, call)?;
        let grown = memory::anonymous_bytes().saturating_sub(self.ready_bytes);
        self.memory.peak_activation = self.memory.peak_activation.max(grown);
        Ok(())
    }

    /// Growth of the process's anonymous memory while loading and since, which includes what others allocated
    /// meanwhile; 0 where the system does not tell. Of a group's sessions, the first holds the weights.
    fn memory(&self) -> Result<MemoryUse> {
        Ok(self.memory)
    }
}

fn runner(load: &Load, description: Description) -> Result<Runner> {
    let compiled = load.run()?;
    let graph = read_graph(&compiled.model, description)?;
    let mut runner = Runner::new(compiled, graph, description)?;
    if runner.graph.ports.iter().any(|port| port.extent.is_none()) {
        runner.measure_extents()?;
    }
    Ok(runner)
}

fn read_graph(model: &CompiledModel, description: Description) -> Result<Graph> {
    let inputs = model.inputs().map_err(error::run)?;
    let mut outputs = model.outputs().map_err(error::run)?;
    // An output may have several names, of which the list holds any.
    let known: Vec<_> = graph::output_names().filter_map(|name| model.output_named(name)).collect();
    outputs.retain(|output| known.iter().all(|known| known.name != output.name));
    outputs.extend(known);
    Graph::new(&inputs, &outputs, description.hidden_size)
}

fn session_info(runner: &Runner, options: &SessionOptions, load: &Load) -> SessionInfo {
    let graph = &runner.graph;
    let mut capabilities = graph.restrict(device::capabilities(load.found.device.kind));
    capabilities.set(Capabilities::CANCEL_MID_RUN, runner.is_stoppable());
    let extent = |output| graph.port(output).ok().and_then(|port| port.extent).unwrap_or(0);
    SessionInfo {
        capabilities,
        inputs: graph.inputs(),
        outputs: graph.outputs(),
        index_type: graph.index_type,
        dim: extent(Output::SentenceEmbedding),
        hidden: extent(Output::LastHiddenState),
        labels: extent(Output::Logits),
        vocabulary: extent(Output::VocabScores),
        max_tokens: graph.fixed_length.unwrap_or(0),
        threads: options.threads.get(),
        // Measured to be fastest on the processor, with one thread and with more, in f32, in bf16 and in 8 bits.
        batch_tokens: if load.found.device.kind == DeviceKind::Cpu { 1024 * options.threads.get() } else { 0 },
        precision: Some(load.precision),
    }
}
