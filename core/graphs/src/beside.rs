//! The files beside a graph that belong to it.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use drivetrain_contract::{Error, Result};

/// A file that holds weights of a graph.
#[derive(Clone, Debug)]
pub(crate) struct Beside {
    pub(crate) path: PathBuf,
    /// Bytes it has.
    pub(crate) length: u64,
}

impl Beside {
    /// The file `name` of the graph, which is relative to the graph's folder.
    ///
    /// A name must not lead out of that folder. Nor may a link, unless the graph itself is a link and both lead into
    /// one folder, as all links of a model in the hub's cache do.
    pub(crate) fn find(graph: &Path, name: &str) -> Result<Self> {
        let folder = graph.parent().unwrap_or(Path::new(""));
        if !is_inside(name) {
            return Err(foreign(graph, name));
        }
        let path = folder.join(name);
        let metadata = fs::metadata(&path).map_err(|err| {
            Error::model(format!("the weights `{}` of `{}` are missing", path.display(), graph.display()))
                .with_source(err)
                .with_hint("get both files again, or convert the model again")
        })?;
        if !metadata.is_file() {
            return Err(Error::model(format!("the weights `{}` are not a regular file", path.display())));
        }
        let unreadable = |err| Error::io(format!("`{}` cannot be read", path.display())).with_source(err);
        let real = |path: &Path| fs::canonicalize(path).map_err(unreadable);
        let (found, home, graph_at) = (real(&path)?, real(&absolute(folder))?, real(graph)?);
        if !found.starts_with(&home) && found.parent() != graph_at.parent() {
            return Err(foreign(graph, name));
        }
        Ok(Self { path, length: metadata.len() })
    }
}

/// Whether the name says how to get from a folder to a file in it, on every system.
fn is_inside(name: &str) -> bool {
    let is_plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    !name.is_empty() && !name.contains(['\\', ':', '\0']) && Path::new(name).components().all(is_plain)
}

fn absolute(folder: &Path) -> PathBuf {
    if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() }
}

fn foreign(graph: &Path, name: &str) -> Error {
    Error::model(format!("`{}` takes weights from `{name}`, which is not a file beside it", graph.display()))
        .with_hint("such a graph can read any file: get the model from a source you trust")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "1234").unwrap();
    }

    #[track_caller]
    fn refuses(graph: &Path, name: &str, part: &str) {
        let text = Beside::find(graph, name).unwrap_err().to_text();
        assert!(text.contains(part) && text.contains("model.onnx"), "{name}: {text}");
    }

    #[test]
    fn names_do_not_lead_out_of_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let graph = dir.path().join("onnx/model.onnx");
        for name in ["onnx/model.onnx", "onnx/weights.bin", "onnx/more/weights.bin", "outside.bin"] {
            write(&dir.path().join(name));
        }
        for name in ["weights.bin", "./weights.bin", "more/weights.bin"] {
            assert_eq!(Beside::find(&graph, name).unwrap().length, 4, "{name}");
        }
        let absolute = dir.path().join("onnx/weights.bin").display().to_string();
        for name in ["", "../outside.bin", "more/../../outside.bin", "/etc/passwd", &absolute, "..\\x", "C:x", "a\0b"] {
            refuses(&graph, name, "not a file beside it");
        }
        refuses(&graph, "none.bin", "missing");
        refuses(&graph, "*/_ORT_MEM_ADDR_/*", "missing");
        fs::create_dir(dir.path().join("onnx/model.onnx_data")).unwrap();
        refuses(&graph, "model.onnx_data", "not a regular file");
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_where_the_graph_is() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let snapshot = dir.path().join("models--a--b/snapshots/0123/onnx");
        let blobs = dir.path().join("models--a--b/blobs");
        for name in ["g", "w"] {
            write(&blobs.join(name));
        }
        write(&dir.path().join("secret"));
        fs::create_dir_all(&snapshot).unwrap();
        let graph = snapshot.join("model.onnx");
        symlink("../../../blobs/g", &graph).unwrap();
        symlink("../../../blobs/w", snapshot.join("model.onnx_data")).unwrap();
        symlink(dir.path().join("secret"), snapshot.join("stolen")).unwrap();
        symlink("missing", snapshot.join("dangling")).unwrap();
        assert_eq!(Beside::find(&graph, "model.onnx_data").unwrap().length, 4);
        refuses(&graph, "stolen", "not a file beside it");
        refuses(&graph, "dangling", "missing");
        // A graph that is no link itself has its weights in its folder.
        fs::remove_file(&graph).unwrap();
        write(&graph);
        refuses(&graph, "model.onnx_data", "not a file beside it");
        // The folder itself may be a link.
        write(&snapshot.join("plain"));
        symlink(&snapshot, dir.path().join("link")).unwrap();
        assert!(Beside::find(&dir.path().join("link/model.onnx"), "plain").is_ok());
    }
}
