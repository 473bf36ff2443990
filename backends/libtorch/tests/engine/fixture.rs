//! Fixture models, their reference vectors, and batches of token ids.

use std::{
    fs,
    path::{Path, PathBuf},
};

use drivetrain_contract::{Batch, Call, Model, NoCall, Output, OutputMut, PaddedBatch, Result, Session, TokenIds};
use drivetrain_package::{Files, Package, Weights};
use serde_json::Value;

/// A model directory with what the reference says of it.
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) expected: Value,
}

/// Texts as their tokens.
#[derive(Clone, Debug)]
pub(crate) struct Texts {
    pub(crate) ids: Vec<Vec<i64>>,
    /// How many tokens of each text, at its end, are of the second segment.
    pub(crate) second: usize,
}

impl Fixture {
    pub(crate) fn open(name: &str) -> Self {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/models")).join(name);
        let expected = serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
        Self { name: name.to_owned(), folder, expected }
    }

    /// Every fixture of this task that is a transformer.
    pub(crate) fn all(task: &str) -> Vec<Self> {
        let models = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/models"));
        let names = fs::read_dir(models).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        let is_wanted =
            |fixture: &Self| fixture.expected["task"] == task && fixture.expected["architecture"] != "static";
        let fixtures: Vec<Self> = names.iter().map(|name| Self::open(name)).filter(is_wanted).collect();
        assert!(!fixtures.is_empty(), "{task}");
        fixtures
    }

    pub(crate) fn model(&self) -> Model {
        Package::open(&self.folder).unwrap().model()
    }

    /// The tokens of the reference's texts.
    pub(crate) fn texts(&self) -> Texts {
        Texts { ids: serde_json::from_value(self.expected["token_ids"].clone()).unwrap(), second: 0 }
    }

    /// An array of the reference.
    pub(crate) fn array(&self, name: &str) -> Vec<f32> {
        let weights = Weights::open(&Files::Dir(self.folder.clone()), "expected.safetensors").unwrap();
        let mut numbers = Vec::new();
        weights.read_f32(name, &mut numbers).unwrap();
        numbers
    }

    /// What the vectors of these texts must be; of the one with a default prompt, those without it.
    pub(crate) fn vectors(&self) -> Vec<f32> {
        self.array(if self.name == "bert-prompts-excluded" { "prompt.document" } else { "embeddings" })
    }

    /// What is allowed: 2e-5 for vectors of length 1, relative to the largest number for others.
    pub(crate) fn tolerance(&self, reference: &[f32]) -> f32 {
        let largest = reference.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        if self.expected["normalize"] == true { 2e-5 } else { 1e-4 * largest }
    }
}

impl Texts {
    pub(crate) fn of(ids: &[&[i64]]) -> Self {
        Self { ids: ids.iter().map(|ids| ids.to_vec()).collect(), second: 0 }
    }

    pub(crate) fn one(&self, idx: usize) -> Self {
        Self { ids: vec![self.ids[idx].clone()], second: self.second }
    }

    /// Runs them as one batch, padded on the right.
    pub(crate) fn run(&self, session: &mut dyn Session, output: Output) -> Result<Vec<f32>> {
        self.run_as(session, output, &NoCall)
    }

    /// The same with a call that may end it.
    pub(crate) fn run_as(&self, session: &mut dyn Session, output: Output, call: &dyn Call) -> Result<Vec<f32>> {
        let length = self.ids.iter().map(Vec::len).max().unwrap();
        let tokens = |f: &dyn Fn(usize, &[i64]) -> i64| -> Vec<i64> {
            self.ids.iter().flat_map(|ids| (0..length).map(move |idx| f(idx, ids))).collect()
        };
        let ids = tokens(&|idx, ids| ids.get(idx).copied().unwrap_or(0));
        let mask = tokens(&|idx, ids| i64::from(idx < ids.len()));
        let types = tokens(&|idx, ids| i64::from(idx < ids.len() && idx + self.second >= ids.len()));
        let batch = PaddedBatch::new(self.ids.len(), length, TokenIds::I64(&ids), TokenIds::I64(&mask))?;
        let batch = Batch::Padded(batch.with_token_type_ids(TokenIds::I64(&types))?);
        let shape = session.output_shape(&batch, output)?;
        let mut data = vec![f32::NAN; shape.iter().product()];
        session.run(&batch, &mut [OutputMut::new(output, &shape, &mut data)?], call)?;
        Ok(data)
    }
}

pub(crate) fn max_abs_error(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    // A NaN is the largest of errors.
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, |most, x| if x <= most { most } else { x })
}

/// Cosines of the rows, least and mean.
pub(crate) fn cosines(a: &[f32], b: &[f32], dim: usize) -> (f64, f64) {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    let cosines: Vec<f64> =
        a.chunks_exact(dim).zip(b.chunks_exact(dim)).map(|(a, b)| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()).collect();
    let least = cosines.iter().copied().fold(1.0, f64::min);
    (least, cosines.iter().sum::<f64>() / cosines.len() as f64)
}
