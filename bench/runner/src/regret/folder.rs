//! The model with one of its files only.
//!
//! A profile names engine and precision, and where the model has several files for that, the engine takes the one it
//! likes best. To measure another, the model is laid out once more without the others.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::entries::Places;

/// Folders of a model that hold graphs.
const GRAPHS: [&str; 2] = ["onnx", "openvino"];

/// A folder with all of the model but graphs, of which it has this one: in the cache folder, always the same, since
/// engines keep what they compiled by the path.
pub(super) fn with_only(file: &str, places: &Places) -> Result<PathBuf> {
    let name = places.model.file_name().context("the model's folder has no name")?;
    let folder = places.home.join("cache/bench-regret").join(file.replace('/', "-")).join(name);
    if !folder.is_dir() {
        lay_out(&places.model, &folder, file).with_context(|| format!("cannot lay out `{}`", folder.display()))?;
    }
    Ok(folder)
}

fn lay_out(model: &Path, folder: &Path, file: &str) -> Result<()> {
    // A layout that was interrupted is no layout.
    let part = folder.with_extension("part");
    if part.is_dir() {
        fs::remove_dir_all(&part)?;
    }
    let mut folders = vec![PathBuf::new()];
    while let Some(inner) = folders.pop() {
        fs::create_dir_all(part.join(&inner))?;
        for entry in fs::read_dir(model.join(&inner))? {
            let path = inner.join(entry?.file_name());
            let (from, to) = (model.join(&path), part.join(&path));
            if from.is_dir() {
                folders.push(path);
            } else if !is_graph(&path) || belongs(&path, Path::new(file)) {
                // A link takes no room, but reaches no other file system.
                fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(drop))?;
            }
        }
    }
    Ok(fs::rename(part, folder)?)
}

fn is_graph(path: &Path) -> bool {
    GRAPHS.iter().any(|folder| path.starts_with(folder))
}

/// Whether it is the file or the weights beside it: `model.onnx_data`, or `.bin` for `.xml`.
fn belongs(path: &Path, file: &Path) -> bool {
    path.to_string_lossy().starts_with(&*file.to_string_lossy())
        || (file.extension().is_some_and(|extension| extension == "xml") && path == file.with_extension("bin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_graphs_are_left_out() {
        let home = tempfile::tempdir().unwrap();
        let model = home.path().join("m");
        for path in
            ["config.json", "1_Pooling/config.json", "onnx/a.onnx", "onnx/b.onnx", "onnx/b.onnx_data", "openvino/a.xml"]
        {
            fs::create_dir_all(model.join(path).parent().unwrap()).unwrap();
            fs::write(model.join(path), path).unwrap();
        }
        let folder = home.path().join("laid/out");
        fs::create_dir_all(folder.parent().unwrap()).unwrap();
        lay_out(&model, &folder, "onnx/b.onnx").unwrap();
        let is_there = |path: &str| folder.join(path).is_file();
        assert!(is_there("config.json") && is_there("1_Pooling/config.json"));
        assert!(is_there("onnx/b.onnx") && is_there("onnx/b.onnx_data"));
        assert!(!is_there("onnx/a.onnx") && !is_there("openvino/a.xml"));
        assert!(belongs(Path::new("openvino/a.bin"), Path::new("openvino/a.xml")));
        assert!(!belongs(Path::new("openvino/ab.bin"), Path::new("openvino/a.xml")));
    }
}
