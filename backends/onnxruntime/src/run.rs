//! One run of a graph, with its results copied or written in place.

use drivetrain_contract::{Error, OutputMut, Result};
use ort::{
    memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType},
    session::{RunOptions, Session, SessionOutputs},
    value::{DynValue, TensorRefMut},
};

use crate::{
    convert, error,
    feeds::Feeds,
    graph::{Graph, OutputPort},
};

/// A graph in the engine, ready to run.
#[derive(Debug)]
pub(crate) struct Runner {
    /// The engine's session.
    pub(crate) session: Session,
    /// What its ports mean.
    pub(crate) graph: Graph,
    /// Whether results are written straight into the caller's memory.
    pub(crate) io_binding: bool,
}

impl Runner {
    /// Computes `outputs` from `feeds`.
    pub(crate) fn run(&mut self, feeds: Feeds<'_>, outputs: &mut [OutputMut<'_>], options: &RunOptions) -> Result<()> {
        if self.io_binding {
            self.run_bound(&feeds, outputs, options)
        } else {
            self.run_copying(feeds, outputs, options)
        }
    }

    /// The engine allocates every result of the graph; those wanted are copied.
    fn run_copying(&mut self, feeds: Feeds<'_>, outputs: &mut [OutputMut<'_>], options: &RunOptions) -> Result<()> {
        let results = self.session.run_with_options(feeds, options).map_err(error::run)?;
        for output in outputs {
            convert::output(find(&results, self.graph.port(output.output())?)?, output)?;
        }
        Ok(())
    }

    /// The engine writes the wanted results, and no others, into the caller's memory where they are 32-bit floats. It
    /// refuses a buffer of another shape than the result.
    fn run_bound(&mut self, feeds: &Feeds<'_>, outputs: &mut [OutputMut<'_>], options: &RunOptions) -> Result<()> {
        let mut binding = self.session.create_binding().map_err(error::run)?;
        for (name, value) in feeds {
            // `ort` deadlocks on a borrowed input: it copies such a one through a binding of its own.
            binding.bind_input(*name, &convert::owned(value)?).map_err(error::run)?;
        }
        for output in outputs.iter_mut() {
            let port = self.graph.port(output.output())?;
            if port.is_f32 {
                let buffer = TensorRefMut::from_array_view_mut((output.shape(), output.data())).map_err(error::run)?;
                binding.bind_output(&port.name, buffer).map_err(error::run)?;
            } else {
                binding.bind_output_to_device(&port.name, &host_memory()?).map_err(error::run)?;
            }
        }
        // The binding points into the caller's buffers until it is dropped, which is before this function returns.
        let results = self.session.run_binding_with_options(&binding, options).map_err(error::run)?;
        for output in outputs {
            let port = self.graph.port(output.output())?;
            if !port.is_f32 {
                convert::output(find(&results, port)?, output)?;
            }
        }
        Ok(())
    }

    /// Runs the graph for the extents of its outputs only, and notes them.
    pub(crate) fn measure_extents(&mut self, feeds: Feeds<'_>, options: &RunOptions) -> Result<()> {
        let results = self.session.run_with_options(feeds, options).map_err(error::run)?;
        for port in &mut self.graph.ports {
            port.extent = convert::shape(find(&results, port)?)?.last().copied();
        }
        Ok(())
    }
}

fn find<'a>(results: &'a SessionOutputs<'_>, port: &OutputPort) -> Result<&'a DynValue> {
    results.get(&port.name).ok_or_else(|| Error::internal(format!("ONNX Runtime did not give `{}`", port.name)))
}

fn host_memory() -> Result<MemoryInfo<'static>> {
    MemoryInfo::new(AllocationDevice::CPU, 0, AllocatorType::Device, MemoryType::CPUOutput).map_err(error::run)
}
