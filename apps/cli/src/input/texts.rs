//! Texts from arguments, files and standard input, a window at a time.

use std::{
    fs::File,
    io::{self, BufReader, IsTerminal},
    path::Path,
    str,
};

use crate::{
    args::{EmbedArgs, InputFormat},
    exit::{Blame, CommandError},
    input::{
        json_line,
        lines::{Line, Lines, MAX_LINE_BYTES},
        stdin::Stdin,
    },
    interrupt,
};

/// Texts in one window at the most: enough to sort by length, few enough to hold.
const WINDOW_TEXTS: usize = 4096;
/// Bytes of text after which a window is full.
const WINDOW_BYTES: usize = 16 << 20;

/// Texts that are embedded together.
#[derive(Debug, Default)]
pub(crate) struct Window {
    texts: Vec<String>,
}

impl Window {
    pub(crate) fn texts(&self) -> &[String] {
        &self.texts
    }
}

/// A source of texts.
pub(crate) struct Texts {
    source: Source,
    skip_errors: bool,
    skipped: u64,
}

enum Source {
    Arguments(std::vec::IntoIter<String>),
    Lines { lines: Lines, label: String, format: InputFormat, field: String },
}

impl Texts {
    /// Opens what the arguments name.
    pub(crate) fn open(args: &EmbedArgs) -> anyhow::Result<Self> {
        let source = match &args.input {
            None if !args.texts.is_empty() => Source::Arguments(args.texts.clone().into_iter()),
            None => Source::standard_input(args)?,
            Some(path) if path == Path::new("-") => Source::standard_input(args)?,
            Some(path) => Source::file(path, args)?,
        };
        Ok(Self { source, skip_errors: args.skip_errors, skipped: 0 })
    }

    /// Fills the window with the next texts; false when there are none left.
    pub(crate) fn fill(&mut self, window: &mut Window) -> anyhow::Result<bool> {
        window.texts.clear();
        let mut bytes = 0;
        while window.texts.len() < WINDOW_TEXTS && bytes < WINDOW_BYTES {
            let next = self.next();
            // What was read up to an interruption may be half a line.
            if interrupt::asked() {
                return Err(drivetrain::Error::new(drivetrain::ErrorKind::Cancelled, "interrupted").into());
            }
            let Some(text) = next? else { break };
            bytes += text.len();
            window.texts.push(text);
        }
        Ok(!window.texts.is_empty())
    }

    /// Lines left out because they could not be read.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped
    }

    fn next(&mut self) -> anyhow::Result<Option<String>> {
        match &mut self.source {
            Source::Arguments(texts) => Ok(texts.next()),
            Source::Lines { lines, label, format, field } => loop {
                let line = lines.next().map_err(|err| unreadable(label, &err))?;
                let Some(line) = line else { return Ok(None) };
                match text_of(&line, *format, field) {
                    Ok(text) => return Ok(Some(text)),
                    Err(why) if self.skip_errors => {
                        log::info!("line {} of {label}: {why}", lines.number());
                        self.skipped += 1;
                    }
                    Err(why) => {
                        let message = format!("line {} of {label}: {why}", lines.number());
                        let hint = "`--skip-errors` leaves such lines out";
                        return Err(CommandError::new(Blame::Input, message).with_hint(hint).into());
                    }
                }
            },
        }
    }
}

impl Source {
    fn standard_input(args: &EmbedArgs) -> anyhow::Result<Self> {
        if args.input.is_none() && io::stdin().is_terminal() {
            let error = CommandError::new(Blame::Usage, "there is no text to embed");
            return Err(error.with_hint("give texts as arguments, a file with `-i`, or pipe them in").into());
        }
        let lines = Lines::new(Box::new(Stdin::start()));
        Ok(Self::lines(lines, "standard input".to_owned(), args, InputFormat::Txt))
    }

    fn file(path: &Path, args: &EmbedArgs) -> anyhow::Result<Self> {
        let label = format!("`{}`", path.display());
        let file = File::open(path).map_err(|err| unreadable(&label, &err))?;
        if file.metadata().is_ok_and(|facts| facts.is_dir()) {
            return Err(CommandError::new(Blame::Input, format!("{label} is a folder")).into());
        }
        let by_name = match path.extension().and_then(|extension| extension.to_str()) {
            Some("jsonl" | "ndjson") => InputFormat::Jsonl,
            _ => InputFormat::Txt,
        };
        Ok(Self::lines(Lines::new(Box::new(BufReader::with_capacity(1 << 18, file))), label, args, by_name))
    }

    fn lines(lines: Lines, label: String, args: &EmbedArgs, by_name: InputFormat) -> Self {
        Self::Lines { lines, label, format: args.input_format.unwrap_or(by_name), field: args.field.clone() }
    }
}

fn text_of(line: &Line<'_>, format: InputFormat, field: &str) -> Result<String, String> {
    let Line::Bytes(bytes) = line else { return Err(format!("it is longer than {} MiB", MAX_LINE_BYTES >> 20)) };
    let text =
        str::from_utf8(bytes).map_err(|err| format!("it is not UTF-8 (byte {} of the line)", err.valid_up_to() + 1))?;
    match format {
        InputFormat::Txt => Ok(text.to_owned()),
        InputFormat::Jsonl => json_line::text(text, field),
    }
}

fn unreadable(label: &str, err: &io::Error) -> anyhow::Error {
    CommandError::new(Blame::Input, format!("cannot read {label}: {err}")).into()
}
