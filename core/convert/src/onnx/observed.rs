//! Graphs that give what linear layers multiply instead of what a model is for: what calibration runs.
//!
//! A site is given as numbers per text, in the output `sentence_embedding`, so that any session runs such a graph and
//! no more than one batch of token vectors is ever held: for each channel the lowest and the highest value over the
//! text's tokens, then the values at a few tokens, evenly spread over the text.

use std::path::Path;

use drivetrain_architectures::{Ops, StoredWeight};
use drivetrain_contract::{Output, Result};
use drivetrain_package::{Package, Weights};

use super::{
    export::Traced,
    form::Form,
    graph::{Graph, Value},
    model_file::{MAX_MESSAGE_BYTES, ModelFile},
    schema::{BATCH, ElementType, Extent},
};

/// What one or more linear layers multiply, with their matrices.
#[derive(Clone, Debug)]
pub(crate) struct ObservedSite<'a> {
    /// What [`super::Int8::sites`] calls it.
    pub(crate) name: String,
    /// Channels.
    pub(crate) width: usize,
    pub(crate) matrices: Vec<Matrix<'a>>,
}

/// The matrix of a linear layer, `[outputs, inputs]`.
#[derive(Clone, Debug)]
pub(crate) struct Matrix<'a> {
    /// Its name in the graph.
    pub(crate) name: String,
    weights: &'a Weights,
    stored_name: String,
    pub(crate) outputs: usize,
}

impl Matrix<'_> {
    /// All numbers, a row for each output.
    pub(crate) fn read(&self, out: &mut Vec<f32>) -> Result<()> {
        self.weights.read_f32(&self.stored_name, out)
    }
}

impl<'a> Traced<'a> {
    /// Every site, in the order of the graph.
    pub(crate) fn observed_sites(&self) -> Result<Vec<ObservedSite<'a>>> {
        let matrix = |handle: &Value| -> Result<Matrix<'a>> {
            let StoredWeight { weights, name, shape, .. } = self.graph.loaded(handle)?;
            let (name, outputs) = (name.clone(), shape.first().copied().unwrap_or(0));
            Ok(Matrix { name: handle.to_string(), weights, stored_name: name, outputs })
        };
        let sites = self.graph.sites.all().iter().map(|site| {
            let width = self.graph.loaded(&site.weights[0])?.shape.last().copied().unwrap_or(0);
            let matrices = site.weights.iter().map(matrix).collect::<Result<_>>()?;
            Ok(ObservedSite { name: site.name.clone(), width, matrices })
        });
        sites.collect()
    }
}

/// Numbers that an observed graph gives of each text for a site of so many channels.
pub(crate) fn numbers_of_site(width: usize, tokens: usize) -> usize {
    width * (2 + tokens)
}

/// Writes the graph that gives the sites for which `wanted` is true, one after the other.
pub(crate) fn write_observed(
    package: &Package,
    traced: Traced<'_>,
    wanted: &dyn Fn(&str) -> bool,
    tokens: usize,
    target: &Path,
) -> Result<()> {
    let Traced { mut graph, inputs, .. } = traced;
    graph.set_scope("observed");
    let sampler = Sampler::new(&mut graph, &inputs.attention_mask, tokens)?;
    let (mut parts, mut numbers) = (Vec::new(), 0);
    for site in graph.sites.all().to_vec() {
        if wanted(&site.name) {
            numbers += numbers_of_site(graph.loaded(&site.weights[0])?.shape.last().copied().unwrap_or(0), tokens);
            sampler.add(&mut graph, &site.input, &mut parts)?;
        }
    }
    let joined = graph.concat_last(&parts)?;
    graph.output(Output::SentenceEmbedding.name(), &joined, &[BATCH, Extent::Fixed(numbers)]);
    let file = ModelFile::new(graph, package.name(), Vec::new());
    file.write(target, MAX_MESSAGE_BYTES, &mut |_| Ok(()))?;
    Ok(())
}

/// What is the same for every site.
struct Sampler {
    /// 1 for tokens, `[B, S, 1]`.
    mask: Value,
    /// Indices of the tokens that are given, each `[B, 1]`.
    places: Vec<Value>,
}

impl Sampler {
    fn new(graph: &mut Graph<'_>, mask: &Value, tokens: usize) -> Result<Self> {
        let mask = graph.to_float(mask)?;
        let column = graph.unsqueeze_last(&mask)?;
        let length = graph.sum_tokens(&column)?;
        let first = graph.first_index(&mask)?;
        let mut places = Vec::new();
        for idx in 0..tokens {
            // Strictly below 1, so that the last of a text's tokens is the highest that is reached.
            let share = graph.float((idx as f32 + 0.5) / tokens as f32);
            let place = graph.mul(&length, &share)?;
            let place = graph.cast(&place, ElementType::I64);
            places.push(graph.add(&first, &place)?);
        }
        Ok(Self { mask: column, places })
    }

    fn add(&self, graph: &mut Graph<'_>, site: &Value, parts: &mut Vec<Value>) -> Result<()> {
        let minus_one = graph.float(-1.0);
        let negated = graph.mul(site, &minus_one)?;
        let negated = graph.masked_fill(&negated, &self.mask, f32::MIN)?;
        let negated_low = graph.max_tokens(&negated)?;
        parts.push(graph.mul(&negated_low, &minus_one)?);
        let masked = graph.masked_fill(site, &self.mask, f32::MIN)?;
        parts.push(graph.max_tokens(&masked)?);
        for place in &self.places {
            parts.push(graph.token_at(site, place)?);
        }
        Ok(())
    }
}

/// The model of `package` in floats, traced to be observed.
pub(crate) fn trace<'a>(
    package: &Package,
    checkpoint: &'a drivetrain_architectures::Checkpoint,
) -> Result<Traced<'a>> {
    Traced::new(package, checkpoint, Form::F32)
}
