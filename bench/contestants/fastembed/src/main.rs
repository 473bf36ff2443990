//! fastembed-rs as a contestant: a model of one's own from files, without the hub.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::Parser;
use fastembed::{InitOptionsUserDefined, OutputKey, Pooling, TextEmbedding, TokenizerFiles, UserDefinedEmbeddingModel};
use protocol::{Contestant, read_texts};

/// fastembed-rs; ONNX Runtime's library is the one `ORT_DYLIB_PATH` names.
#[derive(Debug, Parser)]
struct Settings {
    /// The model's folder
    #[arg(long)]
    model: PathBuf,
    /// Graph with an output `last_hidden_state`
    #[arg(long)]
    graph: PathBuf,
    /// File of texts
    #[arg(long)]
    texts: PathBuf,
    /// Tokens a text is cut to
    #[arg(long, default_value_t = 256)]
    max_length: usize,
    /// Texts in a batch instead of its default
    #[arg(long)]
    batch: Option<usize>,
    /// Threads of ONNX Runtime
    #[arg(long)]
    threads: usize,
}

struct Fastembed {
    model: TextEmbedding,
    texts: Vec<String>,
    batch: Option<usize>,
    dim: usize,
}

fn main() -> Result<()> {
    let settings = Settings::parse();
    protocol::serve(|| Fastembed::load(&settings))
}

impl Fastembed {
    fn load(settings: &Settings) -> Result<Self> {
        let file = |name: &str| read(&settings.model.join(name));
        let tokenizer_files = TokenizerFiles {
            tokenizer_file: file("tokenizer.json")?,
            config_file: file("config.json")?,
            special_tokens_map_file: file("special_tokens_map.json")?,
            tokenizer_config_file: file("tokenizer_config.json")?,
        };
        let mut model =
            UserDefinedEmbeddingModel::new(read(&settings.graph)?, tokenizer_files).with_pooling(Pooling::Mean);
        model.output_key = Some(OutputKey::ByName("last_hidden_state"));
        let options =
            InitOptionsUserDefined::new().with_max_length(settings.max_length).with_intra_threads(settings.threads);
        let mut model = TextEmbedding::try_new_from_user_defined(model, options)?;
        let dim = model.embed(["one"], None)?.first().map_or(0, Vec::len);
        Ok(Self { model, texts: read_texts(&settings.texts)?, batch: settings.batch, dim })
    }
}

impl Contestant for Fastembed {
    type Vectors = Vec<Vec<f32>>;

    fn dim(&self) -> usize {
        self.dim
    }

    fn embed(&mut self) -> Result<Vec<Vec<f32>>> {
        Ok(self.model.embed(&self.texts, self.batch)?)
    }

    fn rows<'a>(&self, vectors: &'a Vec<Vec<f32>>) -> Vec<&'a [f32]> {
        vectors.iter().map(Vec::as_slice).collect()
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))
}
