//! What can be typed: commands and flags, without effects.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::exit;

/// Text in, vectors out, on whichever inference engine suits the machine.
#[derive(Debug, Parser)]
#[command(name = "drivetrain", version, after_help = exit::HELP, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say more: once for information, twice for details
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Turn texts into vectors
    Embed(Box<EmbedArgs>),
    /// Compare two files of vectors row by row
    Compare(CompareArgs),
    /// Make one artifact of a model from another: ONNX, or a static model
    Convert(Box<ConvertArgs>),
    /// See which engines there are
    Plugins(PluginsArgs),
    /// Install, list and remove the native libraries that engines need
    Runtimes(RuntimesArgs),
    /// See the settings that apply
    Config(ConfigArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

/// Settings of the profile that have a flag of their own.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ProfileArgs {
    /// Profile file to read
    #[arg(short, long, value_name = "FILE", help_heading = "Profile")]
    pub(crate) config: Option<PathBuf>,
    /// `builtin`, the folder of a model, or the name of an installed one
    #[arg(short, long, value_name = "MODEL", help_heading = "Profile")]
    pub(crate) model: Option<String>,
    /// Engine to use, by its id in `drivetrain plugins list`
    #[arg(long, value_name = "ID", help_heading = "Profile")]
    pub(crate) backend: Option<String>,
    /// Device to use, by its id in `drivetrain plugins list`
    #[arg(long, value_name = "DEVICE", help_heading = "Profile")]
    pub(crate) device: Option<String>,
    /// Precision to compute in: f32, bf16, f16 or int8
    #[arg(long, value_name = "PRECISION", help_heading = "Profile")]
    pub(crate) precision: Option<String>,
    /// Threads to compute with
    #[arg(long, value_name = "N", help_heading = "Profile")]
    pub(crate) threads: Option<usize>,
}

const EMBED_EXAMPLES: &str = "\
Examples:
  drivetrain embed \"a text becomes a vector\"
  drivetrain embed -i texts.txt -o vectors.npy
  drivetrain embed -i docs.jsonl --field body -m all-MiniLM-L6-v2 -o vectors.jsonl
  cat queries.txt | drivetrain embed --prompt-name query > vectors.jsonl";

#[derive(Debug, Args)]
#[command(after_help = EMBED_EXAMPLES)]
pub(crate) struct EmbedArgs {
    /// Texts to embed; without any, and without -i, standard input is read
    #[arg(value_name = "TEXT", conflicts_with = "input")]
    pub(crate) texts: Vec<String>,
    /// File to read: a text on each line, or JSON lines where its name ends in .jsonl; `-` is standard input
    #[arg(short, long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// How to read the input, where its name does not say
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) input_format: Option<InputFormat>,
    /// Field that holds the text, where a JSON line is an object
    #[arg(long, value_name = "NAME", default_value = "text")]
    pub(crate) field: String,
    /// Leave out lines that cannot be read, and say how many they were
    #[arg(long)]
    pub(crate) skip_errors: bool,
    /// File to write; it appears when it is complete
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// How to write: the output's name decides, else preview on a terminal and jsonl elsewhere
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<OutputFormat>,
    /// Prompt of the model to put before each text, by name
    #[arg(long, value_name = "NAME", conflicts_with = "prompt")]
    pub(crate) prompt_name: Option<String>,
    /// Text to put before each text; empty to leave out the model's default prompt
    #[arg(long, value_name = "TEXT")]
    pub(crate) prompt: Option<String>,
    /// Keep the first N numbers of each vector (they are not normalised again)
    #[arg(long, value_name = "N")]
    pub(crate) truncate_dim: Option<usize>,
    #[command(flatten)]
    pub(crate) profile: ProfileArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFormat {
    /// A text on each line
    Txt,
    /// A JSON string, or an object with the text in a field, on each line
    Jsonl,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Dimension, norm and the first numbers, for people
    Preview,
    /// `{"embedding":[…]}` on each line
    Jsonl,
    /// NumPy array, 32-bit float, [n, dim]; to a file only
    Npy,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// NumPy file of vectors, [n, dim]
    pub(crate) a: PathBuf,
    /// Another of the same shape
    pub(crate) b: PathBuf,
    /// How many of the worst rows to show
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) worst: usize,
}

const CONVERT_EXAMPLES: &str = "\
Examples:
  drivetrain convert ./my-model --to onnx
  drivetrain convert all-MiniLM-L6-v2 --to static --dims 256 --dtype i8 -o ./minilm-static";

#[derive(Debug, Args)]
#[command(after_help = CONVERT_EXAMPLES)]
pub(crate) struct ConvertArgs {
    /// Folder of the model, or the name of an installed one
    #[arg(value_name = "MODEL")]
    pub(crate) source: String,
    /// What to make
    #[arg(long, value_enum, value_name = "TARGET")]
    pub(crate) to: ConvertTarget,
    /// Where to put it: a file for onnx (default: onnx/model.onnx in the model's folder), a new folder for static
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// Static: dimensions to keep
    #[arg(long, value_name = "N")]
    pub(crate) dims: Option<usize>,
    /// Static: element type of the table: f32, f16 or i8
    #[arg(long, value_name = "TYPE", default_value = "f16")]
    pub(crate) dtype: String,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// How to run the model that a conversion learns from.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RunArgs {
    /// Profile file to read
    #[arg(short, long, value_name = "FILE", help_heading = "Profile")]
    pub(crate) config: Option<PathBuf>,
    /// Engine to use, by its id in `drivetrain plugins list`
    #[arg(long, value_name = "ID", help_heading = "Profile")]
    pub(crate) backend: Option<String>,
    /// Device to use, by its id in `drivetrain plugins list`
    #[arg(long, value_name = "DEVICE", help_heading = "Profile")]
    pub(crate) device: Option<String>,
    /// Threads to compute with
    #[arg(long, value_name = "N", help_heading = "Profile")]
    pub(crate) threads: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConvertTarget {
    /// An ONNX graph with pooling and every other module inside
    Onnx,
    /// A table of one vector for each token, distilled as model2vec does it
    Static,
}

#[derive(Debug, Args)]
pub(crate) struct PluginsArgs {
    #[command(subcommand)]
    pub(crate) command: PluginsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginsCommand {
    /// Each plugin found, from where, what it can do, or why it was refused
    List {
        /// As JSON, with the schema of each plugin's settings
        #[arg(long)]
        json: bool,
        /// Profile file to read
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RuntimesArgs {
    #[command(subcommand)]
    pub(crate) command: RuntimesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RuntimesCommand {
    /// Fetch a native library with your own pip, check it, and put it into the data folder
    Install {
        /// Name, or name@version, such as onnxruntime or onnxruntime@1.31.1
        runtime: String,
        /// Wheel that was downloaded before, instead of asking pip; may be repeated
        #[arg(long, value_name = "FILE")]
        wheel: Vec<PathBuf>,
        /// pip, python or uv to use
        #[arg(long, value_name = "PROGRAM")]
        pip: Option<PathBuf>,
        /// Install again even if it is there
        #[arg(long)]
        force: bool,
    },
    /// What is installed, and what could be
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove an installed version
    Remove {
        /// Name@version; the version may be left out when only one is installed
        runtime: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// The resolved profile, and where each value came from
    Show {
        #[command(flatten)]
        profile: ProfileArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Shell to complete for
    pub(crate) shell: Shell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
