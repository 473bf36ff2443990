//! The backend: which artifacts it takes, and how a session comes out of them.

use std::sync::Arc;

use drivetrain_contract::{
    Artifact, Backend, BackendInfo, Basis, Call, Error, ErrorKind, Estimate, FormatSupport, GroupShare, Model,
    OpenBackend, Precision, Probe, Result, Session, SessionOptions, Verdict, format,
};

use crate::{
    convert::{self, STORAGE},
    description::Description,
    device,
    engine::Engine,
    error,
    options::{CONFIG_SCHEMA, Options},
    session::{Parts, StaticSession},
};

/// Static embeddings on the processor.
///
/// The compute precision is always f32. A session may be asked for [`Precision::F32`], which any table satisfies, or
/// for the precision a table is stored in, which picks that table.
#[derive(Debug, Default)]
pub struct StaticBackend {
    /// One table for the sessions of a group.
    engines: GroupShare<Engine>,
}

impl OpenBackend for StaticBackend {
    const INFO: BackendInfo = BackendInfo {
        id: "static",
        version: env!("CARGO_PKG_VERSION"),
        vendor: "Drivetrain",
        license: "MIT OR Apache-2.0",
        config_schema_json: CONFIG_SCHEMA,
    };

    fn open(config_json: &str) -> Result<Self> {
        Options::parse(config_json)?;
        Ok(Self::default())
    }
}

impl Backend for StaticBackend {
    fn probe(&self) -> Result<Probe> {
        Ok(Probe {
            devices: vec![device::cpu()],
            formats: vec![FormatSupport { format: format::STATIC.to_owned(), precisions: STORAGE, preference: 100 }],
            engine_version: None,
        })
    }

    fn estimate(&self, model: &Model, options: &SessionOptions) -> Result<Estimate> {
        let found = device::check(&options.device_id).and_then(|()| choose(model, options.precision));
        Ok(match found {
            Ok((artifact_idx, artifact)) => Estimate {
                verdict: Verdict::Yes,
                basis: Basis::Guess,
                artifact_index: u32::try_from(artifact_idx).unwrap_or(u32::MAX),
                host_bytes: convert::artifact_len(artifact).unwrap_or(0),
                ..Estimate::default()
            },
            Err(err) => Estimate { verdict: Verdict::No, reason: err.to_text(), ..Estimate::default() },
        })
    }

    fn create_session(&self, model: &Model, options: &SessionOptions, call: &dyn Call) -> Result<Box<dyn Session>> {
        call.check()?;
        device::check(&options.device_id)?;
        Options::parse(&options.config_json)?;
        let (_, table) = choose(model, options.precision)?;
        let tokenizer = model.artifact(format::TOKENIZER).ok_or_else(|| {
            Error::not_found(format!("there is no `tokenizer.json` with the table `{}`", table.data.label()))
                .with_hint("put the tokenizer the table was made with beside it")
        })?;
        within_limit(table, options.memory_limit)?;
        let description = Description::parse(&model.description_json)?;
        call.progress(0, "reading the table");
        let load = || Engine::load(table, tokenizer, &description);
        let engine = match options.group {
            Some(group) => {
                let key = format!("{} {} {}", table.data.label(), tokenizer.data.label(), model.description_json);
                self.engines.join(key, group.sessions.get(), |_| true, load)?
            }
            None => Arc::new(load()?),
        };
        call.check()?;
        let session = StaticSession::new(Parts {
            engine,
            max_tokens: description.max_tokens,
            precision: options.precision,
            threads: options.threads,
        })?;
        Ok(Box::new(session))
    }
}

/// The table for `precision`: one stored in it, or any table when f32 is asked, since tables are always summed in f32.
fn choose(model: &Model, precision: Precision) -> Result<(usize, &Artifact)> {
    let tables = || model.artifacts.iter().enumerate().filter(|(_, artifact)| artifact.format == format::STATIC);
    let exact = tables().find(|(_, artifact)| artifact.precision == precision);
    let any = || tables().next().filter(|_| precision == Precision::F32);
    exact.or_else(any).ok_or_else(|| {
        let stored: Vec<&str> = tables().map(|(_, artifact)| artifact.precision.name()).collect();
        if stored.is_empty() {
            return Error::unsupported("the model has no static table")
                .with_hint("distil one: `drivetrain convert MODEL --to static`");
        }
        error::no_such_precision(precision, &stored)
    })
}

fn within_limit(table: &Artifact, limit: u64) -> Result<()> {
    let len = convert::artifact_len(table)?;
    if limit != 0 && len > limit {
        return Err(Error::new(
            ErrorKind::OutOfMemory,
            format!("`{}` takes {len} bytes, the session may take {limit}", table.data.label()),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifest_names_this_crate() {
        let manifest: toml::Table = toml::from_str(crate::MANIFEST).unwrap();
        assert_eq!(manifest["id"].as_str(), Some(StaticBackend::INFO.id));
        assert_eq!(manifest["version"].as_str(), Some(StaticBackend::INFO.version));
        assert_eq!(manifest["library"].as_str(), Some("drivetrain_plugin_static"));
        assert_eq!(manifest["formats"][0].as_str(), Some(format::STATIC));
        assert!(!manifest.contains_key("native"));
    }
}
