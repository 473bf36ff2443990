//! Drivetrain as a program uses it: a profile, an engine, all texts at once.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::Parser;
use drivetrain::{Embeddings, Engine, Goal, Layer, Locations, Profile};
use protocol::{Contestant, read_texts};

/// What runs.
#[derive(Debug, Parser)]
struct Settings {
    /// Data folder
    #[arg(long)]
    home: PathBuf,
    /// The profile, as TOML
    #[arg(long)]
    profile: String,
    /// File of texts
    #[arg(long)]
    texts: PathBuf,
}

/// The engine and the texts.
struct Drivetrain {
    engine: Engine,
    texts: Vec<String>,
}

fn main() -> Result<()> {
    let settings = Settings::parse();
    protocol::serve(|| Drivetrain::load(&settings))
}

impl Drivetrain {
    /// Opens what the profile says.
    fn load(settings: &Settings) -> Result<Self> {
        let explain = |err: drivetrain::Error| anyhow!("{}", err.to_text());
        let layer = Layer::text(&settings.profile).map_err(explain)?;
        let profile = Profile::build(&[layer]).map_err(explain)?;
        let locations = Locations::new(&settings.home, settings.home.join("cache"));
        let engine = Engine::builder(&profile).locations(locations).goal(Goal::Throughput).build().map_err(explain)?;
        Ok(Self { engine, texts: read_texts(&settings.texts)? })
    }
}

impl Contestant for Drivetrain {
    type Vectors = Embeddings;

    fn dim(&self) -> usize {
        self.engine.dim()
    }

    fn embed(&mut self) -> Result<Embeddings> {
        self.engine.embed(&self.texts).map_err(|err| anyhow!("{}", err.to_text()))
    }

    fn rows<'a>(&self, vectors: &'a Embeddings) -> Vec<&'a [f32]> {
        vectors.rows().collect()
    }
}
