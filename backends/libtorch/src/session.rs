//! A loaded model: padded tokens in, tensors out.

use drivetrain_contract::{
    Batch, Call, Capabilities, Error, IndexType, Inputs, MemoryUse, Output, OutputMut, Outputs, PaddedBatch, Result,
    Session, SessionInfo, SessionOptions,
};
use tch::Device;

use crate::{
    convert, description::Description, device, encoder::Encoder, error, memory::anonymous_bytes, script::Script,
    threads,
};

/// A session of this backend.
pub(crate) struct TorchSession {
    info: SessionInfo,
    engine: Engine,
    description: Description,
    device: Device,
    memory: MemoryUse,
    /// Anonymous memory of the process when the session was ready.
    ready_bytes: u64,
}

/// What computes.
pub(crate) enum Engine {
    /// A package of safetensors.
    Encoder(Box<Encoder>),
    /// A TorchScript file.
    Script(Script),
}

impl Engine {
    fn inputs(&self) -> Inputs {
        match self {
            Self::Encoder(encoder) => encoder.inputs(),
            Self::Script(script) => script.inputs(),
        }
    }

    fn outputs(&self) -> Outputs {
        match self {
            Self::Encoder(encoder) => encoder.outputs(),
            Self::Script(script) => script.output().set(),
        }
    }

    fn extent(&self, output: Output) -> usize {
        match self {
            Self::Encoder(encoder) => encoder.extent(output),
            Self::Script(script) if script.output() == output => script.extent(),
            Self::Script(_) => 0,
        }
    }

    /// Only an encoder is asked between its layers whether to go on.
    fn restrict(&self, capabilities: Capabilities) -> Capabilities {
        let outputs = self.outputs();
        let has = |output: Output, capability| {
            if outputs.contains(output.set()) { capability } else { Capabilities::empty() }
        };
        let given = has(Output::SentenceEmbedding, Capabilities::POOLED_OUT)
            | has(Output::LastHiddenState, Capabilities::TOKENS_OUT)
            | has(Output::Logits, Capabilities::LOGITS_OUT)
            | has(Output::VocabScores, Capabilities::VOCABULARY_OUT);
        let mid_run = match self {
            Self::Encoder(_) => Capabilities::CANCEL_MID_RUN,
            Self::Script(_) => Capabilities::empty(),
        };
        let others = Capabilities::POOLED_OUT | Capabilities::TOKENS_OUT | Capabilities::CANCEL_MID_RUN;
        capabilities.difference(others) | given | mid_run
    }
}

impl TorchSession {
    /// A session that computes with `engine`.
    pub(crate) fn new(engine: Engine, description: Description, (device, options): (Device, &SessionOptions)) -> Self {
        let extent = |output| engine.extent(output);
        let info = SessionInfo {
            capabilities: engine.restrict(device::capabilities(device)),
            inputs: engine.inputs(),
            outputs: engine.outputs(),
            index_type: IndexType::I64,
            dim: extent(Output::SentenceEmbedding),
            hidden: extent(Output::LastHiddenState),
            labels: extent(Output::Logits),
            vocabulary: extent(Output::VocabScores),
            max_tokens: description.max_tokens(),
            threads: options.threads.get(),
            batch_tokens: 0,
            precision: Some(options.precision),
        };
        let memory = MemoryUse::default();
        Self { info, engine, description, device, memory, ready_bytes: anonymous_bytes() }
    }

    fn check(&self, batch: &PaddedBatch<'_>, outputs: &[OutputMut<'_>]) -> Result<()> {
        let (length, longest) = (batch.length(), self.info.max_tokens);
        if longest > 0 && length > longest {
            return Err(Error::invalid(format!("a text has {length} tokens, the model has positions for {longest}"))
                .with_hint("lower `max_seq_length`"));
        }
        for (idx, output) in outputs.iter().enumerate() {
            let name = output.output().name();
            let shape = self.output_shape(&Batch::Padded(*batch), output.output())?;
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

    fn compute(&self, batch: &PaddedBatch<'_>, outputs: &mut [OutputMut<'_>], call: &dyn Call) -> Result<()> {
        threads::take(self.info.threads);
        // Whether gradients are kept belongs to the thread; the caller gets its own setting back.
        let _no_grad = tch::no_grad_guard();
        match &self.engine {
            Engine::Encoder(encoder) => {
                let encoded = encoder.run(batch, &self.description, call)?;
                for output in outputs {
                    let name = output.output();
                    let tensor = encoded.get(name).ok_or_else(|| error::no_output(name))?;
                    convert::output(tensor, output)?;
                }
            }
            Engine::Script(script) => {
                let tensor = script.run(batch, &self.description)?;
                outputs.iter_mut().try_for_each(|output| convert::output(&tensor, output))?;
            }
        }
        Ok(())
    }
}

impl Session for TorchSession {
    fn describe(&self) -> &SessionInfo {
        &self.info
    }

    fn output_shape(&self, batch: &Batch<'_>, output: Output) -> Result<Vec<usize>> {
        let batch = batch.as_padded()?;
        if !self.info.outputs.contains(output.set()) {
            return Err(error::no_output(output));
        }
        let extent = self.engine.extent(output);
        Ok(match output {
            Output::LastHiddenState => vec![batch.size(), batch.length(), extent],
            _ => vec![batch.size(), extent],
        })
    }

    fn run(&mut self, batch: &Batch<'_>, outputs: &mut [OutputMut<'_>], call: &dyn Call) -> Result<()> {
        call.check()?;
        let batch = batch.as_padded()?;
        self.check(batch, outputs)?;
        self.compute(batch, outputs, call)?;
        let grown = anonymous_bytes().saturating_sub(self.ready_bytes);
        self.memory.peak_activation = self.memory.peak_activation.max(grown);
        Ok(())
    }

    /// Weights as they are, which sessions of one model share; growth of the process's anonymous memory since, which
    /// includes what others allocated meanwhile and is 0 where the system does not tell.
    fn memory(&self) -> Result<MemoryUse> {
        let (own, mapped) = match &self.engine {
            Engine::Encoder(encoder) => encoder.bytes(),
            Engine::Script(_) => (0, 0),
        };
        Ok(match self.device {
            Device::Cpu => MemoryUse { host_private: own, host_mapped: mapped, ..self.memory },
            _ => MemoryUse { device: own, ..self.memory },
        })
    }
}
