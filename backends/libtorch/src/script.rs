//! A TorchScript file: runs as it is.

use std::panic::{AssertUnwindSafe, catch_unwind};

use drivetrain_contract::{Artifact, ArtifactData, Error, ErrorKind, Inputs, Output, PaddedBatch, Result};
use tch::{CModule, IValue, Kind, TchError, Tensor};

use crate::{convert, description::Description, encoder::Place, error, signature::Signature};

/// A loaded file.
#[derive(Debug)]
pub(crate) struct Script {
    module: CModule,
    signature: Signature,
    output: Output,
    extent: usize,
    place: Place,
}

impl Script {
    /// Loads a file and runs it once on one text of two tokens, to see what it takes and gives.
    pub(crate) fn load(artifact: &Artifact, description: &Description, place: Place) -> Result<Self> {
        let label = artifact.data.label();
        let failed = |err| error::load(&label, err);
        // Profiling compiles a graph anew for each shape it sees, and batches differ in shape all the time.
        tch::jit::f_set_profiling_mode(false).map_err(failed)?;
        let mut module = match &artifact.data {
            ArtifactData::Path(path) => {
                check_file(path)?;
                CModule::load_on_device(path, place.device)
            }
            ArtifactData::Static(bytes) => CModule::load_data_on_device(&mut &bytes[..], place.device),
        }
        .map_err(failed)?;
        module.f_set_eval().map_err(failed)?;
        if place.kind != Kind::Float {
            // It panics where other methods would return an error.
            let converted = catch_unwind(AssertUnwindSafe(|| module.to(place.device, place.kind, false)));
            converted.map_err(|_| Error::new(ErrorKind::OutOfMemory, format!("libtorch cannot convert `{label}`")))?;
        }
        let complaint = match module.forward_is::<IValue>(&[]) {
            Err(err) => err.to_string(),
            Ok(_) => return Err(Error::unsupported(format!("`{label}` takes no tensors"))),
        };
        let has_types = description.limit(Inputs::TOKEN_TYPE_IDS) < i64::MAX;
        let signature = Signature::read(&complaint, has_types)?;
        let sample: Vec<IValue> =
            signature.inputs().iter().map(|input| sample(*input, place)).collect::<Result<_>>()?;
        let given = module.forward_is(&sample).map_err(failed)?;
        let (output, tensor) = choose(given).ok_or_else(|| no_output(&label))?;
        let extent = tensor.size().last().and_then(|&extent| usize::try_from(extent).ok()).unwrap_or(0);
        Ok(Self { module, signature, output, extent, place })
    }

    /// The token inputs it takes.
    pub(crate) fn inputs(&self) -> Inputs {
        self.signature.inputs().iter().copied().collect()
    }

    /// The output it gives.
    pub(crate) fn output(&self) -> Output {
        self.output
    }

    /// Extent of its last axis.
    pub(crate) fn extent(&self) -> usize {
        self.extent
    }

    /// Computes the output of one batch.
    pub(crate) fn run(&self, batch: &PaddedBatch<'_>, description: &Description) -> Result<Tensor> {
        let input = |&tensor| convert::input(batch, tensor, (description, self.place.device)).map(IValue::Tensor);
        let inputs: Vec<IValue> = self.signature.inputs().iter().map(input).collect::<Result<_>>()?;
        let given = self.module.forward_is(&inputs).map_err(error::run)?;
        match choose(given) {
            Some((output, tensor)) if output == self.output => Ok(tensor),
            _ => Err(Error::model(format!("the TorchScript file does not give `{}` any more", self.output.name()))),
        }
    }
}

/// Only regular files are opened: opening a pipe would wait for a writer.
fn check_file(path: &std::path::Path) -> Result<()> {
    match std::fs::metadata(path) {
        Ok(facts) if facts.is_file() => Ok(()),
        Ok(_) => Err(Error::io(format!("`{}` is not a regular file", path.display()))),
        Err(err) => Err(Error::not_found(format!("no TorchScript file at `{}`", path.display())).with_source(err)),
    }
}

fn sample(input: Inputs, place: Place) -> Result<IValue> {
    let ids: [i64; 2] = match input {
        Inputs::ATTENTION_MASK => [1, 1],
        Inputs::POSITION_IDS => [0, 1],
        _ => [0, 0],
    };
    let tensor = || Tensor::f_from_slice(&ids)?.f_reshape([1, 2])?.f_to(place.device);
    tensor().map(IValue::Tensor).map_err(|err: TchError| error::run(err))
}

/// The tensor of what a file gave that is an output: the one with its name in a dictionary, else the first one. What
/// comes behind the first in a tuple is most often the output of BERT's pooler, which is no sentence embedding.
fn choose(given: IValue) -> Option<(Output, Tensor)> {
    match given {
        IValue::Tensor(tensor) => by_rank(tensor),
        IValue::Tuple(parts) | IValue::GenericList(parts) => choose(parts.into_iter().next()?),
        IValue::TensorList(parts) => by_rank(parts.into_iter().next()?),
        IValue::GenericDict(mut entries) => {
            const NAMES: [(&str, Output); 4] = [
                ("sentence_embedding", Output::SentenceEmbedding),
                ("last_hidden_state", Output::LastHiddenState),
                ("token_embeddings", Output::LastHiddenState),
                ("logits", Output::Logits),
            ];
            let is = |key: &IValue, name: &str| matches!(key, IValue::String(text) if text == name);
            let (idx, output) = NAMES.iter().find_map(|(name, output)| {
                entries.iter().position(|(key, _)| is(key, name)).map(|idx| (idx, *output))
            })?;
            match entries.swap_remove(idx).1 {
                IValue::Tensor(tensor) => Some((output, tensor)),
                _ => None,
            }
        }
        _ => None,
    }
}

fn by_rank(tensor: Tensor) -> Option<(Output, Tensor)> {
    match tensor.dim() {
        2 => Some((Output::SentenceEmbedding, tensor)),
        3 => Some((Output::LastHiddenState, tensor)),
        _ => None,
    }
}

fn no_output(label: &str) -> Error {
    Error::unsupported(format!("`{label}` gives nothing that is known")).with_hint(
        "it may give a tensor `[batch, dim]` or `[batch, length, hidden]`, a tuple that begins with one, or a dictionary \
         with `sentence_embedding`, `last_hidden_state`, `token_embeddings` or `logits`",
    )
}
