//! Static models: distilled, or fitted to texts.

use std::{cell::Cell, num::NonZeroUsize, path::Path};

use drivetrain::{
    Engine, Error, Goal, Locations, Position, Result,
    contract::{Call, Precision},
    convert::{
        distill::{self, DistillOptions, Distilled, distill},
        fit::{FitJob, FitOptions, FitReport, SingleTokens, Teacher, TextsOnce, TokenVectors, fit},
    },
    files::{Input, ReadOptions, Sources},
};
use indicatif::HumanCount;

use super::{Observed, needs_output, say};
use crate::{
    args::ConvertArgs,
    commands::{
        embed::{announce, plan_command},
        probe::{ChildProber, PATIENCE},
        profile,
    },
    exit::{Blame, CommandError},
    interrupt::{self, Interruptible},
    progress,
};

pub(super) fn run(args: &ConvertArgs, quiet: bool) -> anyhow::Result<()> {
    let target = args.output.as_deref().ok_or_else(|| needs_output("a folder"))?;
    let table = DistillOptions { dims: args.dims, table_type: args.dtype.parse()?, ..DistillOptions::default() };
    // Known at once, before the transformer runs for minutes in vain.
    distill::check_free(target)?;
    let mut profile = profile::build_for(&args.source, &args.run)?;
    // What is learnt from is exact, unless it is asked for otherwise.
    profile.precision.value.get_or_insert(Precision::F32);
    // Sentences are many, single tokens are few.
    let goal = if args.fit.is_empty() { Goal::Latency } else { Goal::Throughput };
    let engine = Engine::builder(&profile)
        .call(&Interruptible)
        .goal(goal)
        // All that is learnt from has to be of one engine.
        .replaces(false)
        .prober(ChildProber { source: args.run.source.clone(), limit: PATIENCE })
        .on_event(announce(quiet, plan_command(&args.run.profile_args(&profile), &profile, goal)))
        .build()?;
    let observed = Observed { bar: progress::permille(quiet) };
    if !args.fit.is_empty() {
        return to_fitted(args, table, (&engine, &observed), quiet);
    }
    let distilled = engine.with_session(|session| distill(session, engine.package(), &table, &observed))?;
    observed.bar.finish_and_clear();
    distilled.write(target)?;
    say(quiet, &wrote(target, &distilled));
    Ok(())
}

fn wrote(target: &Path, model: &Distilled) -> String {
    let (target, tokens, dims) = (target.display(), model.tokens(), model.dims());
    format!(
        "wrote `{target}`: {tokens} tokens × {dims}, {:.1} % of the variance kept",
        100.0 * model.explained_variance()
    )
}

fn to_fitted(
    args: &ConvertArgs,
    table: DistillOptions,
    (engine, observed): (&Engine, &Observed),
    quiet: bool,
) -> anyhow::Result<()> {
    let target = args.output.as_deref().ok_or_else(|| needs_output("a folder"))?;
    let threads = NonZeroUsize::new(engine.running().threads).unwrap_or(NonZeroUsize::MIN);
    let options = FitOptions { table, epochs: args.epochs, seed: args.seed, threads, ..FitOptions::default() };
    let work_dir = Locations::from_environment()?.cache().join("fit");
    let is_input_bad = Cell::new(false);
    let texts = || texts(args, &is_input_bad);
    let job = FitJob { package: engine.package(), texts: &texts, work_dir: &work_dir, options: &options };
    let fitted = fit(&mut Running(engine), &job, observed).map_err(|err| match is_input_bad.get() {
        true => anyhow::Error::from(CommandError::of(Blame::Input, err)),
        false => err.into(),
    })?;
    observed.bar.finish_and_clear();
    fitted.write(target)?;
    say(quiet, &wrote(target, &fitted.model));
    say(quiet, &learned(&fitted.report));
    Ok(())
}

fn learned(report: &FitReport) -> String {
    let count = |texts: usize| HumanCount(texts as u64);
    let (n_trained, n_held_out, epochs) = (count(report.n_trained), count(report.n_held_out), report.best_epoch);
    let (before, after) = (report.losses.first().copied().unwrap_or_default(), report.losses[epochs]);
    let mut text = format!(
        "trained on {n_trained} texts for {epochs} epochs: loss of {n_held_out} others {before:.3} → {after:.3}"
    );
    if report.n_unknown > 0 {
        text.push_str(&format!("\nleft out {} texts without a known token", count(report.n_unknown)));
    }
    text
}

/// All texts from the first on; takes note when they cannot be read.
fn texts<'a>(args: &'a ConvertArgs, is_bad: &'a Cell<bool>) -> Result<TextsOnce<'a>> {
    let inputs = args.fit.iter().map(|path| Input::Path(path.clone())).collect();
    let noted = move |err: Error| {
        is_bad.set(true);
        err
    };
    let records = Sources::find(inputs, None).map_err(noted)?.read(ReadOptions::default());
    // Asked between records, so that an endless line can be left.
    let records = records.until(interrupt::asked);
    Ok(Box::new(records.map(move |record| record.map(|record| record.text().to_owned()).map_err(noted))))
}

/// A transformer that runs here.
struct Running<'a>(&'a Engine);

/// Where every question begins, so that batches are cut alike whatever was measured before: vectors differ in their last
/// bits from batch to batch, and what was begun could not be gone on with to the same result. Windows are as large as
/// they get, and a batch costs what the pipeline takes it to cost before it has measured anything.
const ANYWHERE: Position = Position { windows: 8, texts: 0, cost: Some(([32.0, 1.0, 4e-4], 0)), largest_batch: None };

impl Teacher for Running<'_> {
    fn identity(&self) -> String {
        let running = self.0.running();
        let prompts = self.0.package().prompts();
        format!("{} {:?} {prompts:?}", running.device, (&running.backend, &running.engine_version, running.precision))
    }

    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn single_tokens(&mut self, tokens: SingleTokens<'_>) -> Result<TokenVectors> {
        self.0.with_session(|session| tokens.run(session))
    }

    fn embed(&mut self, texts: &[String], call: &dyn Call) -> Result<Vec<f32>> {
        let mut vectors = Vec::with_capacity(texts.len() * self.dim());
        let texts = texts.iter().map(|text| Ok::<&str, Error>(text));
        self.0.embed_stream(
            ANYWHERE,
            texts,
            &mut |embedded| {
                vectors.extend_from_slice(embedded.embeddings.as_slice());
                Ok(())
            },
            call,
        )?;
        Ok(vectors)
    }
}
