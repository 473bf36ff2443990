//! What a package is for.

use drivetrain_contract::{Error, Result};

use crate::json::Fields;

/// What a package is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One vector per text.
    Embed,
    /// Scores for pairs of texts (a cross-encoder).
    Rerank,
    /// One weight per word of the vocabulary for each text.
    Sparse,
    /// One vector per token (late interaction).
    MultiVector,
}

impl Task {
    /// The name used in messages and tables.
    pub fn name(self) -> &'static str {
        match self {
            Task::Embed => "embed",
            Task::Rerank => "rerank",
            Task::Sparse => "sparse",
            Task::MultiVector => "multi_vector",
        }
    }

    /// The task that `config_sentence_transformers.json` states, and otherwise what the rest of the package shows.
    ///
    /// A plain transformers directory is an embedder, as in sentence-transformers, unless its architecture ends in a
    /// classifier. Packages older than the key `model_type` are told by their modules.
    pub(crate) fn detect(sentence: &Fields<'_>, config: &Fields<'_>, module_types: &[&str]) -> Result<Self> {
        match sentence.str("model_type")? {
            Some("SentenceTransformer") => return Ok(Self::Embed),
            Some("CrossEncoder") => return Ok(Self::Rerank),
            Some("SparseEncoder") => return Ok(Self::Sparse),
            Some("MultiVectorEncoder" | "ColBERT") => return Ok(Self::MultiVector),
            Some(other) => {
                let known = "SentenceTransformer, CrossEncoder, SparseEncoder, MultiVectorEncoder";
                let problem = sentence.problem("model_type", &format!("is `{other}`; known are {known}"));
                return Err(Error::unsupported(problem.message()));
            }
            None => {}
        }
        if module_types.iter().any(|name| name.contains("sparse_encoder")) {
            return Ok(Self::Sparse);
        }
        if module_types.iter().any(|name| name.contains("multi_vector_encoder") || name.starts_with("pylate.")) {
            return Ok(Self::MultiVector);
        }
        let architecture = config.first_str("architectures")?.unwrap_or_default();
        Ok(match architecture {
            "HF_ColBERT" => Self::MultiVector,
            name if name.ends_with("ForSequenceClassification") && module_types.is_empty() => Self::Rerank,
            _ => Self::Embed,
        })
    }
}
