//! What the flags say of the output, checked at once.

use std::{
    io::{self, IsTerminal},
    path::Path,
};

use drivetrain::files::{OutputFormat as Format, Target};

use crate::{
    args::{EmbedArgs, OutputFormat},
    exit::{Blame, CommandError},
};

/// Where vectors go, and how.
#[derive(Debug)]
pub(crate) enum Plan {
    /// Something to look at, in a file or on standard output.
    Preview(Option<std::path::PathBuf>),
    /// JSON lines on standard output.
    Lines,
    /// A file or a folder.
    Job(Target, Format),
}

impl Plan {
    pub(crate) fn new(args: &EmbedArgs) -> anyhow::Result<Self> {
        let refused = |message: &str, hint: &str| Err(CommandError::new(Blame::Usage, message).with_hint(hint).into());
        let target = match (&args.output, &args.out_dir) {
            (Some(path), _) => Some(Target::File(path.clone())),
            (None, Some(path)) => Some(Target::Folder { path: path.clone(), shard_rows: args.shard_rows }),
            (None, None) => None,
        };
        let format = match format(args) {
            OutputFormat::Preview if args.out_dir.is_some() => {
                return refused("a preview goes into one file, not into a folder", "name another `--format`");
            }
            OutputFormat::Preview => None,
            OutputFormat::Jsonl => Some(Format::Jsonl),
            OutputFormat::Npy => Some(Format::Npy),
            OutputFormat::Parquet => Some(Format::Parquet),
            OutputFormat::Safetensors => Some(Format::Safetensors),
        };
        match (format, target) {
            (Some(format), Some(target)) => Ok(Self::Job(target, format)),
            _ if args.resume => refused("only a file of vectors can be resumed", "name it with `-o` or `--out-dir`"),
            (None, _) => Ok(Self::Preview(args.output.clone())),
            (Some(Format::Jsonl), None) => Ok(Self::Lines),
            (Some(format), None) => {
                let name = format.name();
                refused(&format!("{name} is written to a file only"), &format!("add `-o vectors.{name}`"))
            }
        }
    }

    /// The file or folder that is written.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Preview(path) => path.as_deref(),
            Self::Lines => None,
            Self::Job(target, _) => Some(target.path()),
        }
    }

    /// Whether the inputs' other columns are written as well.
    pub(crate) fn keeps_columns(&self) -> bool {
        matches!(self, Self::Job(_, format) if format.keeps_columns())
    }
}

/// What the flag says, else the output's name, else whoever reads standard output.
fn format(args: &EmbedArgs) -> OutputFormat {
    let by_name = || match Format::of_name(args.output.as_ref()?)? {
        Format::Jsonl => Some(OutputFormat::Jsonl),
        Format::Npy => Some(OutputFormat::Npy),
        Format::Parquet => Some(OutputFormat::Parquet),
        Format::Safetensors => Some(OutputFormat::Safetensors),
    };
    let people = args.output.is_none() && args.out_dir.is_none() && io::stdout().is_terminal();
    let fallback = if people { OutputFormat::Preview } else { OutputFormat::Jsonl };
    args.format.or_else(by_name).unwrap_or(fallback)
}
