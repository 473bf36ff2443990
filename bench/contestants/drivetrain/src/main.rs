//! Drivetrain as a program uses it: a profile, an engine, all texts at once; other engines in the same process if wanted.

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
    /// Profile of another engine, which is opened before and embeds some texts before each pass; may be repeated
    #[arg(long)]
    also: Vec<String>,
    /// Embed each text by itself instead of all at once
    #[arg(long)]
    one_at_a_time: bool,
    /// File of texts
    #[arg(long)]
    texts: PathBuf,
}

/// Texts that each of the other engines embeds before each pass.
const OTHERS_TEXTS: usize = 16;

/// The engine and the texts.
struct Drivetrain {
    engine: Engine,
    others: Vec<Engine>,
    texts: Vec<String>,
    one_at_a_time: bool,
}

fn main() -> Result<()> {
    let settings = Settings::parse();
    protocol::serve(|| Drivetrain::load(&settings))
}

impl Drivetrain {
    /// Opens what the profiles say.
    fn load(settings: &Settings) -> Result<Self> {
        let texts = read_texts(&settings.texts)?;
        let open = |profile: &String| settings.open(profile).map_err(explain);
        let others: Vec<Engine> = settings.also.iter().map(open).collect::<Result<_>>()?;
        // The others are in use before this one is opened, and it is in use before they are used again.
        use_some(&others, &texts)?;
        Ok(Self { engine: open(&settings.profile)?, others, texts, one_at_a_time: settings.one_at_a_time })
    }
}

impl Settings {
    fn open(&self, profile: &str) -> drivetrain::Result<Engine> {
        let profile = Profile::build(&[Layer::text(profile)?])?;
        let locations = Locations::new(&self.home, self.home.join("cache"));
        let goal = if self.one_at_a_time { Goal::Latency } else { Goal::Throughput };
        Engine::builder(&profile).locations(locations).goal(goal).build()
    }
}

impl Contestant for Drivetrain {
    type Vectors = Vec<Embeddings>;

    fn dim(&self) -> usize {
        self.engine.dim()
    }

    fn prepare(&mut self) -> Result<()> {
        use_some(&self.others, &self.texts)
    }

    fn embed(&mut self) -> Result<Vec<Embeddings>> {
        let at_once = if self.one_at_a_time { 1 } else { self.texts.len().max(1) };
        self.texts.chunks(at_once).map(|texts| self.engine.embed(texts).map_err(explain)).collect()
    }

    fn rows<'a>(&self, vectors: &'a Vec<Embeddings>) -> Vec<&'a [f32]> {
        vectors.iter().flat_map(Embeddings::rows).collect()
    }
}

fn use_some(engines: &[Engine], texts: &[String]) -> Result<()> {
    let some = &texts[..texts.len().min(OTHERS_TEXTS)];
    engines.iter().try_for_each(|engine| engine.embed(some).map(drop).map_err(explain))
}

#[expect(clippy::needless_pass_by_value, reason = "it stands where errors are mapped")]
fn explain(err: drivetrain::Error) -> anyhow::Error {
    anyhow!("{}", err.to_text())
}
