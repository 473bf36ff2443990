//! One run of a graph, with its results copied.

use std::sync::Arc;

use drivetrain_contract::{Call, Error, ErrorKind, OutputMut, PaddedBatch, Result};
use drivetrain_graphs::Description;

use crate::{
    compiled::Compiled,
    convert, error,
    feeds::{Sample, feeds},
    graph::Graph,
    native::{Ended, InferRequest},
};

/// How often a running call is asked whether to go on, in milliseconds.
const POLL_MS: u32 = 10;

/// Texts and tokens of a run.
type Shape = [usize; 2];

/// A graph in the engine, ready to run.
///
/// # A run that does not end
///
/// OpenVINO infers the shapes of a graph ahead of computing it, and a node whose inputs are shaped as when it last
/// computed takes the shape of its output to be known. After a run that was stopped or failed that is wrong: the shape
/// inferred last is that run's, and the next run with the shape of the one before gives garbage (seen with 2026.4). So
/// a small run of another shape comes between, which makes every node infer again. Where several runs share the compiled
/// model, which of its copies of the graph a run used is not known: there, no run is stopped, and one that fails has the
/// model compiled anew.
#[derive(Debug)]
pub(crate) struct Runner {
    compiled: Arc<Compiled>,
    request: InferRequest,
    /// What its ports mean.
    pub(crate) graph: Graph,
    description: Description,
    /// Shape of the last run that ended.
    ended: Option<Shape>,
    /// Whether a run has not ended since.
    is_unsettled: bool,
}

impl Runner {
    /// A place to run `graph` in.
    pub(crate) fn new(compiled: Arc<Compiled>, graph: Graph, description: Description) -> Result<Self> {
        let request = compiled.model.request().map_err(error::run)?;
        Ok(Self { compiled, request, graph, description, ended: None, is_unsettled: false })
    }

    /// Whether a run can be stopped before its end.
    pub(crate) fn is_stoppable(&self) -> bool {
        self.compiled.is_alone
    }

    /// Whether the model must be compiled anew before the next run.
    pub(crate) fn is_spoilt(&self) -> bool {
        self.compiled.is_spoilt()
    }

    /// Computes `outputs`, until the end or until `call` wants them no more.
    pub(crate) fn run(
        &mut self,
        batch: &PaddedBatch<'_>,
        outputs: &mut [OutputMut<'_>],
        call: &dyn Call,
    ) -> Result<()> {
        self.settle()?;
        let stoppable = self.is_stoppable();
        if self.compute(batch, || !stoppable || call.check().is_ok())? == Ended::Stopped {
            call.check()?;
            return Err(Error::new(ErrorKind::Cancelled, "the run was stopped"));
        }
        for output in outputs {
            let port = self.graph.port(output.output())?;
            convert::output(&self.request.output(&port.name).map_err(error::run)?, output)?;
        }
        Ok(())
    }

    /// Runs the graph for the extents of its outputs only, and notes them.
    pub(crate) fn measure_extents(&mut self) -> Result<()> {
        self.compute(&Sample::new(&self.graph, [1, 2])?.batch()?, || true)?;
        for port in &mut self.graph.ports {
            let shape = self.request.output(&port.name).and_then(|output| output.shape()).map_err(error::run)?;
            port.extent = shape.last().copied();
        }
        Ok(())
    }

    fn compute(&mut self, batch: &PaddedBatch<'_>, go_on: impl FnMut() -> bool) -> Result<Ended> {
        let feeds = feeds(&self.graph, self.description, batch)?;
        let ended = self.request.run(&feeds, POLL_MS, go_on);
        self.is_unsettled = !matches!(ended, Ok(Ended::Done));
        if !self.is_unsettled {
            self.ended = Some([batch.size(), batch.length()]);
        } else if !self.is_stoppable() {
            self.compiled.spoil();
        }
        ended.map_err(error::run)
    }

    /// Makes every node of the graph infer its shape again, after a run that did not end.
    fn settle(&mut self) -> Result<()> {
        let (true, Some(before)) = (self.is_unsettled, self.ended) else { return Ok(()) };
        self.compute(&Sample::new(&self.graph, unlike(before))?.batch()?, || true).map(drop)
    }
}

/// A small shape that differs in every number that a node may see: texts, tokens of a text, tokens of all.
fn unlike([size, length]: Shape) -> Shape {
    let mut shapes = (1..=3).flat_map(|one| (1..=3).map(move |other| [one, other]));
    let differs =
        |&[one, other]: &Shape| one != size && other != length && one.checked_mul(other) != size.checked_mul(length);
    // Of the four that differ in both extents, at most two have one product.
    shapes.find(differs).unwrap_or([3, 3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_shape_unlike_any_other_is_found() {
        for (size, length) in (1..=12).flat_map(|size| (1..=12).map(move |length| (size, length))) {
            let [one, other] = unlike([size, length]);
            assert!(one != size && other != length && one * other != size * length, "{size} × {length}");
            assert!(one * other <= 9);
        }
    }
}
