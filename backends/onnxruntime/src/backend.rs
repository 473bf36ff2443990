//! The backend: one library, its devices, and the choice of artifact.

use drivetrain_contract::{
    Artifact, Backend, BackendInfo, Basis, Call, Error, Estimate, FormatSupport, Model, OpenBackend, Precision,
    Precisions, Probe, Result, Session, SessionOptions, Verdict, format,
};
use drivetrain_graphs::Description;

use crate::{
    device, error,
    load::Load,
    options::{CONFIG_SCHEMA, Config, Settings},
    runtime::Runtime,
    session::OnnxSession,
};

/// ONNX Runtime, from a library loaded at run time.
///
/// The precision of a session is that of its file: the engine computes in what the graph says.
#[derive(Debug)]
pub struct OnnxRuntime {
    runtime: &'static Runtime,
    config: Config,
}

impl OpenBackend for OnnxRuntime {
    const INFO: BackendInfo = BackendInfo {
        id: "onnxruntime",
        version: env!("CARGO_PKG_VERSION"),
        vendor: "Drivetrain",
        license: "MIT OR Apache-2.0",
        config_schema_json: CONFIG_SCHEMA,
    };

    fn open(config_json: &str) -> Result<Self> {
        let config = Config::parse(config_json)?;
        let library = config.library()?.ok_or_else(|| {
            Error::dependency("no ONNX Runtime library is installed or named")
                .with_hint(format!("{}, or set `library` in `[backends.onnxruntime]` to one you have", error::INSTALL))
        })?;
        Ok(Self { runtime: Runtime::load(&library)?, config })
    }
}

impl Backend for OnnxRuntime {
    fn probe(&self) -> Result<Probe> {
        Ok(Probe {
            devices: device::devices()?,
            formats: vec![FormatSupport {
                format: format::ONNX.to_owned(),
                precisions: Precisions::F32 | Precisions::F16 | Precisions::I8 | Precisions::U8,
                preference: 100,
            }],
            engine_version: Some(self.runtime.version.clone()),
        })
    }

    fn estimate(&self, model: &Model, options: &SessionOptions) -> Result<Estimate> {
        let found = device::dispatch(&options.device_id).and_then(|_| choose(model, options.precision));
        Ok(match found {
            Ok((artifact_idx, _)) => Estimate {
                // Whether the graph has ports that are known shows only when it is loaded.
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
        let dispatch = device::dispatch(&options.device_id)?;
        let settings = Settings::new(&self.config.with_session(&options.config_json)?, options)?;
        let (_, artifact) = choose(model, options.precision)?;
        call.progress(0, "loading the graph");
        let load = Load { runtime: self.runtime, artifact, device_id: &options.device_id, settings: &settings };
        let description = Description::parse(&model.description_json)?;
        let session = OnnxSession::new(&load, description, options, dispatch)?;
        call.check()?;
        Ok(Box::new(session))
    }
}

/// The first ONNX artifact in exactly this precision.
fn choose(model: &Model, precision: Precision) -> Result<(usize, &Artifact)> {
    let graphs = || model.artifacts.iter().enumerate().filter(|(_, artifact)| artifact.format == format::ONNX);
    graphs().find(|(_, artifact)| artifact.precision == precision).ok_or_else(|| {
        let stored: Vec<&str> = graphs().map(|(_, artifact)| artifact.precision.name()).collect();
        error::no_such_precision(precision, &stored)
    })
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::{ArtifactData, ErrorKind};

    use super::*;

    #[test]
    fn manifest_names_this_crate_and_the_version_it_needs() {
        let manifest: toml::Table = toml::from_str(crate::MANIFEST).unwrap();
        assert_eq!(manifest["id"].as_str(), Some(OnnxRuntime::INFO.id));
        assert_eq!(manifest["version"].as_str(), Some(OnnxRuntime::INFO.version));
        assert_eq!(manifest["library"].as_str(), Some("drivetrain_plugin_onnxruntime"));
        assert_eq!(manifest["formats"][0].as_str(), Some(format::ONNX));
        let native = &manifest["native"][0];
        assert_eq!(native["min"].as_str(), Some(format!("1.{}.0", crate::library::API_VERSION).as_str()));
        assert!(Config::parse(&format!("{{{:?}:\"/x\"}}", native["config_key"].as_str().unwrap())).is_ok());
        assert!(error::INSTALL.contains(native["install"].as_str().unwrap()));
    }

    #[test]
    fn without_a_library_the_way_to_one_is_named() {
        for json in ["", "{}", "{\"library\":null}"] {
            let err = OnnxRuntime::open(json).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::Dependency);
            assert!(err.to_text().contains("drivetrain runtimes install onnxruntime"), "{}", err.to_text());
        }
        assert_eq!(OnnxRuntime::open(r#"{"librari":"/x"}"#).unwrap_err().kind(), ErrorKind::Invalid);
    }

    #[test]
    fn artifacts_are_chosen_by_exact_precision() {
        let graph =
            |precision| Artifact { format: format::ONNX.to_owned(), precision, data: ArtifactData::Static(b"") };
        let model = Model { artifacts: vec![graph(Precision::Int8), graph(Precision::F32)], ..Model::default() };
        assert_eq!(choose(&model, Precision::F32).unwrap().0, 1);
        let text = choose(&model, Precision::F16).unwrap_err().to_text();
        assert!(text.contains("int8, f32"), "{text}");
        let none = choose(&Model::default(), Precision::F32).unwrap_err().to_text();
        assert!(none.contains("drivetrain convert MODEL --to onnx"), "{none}");
    }
}
