//! The backend: one library and its devices.

use drivetrain_contract::{
    Backend, BackendInfo, Basis, Call, Error, Estimate, FormatSupport, Model, OpenBackend, Precisions, Probe, Result,
    Session, SessionOptions, Verdict,
};
use drivetrain_graphs::Description;

use crate::{
    artifact, device, error,
    load::Load,
    options::{CONFIG_SCHEMA, Config, Settings},
    runtime::Runtime,
    session::OpenVinoSession,
};

/// OpenVINO, from a library loaded at run time.
#[derive(Debug)]
pub struct OpenVino {
    runtime: &'static Runtime,
    config: Config,
}

impl OpenBackend for OpenVino {
    const INFO: BackendInfo = BackendInfo {
        id: "openvino",
        version: env!("CARGO_PKG_VERSION"),
        vendor: "Drivetrain",
        license: "MIT OR Apache-2.0",
        config_schema_json: CONFIG_SCHEMA,
    };

    fn open(config_json: &str) -> Result<Self> {
        let config = Config::parse(config_json)?;
        let library = config.library()?.ok_or_else(|| {
            Error::dependency("no OpenVINO library is installed or named")
                .with_hint(format!("{}, or set `library` in `[backends.openvino]` to one you have", error::INSTALL))
        })?;
        Ok(Self { runtime: Runtime::load(&library)?, config })
    }
}

impl Backend for OpenVino {
    fn probe(&self) -> Result<Probe> {
        let precisions = Precisions::F32 | Precisions::F16 | Precisions::BF16 | Precisions::I8 | Precisions::U8;
        let format = |(idx, format): (i32, &&str)| FormatSupport {
            format: (*format).to_owned(),
            precisions,
            preference: 100 - idx,
        };
        Ok(Probe {
            devices: device::devices(&self.runtime.core)?.into_iter().map(|found| found.device).collect(),
            formats: (0..).zip(&artifact::FORMATS).map(format).collect(),
            engine_version: Some(self.runtime.version.clone()),
        })
    }

    fn estimate(&self, model: &Model, options: &SessionOptions) -> Result<Estimate> {
        let chosen = device::find(&self.runtime.core, &options.device_id)
            .and_then(|_| artifact::choose(model, options.precision));
        Ok(match chosen {
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
        let found = device::find(&self.runtime.core, &options.device_id)?;
        let settings = Settings::new(&self.config.with_session(&options.config_json)?, options)?;
        if !settings.allow_emulated {
            found.check_precision(options.precision)?;
        }
        let (_, artifact) = artifact::choose(model, options.precision)?;
        call.progress(0, "compiling the graph");
        let load = Load {
            runtime: self.runtime,
            artifact: artifact.clone(),
            found,
            precision: options.precision,
            settings,
            group: options.group,
        };
        let session = OpenVinoSession::new(load, Description::parse(&model.description_json)?, options)?;
        call.check()?;
        Ok(Box::new(session))
    }
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::ErrorKind;

    use super::*;
    use crate::native::{BELOW, MIN};

    #[test]
    fn manifest_names_this_crate_and_the_versions_it_needs() {
        let manifest: toml::Table = toml::from_str(crate::MANIFEST).unwrap();
        assert_eq!(manifest["id"].as_str(), Some(OpenVino::INFO.id));
        assert_eq!(manifest["version"].as_str(), Some(OpenVino::INFO.version));
        assert_eq!(manifest["library"].as_str(), Some("drivetrain_plugin_openvino"));
        let formats: Vec<&str> =
            manifest["formats"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(formats, artifact::FORMATS);
        let native = &manifest["native"][0];
        assert_eq!(native["min"].as_str(), Some(format!("{}.{}.0", MIN.0, MIN.1).as_str()));
        assert_eq!(native["below"].as_str(), Some(format!("{}.{}.0", BELOW.0, BELOW.1).as_str()));
        assert!(Config::parse(&format!("{{{:?}:\"/x\"}}", native["config_key"].as_str().unwrap())).is_ok());
        assert!(error::INSTALL.contains(native["install"].as_str().unwrap()));
    }

    #[test]
    fn without_a_library_the_way_to_one_is_named() {
        for json in ["", "{}", "{\"library\":null}"] {
            let err = OpenVino::open(json).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::Dependency);
            assert!(err.to_text().contains("drivetrain runtimes install openvino"), "{}", err.to_text());
        }
        assert_eq!(OpenVino::open(r#"{"librari":"/x"}"#).unwrap_err().kind(), ErrorKind::Invalid);
    }
}
