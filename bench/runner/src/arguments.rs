//! The command line.

use std::{num::NonZeroUsize, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::{
    engines::{Engine, Precision},
    lengths::Length,
    race::Rules,
    regret::{Budget, Cell},
};

/// Pairs of sentences that people scored.
const STS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/sts/stsb-en-test.tsv");

/// Compares Drivetrain with the engine alone and with other libraries, on this machine
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) task: Task,
}

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Drivetrain beside ONNX Runtime alone, fastembed-rs and model2vec-rs
    Peers(PeersArguments),
    /// What each setting of ONNX Runtime does
    Settings(RaceArguments),
    /// Every engine in every precision: Drivetrain beside the engine alone at its best, and engines beside each other
    Engines(EnginesArguments),
    /// What each engine loses when all others are loaded and used in the same process
    Together(RaceArguments),
    /// Seconds per text and peak memory of the program as the input grows
    Growth(GrowthArguments),
    /// What each precision loses on pairs of texts that people scored, beside how far its vectors are from those in f32
    Accuracy(AccuracyArguments),
    /// How fast what a plan picks is beside the best of everything there is
    Regret(RegretArguments),
}

/// What runs, and where it is.
#[derive(Args, Debug)]
pub(crate) struct PlacesArguments {
    /// Data folder of Drivetrain, with the model and ONNX Runtime installed
    #[arg(long)]
    pub(crate) home: PathBuf,
    /// Threads each contestant may use; all there are if not said
    #[arg(long)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Version of ONNX Runtime, one of those installed
    #[arg(long, default_value = "1.28.0")]
    pub(crate) runtime: String,
    /// Installed model to run
    #[arg(long, default_value = "all-MiniLM-L6-v2")]
    pub(crate) model: String,
}

/// What every race needs.
#[derive(Args, Debug)]
pub(crate) struct RaceArguments {
    #[command(flatten)]
    pub(crate) places: PlacesArguments,
    /// Folder of the texts; without it those of this repository are used
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
    /// Measured rounds; one more goes before them
    #[arg(long, default_value = "5")]
    pub(crate) rounds: NonZeroUsize,
    /// How often a pass is repeated that other programs disturbed; the least disturbed one counts
    #[arg(long, default_value_t = 2)]
    pub(crate) patience: usize,
    /// Lengths of text
    #[arg(long, value_delimiter = ',', default_values = ["short", "mid", "long", "mixed"])]
    pub(crate) lengths: Vec<Length>,
    /// Texts of each length instead of a number that keeps the whole within a quarter of an hour
    #[arg(long)]
    pub(crate) limit: Option<usize>,
    /// Also write everything measured into this file
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
}

impl RaceArguments {
    /// How the races go.
    pub(crate) fn rules(&self) -> Rules {
        Rules { rounds: self.rounds.get(), patience: self.patience }
    }
}

/// A race against peers.
#[derive(Args, Debug)]
pub(crate) struct PeersArguments {
    #[command(flatten)]
    pub(crate) race: RaceArguments,
    /// Only these contestants, and those they are compared with
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// More lines of Drivetrain's profile, as TOML
    #[arg(long, default_value = "")]
    pub(crate) profile: String,
}

/// Races of engines.
#[derive(Args, Debug)]
pub(crate) struct EnginesArguments {
    #[command(flatten)]
    pub(crate) race: RaceArguments,
    /// Only these engines, and ONNX Runtime in f32, which the others are compared with
    #[arg(long, value_delimiter = ',')]
    pub(crate) engines: Vec<Engine>,
    /// Only these precisions, and f32 of ONNX Runtime
    #[arg(long, value_delimiter = ',')]
    pub(crate) precisions: Vec<Precision>,
    /// Batch sizes among which the best is looked for
    #[arg(long, value_delimiter = ',', default_values = ["1", "2", "4", "8", "16", "32", "64"])]
    pub(crate) batches: Vec<usize>,
    /// Measured rounds of that search
    #[arg(long, default_value = "3")]
    pub(crate) search_rounds: NonZeroUsize,
    /// More lines of the table `pipeline` in Drivetrain's profile, as TOML
    #[arg(long, default_value = "")]
    pub(crate) pipeline: String,
}

/// Scored texts for every engine.
#[derive(Args, Debug)]
pub(crate) struct AccuracyArguments {
    #[command(flatten)]
    pub(crate) places: PlacesArguments,
    /// Files of pairs that people scored: lines of score, text and text, with tabs between them, under a line of headings
    #[arg(long, value_delimiter = ',', default_values = [STS])]
    pub(crate) pairs: Vec<PathBuf>,
    /// Folders with documents, questions and which documents answer which question, as BEIR lays them out
    #[arg(long, value_delimiter = ',')]
    pub(crate) retrieval: Vec<PathBuf>,
    /// Also write everything measured into this file
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
}

/// Plans beside everything there is.
#[derive(Args, Debug)]
pub(crate) struct RegretArguments {
    #[command(flatten)]
    pub(crate) places: PlacesArguments,
    /// Folder of the texts; without it those of this repository are used
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
    /// The program, built for release
    #[arg(long, default_value = "../target/release/drivetrain")]
    pub(crate) program: PathBuf,
    /// Lengths of text and goals, such as `mid:latency`
    #[arg(long, value_delimiter = ',', default_values = [
        "short:throughput", "mid:throughput", "long:throughput", "short:latency", "mid:latency", "long:latency",
    ])]
    pub(crate) cells: Vec<Cell>,
    /// Shares of the quality that may be lost; 0 is none but by rounding
    #[arg(long, value_delimiter = ',', default_values = ["0", "0.4%", "1%", "15%"])]
    pub(crate) budgets: Vec<Budget>,
    /// Seconds that one pass of the search takes with ONNX Runtime in f32; a pass of the race takes twice as many
    #[arg(long, default_value_t = 0.4)]
    pub(crate) seconds: f64,
    /// Measured rounds of the search; one more goes before them
    #[arg(long, default_value = "2")]
    pub(crate) search_rounds: NonZeroUsize,
    /// Measured rounds of the race; one more goes before them
    #[arg(long, default_value = "7")]
    pub(crate) rounds: NonZeroUsize,
    /// How often a pass of the race is repeated that other programs disturbed; the least disturbed one counts
    #[arg(long, default_value_t = 1)]
    pub(crate) patience: usize,
    /// Also write everything measured into this file
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
}

/// A run of growing inputs.
#[derive(Args, Debug)]
pub(crate) struct GrowthArguments {
    /// The program, built for release
    #[arg(long, default_value = "../target/release/drivetrain")]
    pub(crate) program: PathBuf,
    /// Numbers of texts
    #[arg(long, value_delimiter = ',', default_values = ["1000", "10000", "100000", "1000000"])]
    pub(crate) sizes: Vec<usize>,
    /// Measured rounds; one more goes before them
    #[arg(long, default_value = "5")]
    pub(crate) rounds: NonZeroUsize,
    /// Also write everything measured into this file
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
}
