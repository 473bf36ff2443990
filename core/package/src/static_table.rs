//! Where the table of a static package is.

use drivetrain_contract::{Error, Result};

use crate::{Files, Weights, json::join};

/// Names of the table's tensor: sentence-transformers' and model2vec's.
const NAMES: [&str; 2] = ["embedding.weight", "embeddings"];

/// Extent of a row of the table in the folder `path`.
pub(crate) fn columns(files: &Files, path: &str) -> Result<usize> {
    let weights = Weights::open(files, &join(path, "model.safetensors"))?;
    let Some(table) = NAMES.iter().find_map(|name| weights.get(name)) else {
        let names = NAMES.join("` nor `");
        return Err(Error::model(format!("`{}` holds no table of vectors: neither `{names}`", weights.label())));
    };
    match table.shape[..] {
        [rows, columns] if rows > 0 && columns > 0 => Ok(columns),
        _ => Err(Error::model(format!(
            "the table of vectors in `{}` has shape {:?}, not [tokens, dim]",
            weights.label(),
            table.shape
        ))),
    }
}

/// The folder of a static table in a package without `modules.json` and without a transformer's `config.json`.
pub(crate) fn find(files: &Files) -> Option<&'static str> {
    ["", "0_StaticEmbedding"].into_iter().find(|path| columns(files, path).is_ok())
}
