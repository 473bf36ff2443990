//! What every backend has to do, whichever engine is behind it: one suite for all, through plugins as a user has them.
#![cfg(target_os = "linux")]

mod available;
pub(crate) mod child;
mod conversions;
mod ir;
mod life;
mod threads;
mod together;
mod vectors;

use std::path::Path;

use drivetrain::{
    Engine, Layer, Origin, Profile, Result,
    contract::{Batch, Capabilities, IndexType, Inputs, NoCall, Output, OutputMut, PaddedBatch, Session, TextBatch},
};
use drivetrain_tests::Rig;

/// The settings of a test's engine.
struct Settings<'a> {
    backend: &'a str,
    precision: &'a str,
    /// Whether the device may compute it in another precision.
    allow_emulated: bool,
    threads: usize,
    sessions: usize,
}

impl<'a> Settings<'a> {
    /// One session of two threads, in f32.
    fn of(backend: &'a str) -> Self {
        Self { backend, precision: "f32", allow_emulated: false, threads: 2, sessions: 1 }
    }
}

/// Opens a model with a plugin of the rig.
fn open(rig: &Rig, model: &Path, settings: &Settings<'_>) -> Result<Engine> {
    let mut layer = Layer::default();
    let texts = [("model", model.to_str().unwrap()), ("backend", settings.backend), ("precision", settings.precision)];
    texts.into_iter().for_each(|(key, value)| layer.set(key, value, Origin::Program));
    layer.set("allow_emulated", settings.allow_emulated, Origin::Program);
    layer.set("threads", settings.threads, Origin::Program);
    layer.set("pipeline.sessions", settings.sessions, Origin::Program);
    layer.set("plugins", vec![rig.plugins().to_str().unwrap()], Origin::Program);
    let profile = Profile::build(&[layer])?;
    Engine::builder(&profile).locations(rig.locations()).build()
}

/// Token ids that every model here has, in the width a session wants.
struct Tokens {
    wide: Vec<i64>,
    narrow: Vec<i32>,
}

impl Tokens {
    fn repeated(number: i32, count: usize) -> Self {
        Self { wide: vec![i64::from(number); count], narrow: vec![number; count] }
    }

    fn ids(&self, width: IndexType) -> drivetrain::contract::TokenIds<'_> {
        match width {
            IndexType::I64 => drivetrain::contract::TokenIds::I64(&self.wide),
            IndexType::I32 => drivetrain::contract::TokenIds::I32(&self.narrow),
        }
    }
}

/// Runs `size` texts of `length` tokens, in whatever way the session takes them; gives the sum of what comes out.
fn run(session: &mut dyn Session, size: usize, length: usize) -> Result<f32> {
    let info = session.describe().clone();
    let [ids, ones, zeros] = [7, 1, 0].map(|number| Tokens::repeated(number, size * length));
    let words = "word ".repeat(size * length);
    let offsets: Vec<i64> = (0..=size).map(|text| (text * length * 5) as i64).collect();
    let batch = if info.capabilities.contains(Capabilities::TEXT_IN) {
        Batch::Text(TextBatch::new(&words, &offsets)?)
    } else {
        let width = info.index_type;
        let mut batch = PaddedBatch::new(size, length, ids.ids(width), ones.ids(width))?;
        if info.inputs.contains(Inputs::TOKEN_TYPE_IDS) {
            batch = batch.with_token_type_ids(zeros.ids(width))?;
        }
        if info.inputs.contains(Inputs::POSITION_IDS) {
            batch = batch.with_position_ids(zeros.ids(width))?;
        }
        Batch::Padded(batch)
    };
    let output = Output::ALL.into_iter().find(|output| info.outputs.contains(output.set())).expect("an output");
    let shape = session.output_shape(&batch, output)?;
    let mut data = vec![0.0; shape.iter().product()];
    session.run(&batch, &mut [OutputMut::new(output, &shape, &mut data)?], &NoCall)?;
    Ok(data.iter().sum())
}
