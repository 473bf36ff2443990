//! A package of safetensors: its architecture and modules, with their weights as tensors.

use std::{path::Path, sync::Arc};

use drivetrain_architectures::{Checkpoint, Encoded, TextModel, TokenInputs};
use drivetrain_contract::{Artifact, ArtifactData, Call, Error, Inputs, Output, Outputs, PaddedBatch, Result};
use drivetrain_package::Package;
use tch::{Device, Kind};

use crate::{
    convert,
    description::Description,
    mapped::Weight,
    ops::{TorchOps, Value},
    shared::Shared,
};

/// A model that runs from its weights.
pub(crate) struct Encoder {
    model: TextModel<Weight>,
    // Keeps the weights of this identity where other sessions find them.
    shared: Arc<Shared>,
    kind: Kind,
    device: Device,
}

/// Where an encoder computes, and in what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) kind: Kind,
    pub(crate) device: Device,
}

impl Encoder {
    /// Loads the package that `artifact` is the weights of.
    pub(crate) fn load(
        artifact: &Artifact,
        description: &Description,
        shared: Arc<Shared>,
        (place, call): (Place, &dyn Call),
    ) -> Result<Self> {
        let path = path_of(artifact)?;
        let folder = description.package_of(path).ok_or_else(|| {
            Error::model(format!("`{}` does not lie where its package's list of modules says", path.display()))
        })?;
        let package = Package::open(&folder)?;
        let checkpoint = Checkpoint::open(&package)?;
        let model = {
            let mut loading = shared.begin();
            TextModel::load(&package, &checkpoint, &mut |stored| {
                call.check()?;
                loading.weight(&stored)
            })?
        };
        Ok(Self { model, shared, kind: place.kind, device: place.device })
    }

    /// The token inputs it takes.
    pub(crate) fn inputs(&self) -> Inputs {
        self.model.inputs()
    }

    /// The outputs it gives.
    pub(crate) fn outputs(&self) -> Outputs {
        self.model.outputs()
    }

    /// Extent of the last axis of an output; 0 for one it does not have.
    pub(crate) fn extent(&self, output: Output) -> usize {
        self.model.extent(output).unwrap_or(0)
    }

    /// Bytes of weights: in memory of their own, and in mapped files.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        self.shared.bytes()
    }

    /// Computes every output of one batch.
    pub(crate) fn run(
        &self,
        batch: &PaddedBatch<'_>,
        description: &Description,
        call: &dyn Call,
    ) -> Result<Encoded<Value>> {
        let input = |tensor| convert::input(batch, tensor, (description, self.device)).map(Value::from);
        let wants_types = self.inputs().contains(Inputs::TOKEN_TYPE_IDS);
        let inputs = TokenInputs {
            input_ids: input(Inputs::INPUT_IDS)?,
            attention_mask: input(Inputs::ATTENTION_MASK)?,
            token_type_ids: wants_types.then(|| input(Inputs::TOKEN_TYPE_IDS)).transpose()?,
        };
        let has_padding = convert::has_padding(batch);
        let mut ops = TorchOps { kind: self.kind, device: self.device, has_padding, call };
        self.model.forward(&mut ops, &inputs)
    }
}

fn path_of(artifact: &Artifact) -> Result<&Path> {
    match &artifact.data {
        ArtifactData::Path(path) => Ok(path),
        ArtifactData::Static(_) => Err(Error::unsupported("libtorch runs weights from the folder of a model only")
            .with_hint("give the model as a folder")),
    }
}
