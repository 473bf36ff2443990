//! Models and session options as the plugin's structs.

use drivetrain_contract::{Artifact, ArtifactData, Error, Model, Result, SessionOptions};
use drivetrain_plugin_abi::{DtArtifact, DtBytes, DtModel, DtSessionDesc, DtStr};

/// Calls `body` with a model and options that live for that call.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Invalid`] for a path that is not UTF-8 or not absolute, and what `body` says.
pub(crate) fn with_request<R>(
    model: &Model,
    options: &SessionOptions,
    body: impl FnOnce(&DtModel, &DtSessionDesc) -> Result<R>,
) -> Result<R> {
    let artifacts = model.artifacts.iter().map(artifact).collect::<Result<Vec<_>>>()?;
    let pointers: Vec<*const DtArtifact> = artifacts.iter().map(std::ptr::from_ref).collect();
    let raw_model = DtModel {
        struct_size: size_of::<DtModel>() as u32,
        n_artifacts: narrow(pointers.len()),
        artifacts: pointers.as_ptr(),
        description_json: DtStr::new(&model.description_json),
    };
    let cache_dir = match &options.cache_dir {
        Some(dir) => utf8(dir)?,
        None => "",
    };
    let desc = DtSessionDesc {
        struct_size: size_of::<DtSessionDesc>() as u32,
        threads: narrow(options.threads.get()),
        device_id: DtStr::new(&options.device_id),
        precision: options.precision.set().bits(),
        config_json: DtStr::new(&options.config_json),
        cache_dir: DtStr::new(cache_dir),
        max_batch: narrow(options.max_batch),
        max_tokens: narrow(options.max_tokens),
        memory_limit: options.memory_limit,
        cpu_list: options.cpu_list.as_ptr(),
        n_cpu: options.cpu_list.len(),
        may_spin: u32::from(options.may_spin),
        reserved: 0,
        group_sessions: options.group.map_or(0, |group| narrow(group.sessions.get())),
        group_threads: options.group.map_or(0, |group| narrow(group.threads.get())),
    };
    body(&raw_model, &desc)
}

fn artifact(artifact: &Artifact) -> Result<DtArtifact> {
    let (path, data) = match &artifact.data {
        ArtifactData::Path(path) if !path.is_absolute() => {
            return Err(Error::invalid(format!("artifact path `{}` is not absolute", path.display())));
        }
        ArtifactData::Path(path) => (utf8(path)?, DtBytes::NONE),
        ArtifactData::Static(bytes) => ("", DtBytes::new(bytes)),
    };
    Ok(DtArtifact {
        struct_size: size_of::<DtArtifact>() as u32,
        reserved: 0,
        format: DtStr::new(&artifact.format),
        path: DtStr::new(path),
        data,
        precision: artifact.precision.set().bits(),
    })
}

fn utf8(path: &std::path::Path) -> Result<&str> {
    path.to_str().ok_or_else(|| Error::invalid(format!("path `{}` is not UTF-8, which plugins need", path.display())))
}

/// Limits that do not fit are as good as the largest that does.
fn narrow(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
