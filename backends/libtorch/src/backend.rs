//! The backend: devices, the choice of artifact, and the weights that sessions share.

use drivetrain_contract::{
    Artifact, ArtifactData, Backend, BackendInfo, Basis, Call, Error, Estimate, FormatSupport, Model, OpenBackend,
    Precision, Precisions, Probe, Result, Session, SessionOptions, Verdict, format,
};

use crate::{
    description::Description,
    device,
    encoder::{Encoder, Place},
    error,
    options::{CONFIG_SCHEMA, Config},
    script::Script,
    session::{Engine, TorchSession},
    shared::{Identity, Pool},
};

/// The version of libtorch that this crate is compiled against; a library of another one is refused by the host.
const ENGINE_VERSION: &str = "2.13";

/// libtorch.
#[derive(Debug)]
pub struct LibTorch {
    config: Config,
    pool: Pool,
}

impl OpenBackend for LibTorch {
    const INFO: BackendInfo = BackendInfo {
        id: "libtorch",
        version: env!("CARGO_PKG_VERSION"),
        vendor: "Drivetrain",
        license: "MIT OR Apache-2.0",
        config_schema_json: CONFIG_SCHEMA,
    };

    fn open(config_json: &str) -> Result<Self> {
        let config = Config::parse(config_json)?;
        config.settings()?;
        Ok(Self { config, pool: Pool::default() })
    }
}

impl Backend for LibTorch {
    fn probe(&self) -> Result<Probe> {
        let format =
            |format: &str, precisions, preference| FormatSupport { format: format.to_owned(), precisions, preference };
        Ok(Probe {
            devices: device::devices(),
            formats: vec![
                format(format::SAFETENSORS, device::PRECISIONS, 100),
                format(format::PYTORCH, device::PRECISIONS, 90),
                format(format::TORCHSCRIPT, Precisions::F32, 50),
            ],
            engine_version: Some(ENGINE_VERSION.to_owned()),
        })
    }

    fn estimate(&self, model: &Model, options: &SessionOptions) -> Result<Estimate> {
        let found = device::find(&options.device_id).and_then(|_| choose(model, options.precision));
        Ok(match found {
            Ok((artifact_idx, _)) => Estimate {
                // Whether the architecture is known shows only when it is loaded.
                verdict: Verdict::Maybe,
                basis: Basis::Guess,
                artifact_index: u32::try_from(artifact_idx).unwrap_or(u32::MAX),
                ..Estimate::default()
            },
            Err(err) => Estimate { verdict: Verdict::No, reason: err.to_text(), ..Estimate::default() },
        })
    }

    fn create_session(&self, model: &Model, options: &SessionOptions, call: &dyn Call) -> Result<Box<dyn Session>> {
        call.check()?;
        let device = device::find(&options.device_id)?;
        let place = Place { kind: device::kind(options.precision)?, device };
        let settings = self.config.with_session(&options.config_json)?.settings()?;
        let (_, artifact) = choose(model, options.precision)?;
        let description = Description::parse(&model.description_json)?;
        call.progress(0, "loading the weights");
        crate::threads::take(options.threads.get());
        let engine = match artifact.format.as_str() {
            format::SAFETENSORS | format::PYTORCH => {
                let shared =
                    self.pool.get(identity(artifact, model, (options, settings.memory_map))?, place.kind, device);
                Engine::Encoder(Box::new(Encoder::load(artifact, &description, shared, (place, call))?))
            }
            _ => Engine::Script(Script::load(artifact, &description, place)?),
        };
        call.check()?;
        Ok(Box::new(TorchSession::new(engine, description, (device, options))))
    }
}

/// What sessions must have in common to share weights.
fn identity(artifact: &Artifact, model: &Model, (options, maps): (&SessionOptions, bool)) -> Result<Identity> {
    match &artifact.data {
        ArtifactData::Path(path) => {
            let target = (options.precision, options.device_id.as_str());
            Ok(Identity::new(path.clone(), &model.description_json, target, maps))
        }
        ArtifactData::Static(_) => Err(Error::unsupported("libtorch runs weights from the folder of a model only")
            .with_hint("give the model as a folder")),
    }
}

/// The weights, whatever precision they are stored in, or else a TorchScript file.
fn choose(model: &Model, precision: Precision) -> Result<(usize, &Artifact)> {
    device::kind(precision)?;
    let of = |format: &str| {
        model
            .artifacts
            .iter()
            .enumerate()
            .find(|(_, artifact)| artifact.format == format && artifact.precision != Precision::Int8)
    };
    let formats = [format::SAFETENSORS, format::PYTORCH, format::TORCHSCRIPT];
    formats.into_iter().find_map(of).ok_or_else(|| error::no_artifact(precision))
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::ErrorKind;

    use super::*;

    #[test]
    fn manifest_names_this_crate_and_the_version_it_needs() {
        let manifest: toml::Table = toml::from_str(crate::MANIFEST).unwrap();
        assert_eq!(manifest["id"].as_str(), Some(LibTorch::INFO.id));
        assert_eq!(manifest["version"].as_str(), Some(LibTorch::INFO.version));
        assert_eq!(manifest["library"].as_str(), Some("drivetrain_plugin_libtorch"));
        assert_eq!(manifest["formats"][0].as_str(), Some(format::SAFETENSORS));
        let native = &manifest["native"][0];
        assert_eq!(native["min"].as_str(), Some(format!("{ENGINE_VERSION}.0").as_str()));
        assert_eq!(native["must_tell_version"].as_bool(), Some(true));
        assert!(Config::parse(&format!("{{{:?}:\"/x\"}}", native["config_key"].as_str().unwrap())).is_ok());
        assert_eq!(native["install"].as_str(), Some("drivetrain runtimes install libtorch"));
    }

    #[test]
    fn weights_come_before_torchscript_and_int8_is_refused() {
        let artifact = |format: &str, precision| Artifact {
            format: format.to_owned(),
            precision,
            data: ArtifactData::Static(b""),
        };
        let mut model = Model {
            artifacts: vec![
                artifact(format::ONNX, Precision::F32),
                artifact(format::TORCHSCRIPT, Precision::F32),
                artifact(format::PYTORCH, Precision::F32),
                artifact(format::SAFETENSORS, Precision::F16),
            ],
            ..Model::default()
        };
        assert_eq!(choose(&model, Precision::Bf16).unwrap().0, 3);
        model.artifacts.pop();
        assert_eq!(choose(&model, Precision::Bf16).unwrap().0, 2);
        assert_eq!(choose(&model, Precision::Int8).unwrap_err().kind(), ErrorKind::Unsupported);
        let none = choose(&Model::default(), Precision::F32).unwrap_err().to_text();
        assert!(none.contains("safetensors"), "{none}");
    }
}
