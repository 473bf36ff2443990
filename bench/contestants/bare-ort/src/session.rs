//! One session and one run.

use anyhow::{Context, Result};
use ort::{
    environment::Environment,
    ep,
    memory::Allocator,
    session::{
        HasSelectedOutputs, OutputSelector, RunOptions, Session, SessionInputValue, builder::GraphOptimizationLevel,
    },
    value::{Outlet, Tensor, ValueType},
};

use crate::{batch::Batch, settings::Settings};

/// The output that is wanted.
const OUTPUT: &str = "sentence_embedding";

/// A session and how it is run.
pub(crate) struct Runner {
    session: Session,
    options: RunOptions<HasSelectedOutputs>,
    has_token_types: bool,
    io_binding: bool,
    dim: usize,
}

impl Runner {
    /// Runs `session` as the settings say.
    pub(crate) fn new(session: Session, settings: &Settings) -> Result<Self> {
        let selector =
            if settings.all_outputs { OutputSelector::default() } else { OutputSelector::no_default().with(OUTPUT) };
        Ok(Self {
            has_token_types: session.inputs().iter().any(|input| input.name() == "token_type_ids"),
            dim: session.outputs().iter().find_map(width).context("no width")?,
            options: RunOptions::new()?.with_outputs(selector),
            io_binding: settings.io_binding,
            session,
        })
    }

    /// The vectors of a batch, row by row.
    pub(crate) fn run(&mut self, batch: &Batch) -> Result<Vec<f32>> {
        if self.io_binding {
            return self.run_bound(batch);
        }
        let inputs: Vec<(&str, SessionInputValue<'_>)> =
            feeds(batch, self.has_token_types).map(|(name, tensor)| (name, tensor.into())).collect();
        let results = self.session.run_with_options(inputs, &self.options)?;
        let (_, data) = results[OUTPUT].try_extract_tensor::<f32>()?;
        Ok(data.to_vec())
    }

    fn run_bound(&mut self, batch: &Batch) -> Result<Vec<f32>> {
        let mut binding = self.session.create_binding()?;
        for (name, tensor) in feeds(batch, self.has_token_types) {
            binding.bind_input(name, tensor)?;
        }
        let output = Tensor::<f32>::new(&Allocator::default(), [batch.texts.len(), self.dim])?;
        binding.bind_output(OUTPUT, output)?;
        let results = self.session.run_binding(&binding)?;
        let (_, data) = results[OUTPUT].try_extract_tensor::<f32>()?;
        Ok(data.to_vec())
    }
}

/// A session of the settings' graph.
pub(crate) fn open(environment: &Environment, settings: &Settings) -> Result<Session> {
    let open = || -> ort::Result<Session> {
        Session::builder(environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_parallel_execution(settings.parallel)?
            .with_intra_threads(settings.threads)?
            .with_inter_threads(if settings.parallel { settings.threads } else { 1 })?
            .with_intra_op_spinning(settings.spin)?
            .with_inter_op_spinning(settings.spin)?
            .with_memory_pattern(settings.memory_pattern)?
            .with_execution_providers([ep::CPU::default().with_arena_allocator(settings.arena).build()])?
            .commit_from_file(&settings.graph)
    };
    open().with_context(|| format!("cannot load `{}`", settings.graph.display()))
}

/// Numbers in each vector, if this is the wanted output.
pub(crate) fn width(output: &Outlet) -> Option<usize> {
    match output.dtype() {
        ValueType::Tensor { shape, .. } if output.name() == OUTPUT => usize::try_from(*shape.last()?).ok(),
        _ => None,
    }
}

fn feeds(batch: &Batch, has_token_types: bool) -> impl Iterator<Item = (&'static str, &Tensor<i64>)> {
    let types = has_token_types.then_some(("token_type_ids", &batch.token_type_ids));
    [("input_ids", &batch.input_ids), ("attention_mask", &batch.attention_mask)].into_iter().chain(types)
}
