//! model2vec-rs alone, on a package of static embeddings.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use clap::Parser;
use model2vec_rs::model::StaticModel;
use protocol::{Contestant, read_texts};

/// What runs.
#[derive(Debug, Parser)]
struct Settings {
    /// Folder with `tokenizer.json`, `model.safetensors` and `config.json`
    #[arg(long)]
    model: PathBuf,
    /// File of texts
    #[arg(long)]
    texts: PathBuf,
}

/// The model and the texts.
struct Model2vec {
    model: StaticModel,
    texts: Vec<String>,
}

fn main() -> Result<()> {
    let settings = Settings::parse();
    protocol::serve(|| Model2vec::load(&settings))
}

impl Model2vec {
    /// Reads the package.
    fn load(settings: &Settings) -> Result<Self> {
        let read = |name: &str| {
            let path = settings.model.join(name);
            fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))
        };
        let (tokenizer, table, config) = (read("tokenizer.json")?, read("model.safetensors")?, read("config.json")?);
        let model = StaticModel::from_bytes(tokenizer, table, config, None)?;
        Ok(Self { model, texts: read_texts(&settings.texts)? })
    }
}

impl Contestant for Model2vec {
    type Vectors = Vec<f32>;

    fn dim(&self) -> usize {
        self.model.dim()
    }

    /// Its fastest way, one buffer for all vectors, and no text cut short.
    fn embed(&mut self) -> Result<Vec<f32>> {
        Ok(self.model.encode_flat_with_args(&self.texts, None))
    }

    fn rows<'a>(&self, vectors: &'a Vec<f32>) -> Vec<&'a [f32]> {
        vectors.chunks_exact(self.model.dim()).collect()
    }
}
