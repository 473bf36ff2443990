//! `drivetrain embed`: texts to vectors, a window of texts at a time.

use std::io::{self, IsTerminal};

use drivetrain::{Engine, Event, Goal, Prompt};
use indicatif::ProgressBar;

use crate::{
    args::{EmbedArgs, OutputFormat},
    commands::profile,
    exit::{Blame, CommandError},
    input::{Texts, Window},
    interrupt::Interruptible,
    output::Sink,
    progress,
};

pub(crate) fn run(args: &EmbedArgs, quiet: bool) -> anyhow::Result<()> {
    let profile = profile::build(&args.profile)?;
    let format = output_format(args)?;
    let mut texts = Texts::open(args)?;
    let engine = Engine::builder(&profile)
        .prompt(prompt(args))
        .truncate_dim(args.truncate_dim)
        .call(&Interruptible)
        .goal(goal(args))
        .on_event(announce(quiet))
        .build()?;
    let mut sink = Sink::create(format, args.output.as_deref(), engine.dim())?;
    let mut window = Window::default();
    while texts.fill(&mut window)? {
        let embeddings = engine.embed_with(window.texts(), &Interruptible)?;
        sink.write(window.texts(), &embeddings)?;
    }
    sink.finish()?;
    if texts.skipped() > 0 {
        log::warn!("{} of the input's lines could not be read and were left out", texts.skipped());
    }
    Ok(())
}

/// A few texts typed are wanted soon; a file or a pipe may hold any number.
fn goal(args: &EmbedArgs) -> Goal {
    if args.texts.is_empty() { Goal::Throughput } else { Goal::Latency }
}

fn prompt(args: &EmbedArgs) -> Prompt {
    match (&args.prompt_name, &args.prompt) {
        (Some(name), _) => Prompt::Named(name.clone()),
        (None, Some(text)) if text.is_empty() => Prompt::None,
        (None, Some(text)) => Prompt::Text(text.clone()),
        (None, None) => Prompt::Default,
    }
}

/// What the flag says, else the output's name, else whoever reads standard output.
fn output_format(args: &EmbedArgs) -> anyhow::Result<OutputFormat> {
    let by_name = || match args.output.as_ref()?.extension()?.to_str()? {
        "npy" => Some(OutputFormat::Npy),
        "jsonl" | "ndjson" => Some(OutputFormat::Jsonl),
        _ => None,
    };
    let people = args.output.is_none() && io::stdout().is_terminal();
    let fallback = if people { OutputFormat::Preview } else { OutputFormat::Jsonl };
    let format = args.format.or_else(by_name).unwrap_or(fallback);
    if format == OutputFormat::Npy && args.output.is_none() {
        let error = CommandError::new(Blame::Usage, "npy is written to a file only");
        return Err(error.with_hint("add `-o vectors.npy`").into());
    }
    Ok(format)
}

/// Says on standard error what is being made before the first text can be embedded.
pub(crate) fn announce(quiet: bool) -> impl FnMut(Event<'_>) {
    let mut bar: Option<ProgressBar> = None;
    move |event| match event {
        Event::Converting { model, target } => {
            if !quiet {
                log::warn!("`{model}` has no ONNX file yet: writing `{}`, once", target.display());
            }
        }
        Event::Fetching { file, bytes, total, .. } => {
            let bar = bar.get_or_insert_with(|| progress::bytes(total, quiet));
            bar.set_message(file.to_owned());
            bar.set_length(total);
            bar.set_position(bytes);
        }
        Event::Fetched { model, commit, folder } => {
            if let Some(bar) = bar.take() {
                bar.finish_and_clear();
            }
            if !quiet {
                log::warn!("fetched `{model}` at commit {commit} into `{}`, once", folder.display());
            }
        }
        Event::ConvertProgress { written_bytes, total_bytes } => {
            bar.get_or_insert_with(|| progress::bytes(total_bytes, quiet)).set_position(written_bytes);
        }
        _ => {
            if let Some(bar) = bar.take() {
                bar.finish_and_clear();
            }
        }
    }
}
