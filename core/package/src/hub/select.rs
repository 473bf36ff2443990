//! Which files of a repository make up a package: what this library reads of it, and nothing else.

use std::collections::BTreeSet;

use drivetrain_contract::{Error, Result};

use super::{listing::Listing, names::matches, record::RECORD_FILE};
use crate::{
    Files,
    json::{Fields, inner_path, join},
    modules_json,
    package::SENTENCE_BERT,
};

/// The file that names the modules of a package.
pub(crate) const MODULES: &str = "modules.json";

/// Files of the package itself.
const OF_PACKAGE: [&str; 2] = [MODULES, "config_sentence_transformers.json"];

/// Files that each module may have, beside those of [`SENTENCE_BERT`].
const OF_MODULE: [&str; 4] = ["config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"];

const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// Weights as `torch.save` writes them: read without running anything, but larger to read than safetensors.
const PICKLED: &str = "pytorch_model.bin";
const PICKLED_INDEX: &str = "pytorch_model.bin.index.json";

/// How many of the graphs that a model has are named in a message.
const MAX_NAMED: usize = 20;

/// The folders of the modules, and which of them turns tokens into vectors.
#[derive(Debug)]
pub(crate) struct Layout {
    main: String,
    folders: BTreeSet<String>,
}

impl Layout {
    /// What `modules.json` says, if the repository has one; it must have been fetched into `files`.
    pub(crate) fn read(listing: &Listing, files: &Files) -> Result<Self> {
        let listed = if listing.has(MODULES) { modules_json::list(files)? } else { None };
        let Some(listed) = listed else {
            // Where `static_table::find` looks for a table.
            let table = "0_StaticEmbedding";
            let is_static = !listing.has("config.json") && listing.has(&join(table, WEIGHTS));
            let main = if is_static { table } else { "" };
            return Ok(Self { main: main.to_owned(), folders: BTreeSet::from([main.to_owned()]) });
        };
        let main = listed.iter().find(|module| module.is_main()).map(|module| module.path.clone());
        let folders = listed.iter().map(|module| module.path.clone()).collect();
        Ok(Self { main: main.unwrap_or_default(), folders })
    }

    /// Configuration and tokenizer, and the lists of shards: small files that say what else is needed.
    pub(crate) fn configuration(&self, listing: &Listing) -> Vec<String> {
        let of_modules = OF_MODULE.iter().chain(&SENTENCE_BERT);
        let folders = self.folders.iter().map(String::as_str).chain([""]);
        let mut paths: BTreeSet<String> =
            folders.flat_map(|folder| of_modules.clone().map(move |name| join(folder, name))).collect();
        paths.extend(OF_PACKAGE.map(str::to_owned));
        for folder in &self.folders {
            let has = |name| listing.has(&join(folder, name));
            if !has(WEIGHTS) && has(INDEX) {
                paths.insert(join(folder, INDEX));
            } else if !has(WEIGHTS) && !has(PICKLED) {
                paths.insert(join(folder, PICKLED_INDEX));
            }
        }
        paths.into_iter().filter(|path| listing.has(path)).collect()
    }

    /// Weights of every module. Lists of shards must have been fetched into `files`.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Unsupported`] when the main module has neither weights nor an ONNX graph,
    /// [`drivetrain_contract::ErrorKind::Model`] for shards that are not there.
    pub(crate) fn weights(&self, listing: &Listing, files: &Files) -> Result<Vec<String>> {
        let mut paths = Vec::new();
        for folder in &self.folders {
            if let Some(found) = safetensors_or_pickled(listing, files, folder)? {
                paths.extend(found);
            } else if *folder == self.main {
                paths.extend(self.graph(listing)?);
            }
        }
        Ok(paths)
    }

    /// The plain graph, where there are no weights.
    fn graph(&self, listing: &Listing) -> Result<Vec<String>> {
        let bases = [self.main.as_str(), ""];
        let mut candidates =
            bases.iter().flat_map(|base| ["onnx/model.onnx", "model.onnx"].map(|name| join(base, name)));
        candidates.find(|path| listing.has(path)).map(|path| companions(listing, &path)).ok_or_else(|| {
            let id = &listing.id;
            let message = format!("`{id}` has neither `{WEIGHTS}` nor `{PICKLED}` nor `onnx/model.onnx`");
            Error::unsupported(message).with_hint(graphs_hint(listing))
        })
    }
}

/// The weights of a module's folder, if it has any: safetensors before pickled ones, in one file before shards.
fn safetensors_or_pickled(listing: &Listing, files: &Files, folder: &str) -> Result<Option<BTreeSet<String>>> {
    for (whole, index) in [(WEIGHTS, INDEX), (PICKLED, PICKLED_INDEX)] {
        let (whole, index) = (join(folder, whole), join(folder, index));
        if listing.has(&whole) {
            return Ok(Some(BTreeSet::from([whole])));
        }
        if listing.has(&index) {
            return shards(listing, files, folder, &index).map(Some);
        }
    }
    Ok(None)
}

/// Files that a user asked for beside what is needed, with those that belong to them.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::NotFound`] for a pattern that covers nothing.
pub(crate) fn included(listing: &Listing, patterns: &[String]) -> Result<Vec<String>> {
    let mut paths = BTreeSet::new();
    for pattern in patterns {
        // Names that mean something in an installed model or while it is fetched cannot be used.
        let usable = listing
            .files
            .keys()
            .filter(|path| *path != RECORD_FILE && ![".part", ".copy"].iter().any(|suffix| path.ends_with(suffix)));
        let found: Vec<&String> = usable.filter(|path| matches(pattern, path)).collect();
        if found.is_empty() {
            let message = format!("`{}` has no file that `{pattern}` covers", listing.id);
            return Err(Error::not_found(message).with_hint(graphs_hint(listing)));
        }
        paths.extend(found.into_iter().flat_map(|path| companions(listing, path)));
    }
    Ok(paths.into_iter().collect())
}

/// A file and those it cannot be used without: external data of an ONNX graph, the weights of an OpenVINO graph.
fn companions(listing: &Listing, path: &str) -> Vec<String> {
    let mut paths = vec![path.to_owned()];
    if path.ends_with(".onnx") {
        let external = [format!("{path}_data"), format!("{path}.data")];
        let belongs = |other: &&String| external.iter().any(|prefix| other.starts_with(prefix.as_str()));
        paths.extend(listing.files.keys().filter(belongs).cloned());
    } else if let Some(stem) = path.strip_suffix(".xml") {
        paths.extend(Some(format!("{stem}.bin")).filter(|path| listing.has(path)));
    }
    paths
}

fn shards(listing: &Listing, files: &Files, folder: &str, index: &str) -> Result<BTreeSet<String>> {
    let label = files.label(index);
    let value = files.read_json(index)?.unwrap_or_default();
    let map = Fields::new(label.clone(), &value)?.object("weight_map")?;
    let mut paths = BTreeSet::new();
    for (tensor, file) in map.iter() {
        let Some(file) = file.as_str() else {
            return Err(Error::model(format!("`weight_map` in `{label}` has no file for `{tensor}`")));
        };
        let path = join(folder, &inner_path(file, &label)?);
        if !listing.has(&path) {
            return Err(Error::model(format!("`{label}` names `{path}`, which the model does not have")));
        }
        paths.insert(path);
    }
    if paths.is_empty() {
        return Err(Error::model(format!("`{label}` names no files")));
    }
    Ok(paths)
}

fn graphs_hint(listing: &Listing) -> String {
    let is_graph = |path: &&String| path.ends_with(".onnx") || path.ends_with(".xml");
    let graphs: Vec<&str> = listing.files.keys().filter(is_graph).take(MAX_NAMED).map(String::as_str).collect();
    if graphs.is_empty() {
        return "it has no ONNX or OpenVINO files either; choose another model, or convert it elsewhere".to_owned();
    }
    format!("it has these graphs: `{}`", graphs.join("`, `"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// What is chosen of a repository with these files; contents only where they are read.
    fn select(files: &[(&str, &str)]) -> Result<Vec<String>> {
        let dir = tempfile::tempdir().unwrap();
        let mut listing = Listing::default();
        for (path, contents) in files {
            listing.files.insert((*path).to_owned(), super::super::listing::Remote::default());
            let target = dir.path().join(path);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::write(target, contents).unwrap();
        }
        let files = Files::Dir(dir.path().to_owned());
        let layout = Layout::read(&listing, &files)?;
        let mut paths = layout.configuration(&listing);
        paths.extend(layout.weights(&listing, &files)?);
        Ok(paths)
    }

    fn check(files: &[(&str, &str)], expect: &[&str]) {
        assert_eq!(select(files).unwrap(), expect);
    }

    const ST: &str = r#"[{"type": "sentence_transformers.models.Transformer", "path": ""},
        {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"},
        {"type": "sentence_transformers.models.Dense", "path": "2_Dense"}]"#;

    #[test]
    fn a_package_is_taken_and_the_rest_is_left() {
        check(
            &[
                ("modules.json", ST),
                ("README.md", ""),
                ("config.json", ""),
                ("tokenizer.json", ""),
                ("vocab.txt", ""),
                ("sentence_bert_config.json", ""),
                ("1_Pooling/config.json", ""),
                ("2_Dense/config.json", ""),
                ("2_Dense/model.safetensors", ""),
                ("2_Dense/pytorch_model.bin", ""),
                ("model.safetensors", ""),
                ("pytorch_model.bin", ""),
                ("onnx/model.onnx", ""),
                ("openvino/openvino_model.xml", ""),
            ],
            &[
                "1_Pooling/config.json",
                "2_Dense/config.json",
                "config.json",
                "modules.json",
                "sentence_bert_config.json",
                "tokenizer.json",
                "model.safetensors",
                "2_Dense/model.safetensors",
            ],
        );
    }

    #[test]
    fn shards_come_by_their_list_and_graphs_with_their_data() {
        let index =
            r#"{"weight_map": {"a": "model-00002-of-00002.safetensors", "b": "model-00001-of-00002.safetensors"}}"#;
        let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
        let sharded = [("config.json", ""), ("model.safetensors.index.json", index), (shards[0], ""), (shards[1], "")];
        check(&sharded, &["config.json", "model.safetensors.index.json", shards[0], shards[1]]);
        check(
            &[("config.json", ""), ("onnx/model.onnx", ""), ("onnx/model.onnx_data", ""), ("onnx/model_O3.onnx", "")],
            &["config.json", "onnx/model.onnx", "onnx/model.onnx_data"],
        );
        let pickled = r#"{"weight_map": {"a": "pytorch_model-00001-of-00001.bin"}}"#;
        let shard = "pytorch_model-00001-of-00001.bin";
        check(
            &[("config.json", ""), (PICKLED_INDEX, pickled), (shard, ""), ("onnx/model.onnx", "")],
            &["config.json", PICKLED_INDEX, shard],
        );
        check(&[("config.json", ""), (PICKLED, ""), (PICKLED_INDEX, pickled)], &["config.json", PICKLED]);
        let table = [("0_StaticEmbedding/model.safetensors", ""), ("0_StaticEmbedding/tokenizer.json", "")];
        check(&table, &["0_StaticEmbedding/tokenizer.json", "0_StaticEmbedding/model.safetensors"]);
    }

    #[test]
    fn what_cannot_be_a_model_or_leads_elsewhere_is_refused() {
        let outside = r#"[{"type": "sentence_transformers.models.Pooling", "path": "../../1_Pooling"}]"#;
        let index = "model.safetensors.index.json";
        for (files, part) in [
            (vec![("modules.json", outside)], "outside the package"),
            (vec![("config.json", ""), (index, r#"{"weight_map": {"a": "/etc/passwd"}}"#)], "outside the package"),
            (vec![("config.json", ""), (index, r#"{"weight_map": {"a": "absent.safetensors"}}"#)], "does not have"),
            (vec![("config.json", ""), (index, r#"{"weight_map": {"a": 1}}"#)], "has no file"),
            (vec![("config.json", ""), (index, "{}")], "names no files"),
            (vec![("config.json", ""), ("tf_model.h5", "")], "neither `model.safetensors` nor `pytorch_model.bin`"),
            (vec![("README.md", ""), ("onnx/model_O3.onnx", "")], "onnx/model_O3.onnx"),
        ] {
            let err = select(&files).unwrap_err();
            assert!(err.to_text().contains(part), "{part}: {}", err.to_text());
        }
    }

    #[test]
    fn what_is_asked_for_comes_too() {
        let names =
            ["drivetrain.json", "onnx/a.onnx", "onnx/a.onnx.data", "onnx/x.part", "openvino/m.xml", "openvino/m.bin"];
        let files = names.map(|name| (name.to_owned(), super::super::listing::Remote::default()));
        let listing = Listing { files: files.into(), ..Listing::default() };
        let included = |pattern: &str| included(&listing, &[pattern.to_owned()]);
        assert_eq!(included("onnx/a.onnx").unwrap(), ["onnx/a.onnx", "onnx/a.onnx.data"]);
        assert_eq!(included("*.xml").unwrap(), ["openvino/m.bin", "openvino/m.xml"]);
        assert_eq!(included("*").unwrap().len(), 4);
        let err = included("onnx/b.onnx").unwrap_err();
        assert!(err.hint().unwrap().contains("`onnx/a.onnx`, `openvino/m.xml`"), "{err}");
    }
}
