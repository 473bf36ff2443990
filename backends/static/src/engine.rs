//! The two ways to compute: model2vec-rs, which leaves unknown tokens out, and a gather-mean, which counts them.

use drivetrain_contract::{Artifact, Result};
use model2vec_rs::model::StaticModel;

use crate::{
    convert::{self, Table},
    description::Description,
    error::broken,
    gather::{GatherMean, GatherOptions},
    vocabulary,
};

/// Most tokens that a byte of text can become: compatibility normalisation makes 18 characters of the 3 bytes of U+FDFA,
/// and no character becomes more (Unicode Standard Annex 15, maximum expansion factors).
const TOKENS_PER_BYTE: usize = 6;

/// What computes the vectors.
#[derive(Debug)]
pub(crate) enum Engine {
    /// Unknown tokens are left out.
    Model2Vec {
        /// Tokenizer and table.
        model: StaticModel,
        /// Tokens that count.
        max_tokens: Option<usize>,
        /// Bytes of the table in memory.
        table_bytes: u64,
    },
    /// Unknown tokens are counted.
    Gather(Box<GatherMean>),
}

impl Engine {
    /// Reads and checks the files.
    pub(crate) fn load(table: &Artifact, tokenizer: &Artifact, description: &Description) -> Result<Self> {
        let (table_label, tokenizer_label) = (table.data.label(), tokenizer.data.label());
        let table_bytes = convert::read(table)?;
        let tokenizer_bytes = convert::read(tokenizer)?;
        let parsed = Table::parse(&table_label, &table_bytes)?;
        let &Description { drop_unknown, normalize, max_tokens } = description;
        if !drop_unknown {
            let options = GatherOptions { normalize, max_tokens };
            let tokenizer = (tokenizer_label.as_str(), &*tokenizer_bytes);
            return GatherMean::new(tokenizer, (&table_label, parsed), options)
                .map(|gather| Self::Gather(Box::new(gather)));
        }
        // model2vec-rs indexes the table without a check, so an id without a row must not get there.
        parsed.check_tokens(&table_label, vocabulary::count_ids(&tokenizer_label, &tokenizer_bytes)?)?;
        let model = StaticModel::from_bytes(&*tokenizer_bytes, &*table_bytes, b"{}", Some(normalize))
            .map_err(|err| broken(&tokenizer_label, "does not work with model2vec").with_source(format!("{err:#}")))?;
        Ok(Self::Model2Vec { model, max_tokens, table_bytes: parsed.resident_bytes() })
    }

    /// Extent of a vector.
    pub(crate) fn columns(&self) -> usize {
        match self {
            Self::Model2Vec { model, .. } => model.dim(),
            Self::Gather(gather) => gather.columns(),
        }
    }

    /// Bytes of the table in memory.
    pub(crate) fn table_bytes(&self) -> u64 {
        match self {
            Self::Model2Vec { table_bytes, .. } => *table_bytes,
            Self::Gather(gather) => gather.table_bytes(),
        }
    }

    /// Computes the vectors of `texts`, one after the other in `out`.
    pub(crate) fn embed(&self, texts: &[&str], out: &mut [f32]) -> Result<()> {
        match self {
            Self::Model2Vec { model, max_tokens, .. } => {
                // Without a limit no text is counted through to find where to cut it.
                let max_tokens = max_tokens.filter(|&max| texts.iter().any(|text| text.len() > max / TOKENS_PER_BYTE));
                let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
                out.copy_from_slice(&model.encode_flat_with_args(&texts, max_tokens));
                Ok(())
            }
            Self::Gather(gather) => {
                let vectors = out.chunks_mut(gather.columns());
                texts.iter().zip(vectors).try_for_each(|(text, vector)| gather.embed(text, vector))
            }
        }
    }
}
