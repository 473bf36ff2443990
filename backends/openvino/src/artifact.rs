//! Which of a model's artifacts a session takes, and what tells its files from others.

use std::{fs, path::Path, time::UNIX_EPOCH};

use drivetrain_contract::{Artifact, ArtifactData, Error, Model, Precision, Result, format};

use crate::{error, native::Source};

/// Formats that are read, best first: IR needs no translation.
pub(crate) const FORMATS: [&str; 2] = [format::OPENVINO_IR, format::ONNX];

/// The artifact for sessions in `precision`: one stored so, or for half precisions one in f32, which the engine
/// converts.
pub(crate) fn choose(model: &Model, precision: Precision) -> Result<(usize, &Artifact)> {
    let graphs = |format: &'static str| {
        let known = move |artifact: &Artifact| {
            // IR keeps its weights in a second file.
            artifact.format == format && (format == format::ONNX || artifact.data.bytes().is_none())
        };
        model.artifacts.iter().enumerate().filter(move |(_, artifact)| known(artifact))
    };
    let stored_in = |stored| FORMATS.iter().find_map(|format| graphs(format).find(|(_, one)| one.precision == stored));
    let in_half = matches!(precision, Precision::Bf16 | Precision::F16);
    stored_in(precision).or_else(|| stored_in(Precision::F32).filter(|_| in_half)).ok_or_else(|| {
        let stored: Vec<&str> =
            FORMATS.iter().flat_map(|format| graphs(format)).map(|(_, artifact)| artifact.precision.name()).collect();
        error::no_such_precision(precision, &stored)
    })
}

/// Checks the files, which the engine does not always do before it uses them.
pub(crate) fn source(artifact: &Artifact) -> Result<Source<'_>> {
    drivetrain_graphs::check(artifact)?;
    Ok(match &artifact.data {
        ArtifactData::Static(bytes) => Source::Memory(bytes),
        ArtifactData::Path(path) => Source::File(path),
    })
}

/// A text that differs when the graph or the weights differ.
///
/// Weights may be in other files: `.bin` beside `.xml`, `.onnx_data` beside `.onnx`. So name, length and age of every
/// file beside the graph count whose name begins like the graph's.
pub(crate) fn identity(source: Source<'_>) -> Result<String> {
    match source {
        Source::Memory(bytes) => Ok(format!("{:p}+{}", bytes.as_ptr(), bytes.len())),
        Source::File(path) => files_identity(path),
    }
}

fn files_identity(path: &Path) -> Result<String> {
    let unreadable = |err| Error::io(format!("the folder of `{}` cannot be read", path.display())).with_source(err);
    let path = fs::canonicalize(path).map_err(unreadable)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut parts = Vec::new();
    for entry in fs::read_dir(path.parent().unwrap_or(&path)).map_err(unreadable)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Links are followed: a hub's cache holds nothing else.
        let Ok(metadata) = fs::metadata(entry.path()) else { continue };
        if name.starts_with(&stem) && metadata.is_file() {
            let age = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            parts.push(format!("{name} {} {}", metadata.len(), age.unwrap_or_default().as_nanos()));
        }
    }
    parts.sort();
    Ok(format!("{}\n{}", path.display(), parts.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(artifacts: &[(&str, Precision)], precision: Precision, expect: Option<usize>) {
        let artifact = |&(format, precision): &(&str, Precision)| Artifact {
            format: format.to_owned(),
            precision,
            data: ArtifactData::Path("m".into()),
        };
        let model = Model { artifacts: artifacts.iter().map(artifact).collect(), ..Model::default() };
        assert_eq!(choose(&model, precision).ok().map(|(idx, _)| idx), expect);
    }

    #[test]
    fn half_precision_takes_f32_and_nothing_else_is_converted() {
        use Precision::{Bf16, F16, F32, Int8};
        let (onnx, ir) = (format::ONNX, format::OPENVINO_IR);
        check(&[(onnx, Int8), (onnx, F32), (ir, F32)], F32, Some(2));
        check(&[(onnx, Int8), (onnx, F32)], Bf16, Some(1));
        check(&[(onnx, F32), (ir, F16)], F16, Some(1));
        check(&[(onnx, F16)], F32, None);
        check(&[(onnx, F32)], Int8, None);
        check(&[(format::STATIC, F32)], F32, None);
    }

    #[test]
    fn what_is_missing_is_said() {
        let graph = Artifact { format: "onnx".into(), precision: Precision::F16, data: ArtifactData::Static(b"") };
        let ir = Artifact { format: "openvino-ir".into(), ..graph.clone() };
        let text = |artifacts| choose(&Model { artifacts, ..Model::default() }, Precision::F32).unwrap_err().to_text();
        assert!(text(vec![graph]).contains("no artifact for f32, only in f16"));
        assert!(text(vec![ir]).contains("drivetrain convert MODEL --to onnx"));
    }

    #[test]
    fn every_file_of_a_graph_tells_it_from_others() {
        let folder = tempfile::tempdir().unwrap();
        let graph = folder.path().join("model.onnx");
        fs::write(&graph, "graph").unwrap();
        let now = || identity(Source::File(&graph)).unwrap();
        let first = now();
        assert_eq!(now(), first);
        fs::write(folder.path().join("other.bin"), "weights").unwrap();
        assert_eq!(now(), first);
        fs::write(folder.path().join("model.onnx_data"), "weights").unwrap();
        let second = now();
        assert_ne!(second, first);
        fs::write(folder.path().join("model.onnx_data"), "longer weights").unwrap();
        assert_ne!(now(), second);
    }
}
