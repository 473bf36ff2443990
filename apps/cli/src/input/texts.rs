//! Texts from arguments, files and standard input.

use std::{
    io::{self, IsTerminal},
    path::Path,
};

use drivetrain::{
    Error, ErrorKind,
    files::{Input, InputFormat as Format, ReadOptions, Record, Records, Sources},
};

use crate::{
    args::{EmbedArgs, InputFormat},
    exit::{Blame, CommandError},
    input::stdin::Stdin,
    interrupt,
};

/// What the arguments name. `output` is no input.
pub(crate) fn sources(args: &EmbedArgs, output: Option<&Path>) -> anyhow::Result<Sources> {
    let inputs = match &args.input[..] {
        [] if !args.texts.is_empty() => vec![Input::Texts(args.texts.clone())],
        [] if io::stdin().is_terminal() => {
            let error = CommandError::new(Blame::Usage, "there is no text to embed");
            return Err(error.with_hint("give texts as arguments, a file with `-i`, or pipe them in").into());
        }
        [] => vec![standard_input()],
        paths => {
            let is_stdin = |path: &Path| path == Path::new("-");
            if paths.iter().filter(|path| is_stdin(path)).count() > 1 {
                return Err(CommandError::new(Blame::Usage, "standard input can be read once only").into());
            }
            let input = |path: &_| if is_stdin(path) { standard_input() } else { Input::Path(path.to_owned()) };
            paths.iter().map(|path| input(path.as_path())).collect()
        }
    };
    Sources::find(inputs, output).map_err(blamed)
}

/// How they are read, behind the first `done` records.
pub(crate) fn read_options(args: &EmbedArgs, keep_columns: bool, done: u64) -> ReadOptions {
    ReadOptions {
        format: args.input_format.map(|format| match format {
            InputFormat::Txt => Format::Txt,
            InputFormat::Jsonl => Format::Jsonl,
            InputFormat::Csv => Format::Csv,
            InputFormat::Tsv => Format::Tsv,
            InputFormat::Parquet => Format::Parquet,
        }),
        field: args.field.clone(),
        column: args.column.clone(),
        header: !args.no_header,
        keep_columns,
        skip_errors: args.skip_errors,
        skip: args.skip.saturating_add(done),
        limit: args.limit.map(|limit| limit.saturating_sub(done)),
    }
}

fn standard_input() -> Input {
    Input::Stream("standard input".to_owned(), Box::new(Stdin::start()))
}

/// What goes wrong while reading is the input's fault, unless the user asked for it.
fn blamed(err: Error) -> anyhow::Error {
    match err.kind() {
        ErrorKind::Cancelled => err.into(),
        _ => CommandError::of(Blame::Input, err).into(),
    }
}

/// Reads, until the user asks to stop.
pub(crate) fn texts(records: Records) -> impl Iterator<Item = anyhow::Result<Record>> + Send {
    records.until(interrupt::asked).map(|record| record.map_err(blamed))
}
