//! The result of a distillation, ready to be written as a package.

use std::path::Path;

use drivetrain_contract::{Error, Result};
use serde_json::{Value, json};

use super::{options::TableType, staging::Staging, table::Table};

/// A static model in memory.
#[derive(Debug)]
pub struct Distilled {
    tokenizer_json: String,
    table: Table,
    provenance: Provenance,
}

/// What the model was made of, and how.
#[derive(Debug)]
pub(crate) struct Provenance {
    /// Name of the transformer's package.
    pub(crate) source: String,
    pub(crate) sif_coefficient: Option<f64>,
    pub(crate) explained_variance: f64,
    pub(crate) fitted_on: Option<FittedOn>,
}

/// What a table was trained on, and how.
#[derive(Clone, Debug)]
pub(crate) struct FittedOn {
    /// Texts that were trained on and held out.
    pub(crate) n_texts: usize,
    /// SHA-256 over all texts.
    pub(crate) texts_sha256: String,
    pub(crate) epochs: usize,
    pub(crate) seed: u64,
    /// Loss of the held-out texts.
    pub(crate) held_out_loss: f64,
}

impl Distilled {
    pub(crate) fn new(tokenizer_json: String, table: Table, provenance: Provenance) -> Self {
        Self { tokenizer_json, table, provenance }
    }

    /// Tokens in the vocabulary: rows of the table.
    pub fn tokens(&self) -> usize {
        self.table.rows()
    }

    /// Dimensions of a vector.
    pub fn dims(&self) -> usize {
        self.table.dims()
    }

    /// Element type of the table.
    pub fn table_type(&self) -> TableType {
        self.table.table_type()
    }

    /// Share of the token vectors' variance that the kept dimensions explain, 0 to 1.
    pub fn explained_variance(&self) -> f64 {
        self.provenance.explained_variance
    }

    /// Writes the package to the folder `dir`, whole or not at all.
    ///
    /// The files are written to a folder beside it, which is renamed in the end. What is written is what model2vec's
    /// `save_pretrained` writes (`config.json`, `tokenizer.json`, `model.safetensors`, `modules.json`), and
    /// `config_sentence_transformers.json`.
    ///
    /// # Errors
    /// [`Invalid`](drivetrain_contract::ErrorKind::Invalid) when `dir` exists and is not an empty folder,
    /// [`Io`](drivetrain_contract::ErrorKind::Io) when writing fails.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let staging = Staging::create(dir)?;
        staging.write("model.safetensors", &self.table.to_safetensors()?)?;
        staging.write("tokenizer.json", self.tokenizer_json.as_bytes())?;
        staging.write("config.json", &pretty(&self.config())?)?;
        staging.write("modules.json", &pretty(&modules())?)?;
        staging.write("config_sentence_transformers.json", &pretty(&sentence_transformers())?)?;
        staging.publish()
    }

    /// The keys of model2vec 0.10, and below `drivetrain` what it has no key for.
    fn config(&self) -> Value {
        let fitted_on = self.provenance.fitted_on.as_ref().map(|fitted| {
            json!({
                "texts": fitted.n_texts,
                "texts_sha256": fitted.texts_sha256,
                "epochs": fitted.epochs,
                "seed": fitted.seed,
                "held_out_loss": fitted.held_out_loss,
            })
        });
        let mut config = json!({
            "model_type": "model2vec",
            "architectures": ["StaticModel"],
            "tokenizer_name": self.provenance.source,
            "apply_pca": self.dims(),
            "sif_coefficient": self.provenance.sif_coefficient,
            "hidden_dim": self.dims(),
            "seq_length": 1_000_000,
            "max_length": null,
            "normalize": true,
            "pooling": "mean",
            "embedding_dtype": self.table_type().numpy_name(),
            "drivetrain": {
                "version": env!("CARGO_PKG_VERSION"),
                "distilled_from": self.provenance.source,
                "explained_variance": self.explained_variance(),
            },
        });
        if let Some(fitted_on) = fitted_on {
            config["drivetrain"]["fitted_on"] = fitted_on;
        }
        config
    }
}

fn modules() -> Value {
    json!([
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.StaticEmbedding"},
        {"idx": 1, "name": "1", "path": "1_Normalize", "type": "sentence_transformers.models.Normalize"},
    ])
}

fn sentence_transformers() -> Value {
    json!({
        "model_type": "SentenceTransformer",
        "prompts": {},
        "default_prompt_name": null,
        "similarity_fn_name": "cosine",
    })
}

fn pretty(value: &Value) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(value).map_err(|err| Error::internal("failed to write JSON").with_source(err))
}
