//! Graphs that give what linear layers multiply instead of what a model is for: what calibration runs.
//!
//! A site is given as numbers per text, in the output `sentence_embedding`, so that any session runs such a graph and
//! no more than one batch of token vectors is ever held: for each channel the lowest and the highest value over the
//! text's tokens, then the values at a few tokens, evenly spread over the text.

use std::path::Path;

use drivetrain_architectures::{Checkpoint, Ops};
use drivetrain_contract::{Error, Output, Result};
use drivetrain_package::Package;

use super::{
    export::Traced,
    form::Form,
    fused::Contributed,
    graph::{Graph, Value},
    model_file::{MAX_MESSAGE_BYTES, ModelFile},
    schema::{BATCH, ElementType, Extent},
    sites::Site,
    stored::{Numbers, Stored},
    tensor::Contents,
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
    pub(crate) stored: Stored<'a>,
}

impl<'a> Traced<'a> {
    /// Every site, in the order of the graph.
    pub(crate) fn observed_sites(&self) -> Result<Vec<ObservedSite<'a>>> {
        let matrix = |handle: &Value| -> Result<Matrix<'a>> {
            let tensor = self.graph.stored(handle, handle.clone(), false, Numbers::F32)?;
            match tensor.contents {
                Contents::Stored(stored) => Ok(Matrix { name: handle.to_string(), stored }),
                Contents::Constant { .. } => Err(Error::internal(format!("`{handle}` is not stored"))),
            }
        };
        let sites = self.graph.sites.all().iter().map(|site| {
            let width = self.graph.width(site)?;
            let matrices = site.weights.iter().map(matrix).collect::<Result<_>>()?;
            Ok(ObservedSite { name: site.name.clone(), width, matrices })
        });
        sites.collect()
    }
}

impl Graph<'_> {
    /// Channels of a site.
    fn width(&self, site: &Site<Value>) -> Result<usize> {
        Ok(self.loaded(&site.weights[0])?.shape.last().copied().unwrap_or(0))
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
            numbers += numbers_of_site(graph.width(&site)?, tokens);
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
pub(crate) fn trace<'a>(package: &Package, checkpoint: &'a Checkpoint) -> Result<Traced<'a>> {
    Traced::new(package, checkpoint, Form::F32, Contributed::default())
}
