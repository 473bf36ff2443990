//! What can be typed: commands and flags, without effects.

use std::{ffi::OsString, path::PathBuf};

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use drivetrain::{Profile, Side};

use crate::help;

/// Text in, vectors out, on whichever inference engine suits the machine.
#[derive(Debug, Parser)]
#[command(name = "drivetrain", version, after_help = help::program(), propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say more: once for information, twice for details
    #[arg(short, long, global = true, display_order = 100, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Say nothing but errors
    #[arg(short, long, global = true, display_order = 101, conflicts_with = "verbose")]
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
    /// Fetch, list, describe and remove models
    Models(ModelsArgs),
    /// Install, list and remove the native libraries that engines need
    Runtimes(RuntimesArgs),
    /// See the settings that apply
    Config(ConfigArgs),
    /// See the published rules by which an engine can be chosen, and check your own
    Rules(RulesArgs),
    /// Find out which engines work here, what is in their way, and how to mend it
    Doctor(DoctorArgs),
    /// See what the machine is, how much of it may be used, and what engines find on it
    Probe(ProbeArgs),
    /// See how a model would be run here, and why so
    Plan(Box<PlanArgs>),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Run one candidate of a plan and answer what is asked of it: how the command calls itself
    #[command(hide = true)]
    Trial(TrialArgs),
}

/// Where settings come from.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SourceArgs {
    /// Profile file to read over those found by themselves (`drivetrain config paths`); may be repeated, later ones win
    #[arg(short, long, value_name = "FILE", help_heading = "Profile")]
    pub(crate) config: Vec<PathBuf>,
    /// One setting, such as pipeline.window=1000; the value is TOML, or text as it is; may be repeated
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Profile")]
    pub(crate) set: Vec<String>,
    /// Leave out profile files and variables that are not named on this command line
    #[arg(long, help_heading = "Profile")]
    pub(crate) no_config: bool,
    /// Side of a search whose settings apply: what is looked for, or what is found
    #[arg(long, value_enum, value_name = "SIDE", help_heading = "Profile")]
    pub(crate) side: Option<SideName>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SideName {
    /// Texts that are looked for
    Query,
    /// Texts that are found
    Document,
}

impl From<SideName> for Side {
    fn from(name: SideName) -> Self {
        match name {
            SideName::Query => Side::Query,
            SideName::Document => Side::Document,
        }
    }
}

impl From<Side> for SideName {
    fn from(side: Side) -> Self {
        match side {
            Side::Query => SideName::Query,
            Side::Document => SideName::Document,
        }
    }
}

impl SourceArgs {
    /// As they are given on a command line.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let mut arguments = Vec::new();
        for file in &self.config {
            arguments.extend(["-c".into(), file.clone().into_os_string()]);
        }
        for setting in &self.set {
            arguments.extend(["--set".into(), setting.into()]);
        }
        if self.no_config {
            arguments.push("--no-config".into());
        }
        if let Some(side) = self.side {
            arguments.extend(["--side", Side::from(side).name()].map(OsString::from));
        }
        arguments
    }
}

/// Settings of the profile that have a flag of their own.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ProfileArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// `builtin`, the folder of a model, the name of an installed one, or `hf:ORG/NAME[@REVISION]` to fetch it
    #[arg(short, long, value_name = "MODEL", help_heading = "Profile")]
    pub(crate) model: Option<String>,
    /// Engine to use: static, onnxruntime, openvino, libtorch, or another in `drivetrain plugins list`
    #[arg(long, value_name = "ID", help_heading = "Profile")]
    pub(crate) backend: Option<String>,
    /// Device to use, by its id in `drivetrain plugins list`
    #[arg(long, value_name = "DEVICE", help_heading = "Profile")]
    pub(crate) device: Option<String>,
    /// Precision to compute in: f32, bf16, f16 or int8
    #[arg(long, value_name = "PRECISION", help_heading = "Profile")]
    pub(crate) precision: Option<String>,
    /// Accept a precision that the device computes in another one
    #[arg(long, help_heading = "Profile")]
    pub(crate) allow_emulated: bool,
    /// Threads to compute with
    #[arg(long, value_name = "N", help_heading = "Profile")]
    pub(crate) threads: Option<usize>,
    /// Tokens in one batch at most, padding included
    #[arg(long, value_name = "N", help_heading = "Profile")]
    pub(crate) batch_tokens: Option<usize>,
    /// Sessions that run batches at the same time; they share the threads
    #[arg(long, value_name = "N", help_heading = "Profile")]
    pub(crate) sessions: Option<usize>,
}

impl ProfileArgs {
    /// As they are given on a command line.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let Self { source, model, backend, device, precision, allow_emulated, threads, batch_tokens, sessions } = self;
        let number = |number: &Option<usize>| number.map(|number| number.to_string());
        let flags = [
            ("-m", model.clone()),
            ("--backend", backend.clone()),
            ("--device", device.clone()),
            ("--precision", precision.clone()),
            ("--threads", number(threads)),
            ("--batch-tokens", number(batch_tokens)),
            ("--sessions", number(sessions)),
        ];
        let given = flags.into_iter().filter_map(|(flag, value)| Some([flag.into(), value?.into()]));
        let emulated = allow_emulated.then(|| "--allow-emulated".into());
        given.flatten().chain(emulated).chain(source.arguments()).collect()
    }
}

#[derive(Debug, Args)]
#[command(after_help = help::EMBED)]
pub(crate) struct EmbedArgs {
    /// Texts to embed; without any, and without -i, standard input is read
    #[arg(value_name = "TEXT", conflicts_with = "input")]
    pub(crate) texts: Vec<String>,
    /// Files, folders or patterns to read: .txt, .jsonl, .csv, .tsv, .parquet, also with .gz or .zst behind; `-` is
    /// standard input
    #[arg(short, long, value_name = "FILE", num_args = 1..)]
    pub(crate) input: Vec<PathBuf>,
    /// How to read the input, where its name does not say
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) input_format: Option<InputFormat>,
    /// Field that holds the text, where a JSON line is an object
    #[arg(long, value_name = "NAME", default_value = "text")]
    pub(crate) field: String,
    /// Column that holds the text in CSV, TSV and Parquet, by its name or its place counted from 0 [default: `text`, or
    /// the only one]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) column: Option<String>,
    /// The first line of CSV and TSV holds values, not names of columns
    #[arg(long)]
    pub(crate) no_header: bool,
    /// Pass over the first N texts
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) skip: u64,
    /// Embed N texts at the most
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Leave out lines that cannot be read, and say how many they were
    #[arg(long)]
    pub(crate) skip_errors: bool,
    /// File to write; it has its name when it is complete, or interrupted at a whole record
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Folder to write files of --shard-rows rows each into: part-00000.jsonl, …
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    pub(crate) out_dir: Option<PathBuf>,
    /// Rows in each file of --out-dir
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) shard_rows: u64,
    /// Go on with the output of the same command that was interrupted
    #[arg(long)]
    pub(crate) resume: bool,
    /// Seconds between checkpoints, behind which a job that is killed can be gone on with
    #[arg(long, value_name = "SECONDS", default_value_t = 3)]
    pub(crate) checkpoint_secs: u64,
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
    /// Run exactly what a lock says, or nothing if what it depends on has changed; see `drivetrain plan --lock`
    #[arg(long)]
    pub(crate) frozen: bool,
    /// Lock to go by when frozen [default: drivetrain.lock]
    #[arg(long, value_name = "FILE")]
    pub(crate) lock: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) profile: ProfileArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFormat {
    /// A text on each line
    Txt,
    /// A JSON string, or an object with the text in a field, on each line
    Jsonl,
    /// Values separated by commas; a column holds the text
    Csv,
    /// Values separated by tabs; a column holds the text
    Tsv,
    /// Apache Parquet; a column holds the text
    Parquet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Dimension, norm and the first numbers, for people
    Preview,
    /// `{"embedding":[…]}` on each line
    Jsonl,
    /// NumPy array, 32-bit float, [n, dim]; to a file only
    Npy,
    /// Apache Parquet: the columns of the input, and `embedding`; to a file only
    Parquet,
    /// safetensors with the tensor `embeddings`, [n, dim]; to a file only
    Safetensors,
}

#[derive(Debug, Args)]
#[command(after_help = help::COMPARE)]
pub(crate) struct CompareArgs {
    /// NumPy file of vectors, [n, dim]
    pub(crate) a: PathBuf,
    /// Another of the same shape
    pub(crate) b: PathBuf,
    /// How many of the worst rows to show
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) worst: usize,
}

#[derive(Debug, Args)]
#[command(after_help = help::CONVERT)]
#[command(group(ArgGroup::new("task").required(true).args(["to", "all_for_this_machine", "report"])))]
pub(crate) struct ConvertArgs {
    /// Folder of the model, or the name of an installed one
    #[arg(value_name = "MODEL")]
    pub(crate) source: String,
    /// What to make
    #[arg(long, value_enum, value_name = "TARGET")]
    pub(crate) to: Option<ConvertTarget>,
    /// Make what the engines here compute in: each in its own format and in every precision of its devices
    #[arg(long, conflicts_with = "output")]
    pub(crate) all_for_this_machine: bool,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    /// Where to put it: a file (default: in the model's folder, under the name that other tools know), a new folder for
    /// static
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// 8 bits: file of texts to calibrate with, as `embed` reads them (default: 300 texts that are built in)
    #[arg(long, value_name = "FILE")]
    pub(crate) calibration: Option<PathBuf>,
    /// 8 bits: number of texts to calibrate with; 0 is none, for onnx-int8 only
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub(crate) samples: usize,
    /// onnx-int8: processors to make it for: arm64, avx2, avx512 or avx512_vnni (default: this machine's)
    #[arg(long, value_name = "PRESET")]
    pub(crate) preset: Option<String>,
    /// Static: dimensions to keep
    #[arg(long, value_name = "N")]
    pub(crate) dims: Option<usize>,
    /// Static: element type of the table: f32, f16 or i8
    #[arg(long, value_name = "TYPE", default_value = "f16")]
    pub(crate) dtype: String,
    /// Static: train the table on the texts in these files, as `embed` reads them, to give what the model gives
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) fit: Vec<PathBuf>,
    /// Static, with --fit: times each text is looked at, at the most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) epochs: u32,
    /// Static, with --fit: another number gives another order of the texts
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// What to do about artifacts that are there, or not exact enough.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct TrustArgs {
    /// Make it again even if it is up to date
    #[arg(long)]
    pub(crate) force: bool,
    /// Take it even if it is not as exact as its kind should be
    #[arg(long)]
    pub(crate) accept: bool,
    /// Leave it unchecked: checking runs the model, which takes memory and an engine
    #[arg(long)]
    pub(crate) no_check: bool,
}

/// Comparing the artifacts a model has.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ReportArgs {
    /// Compare the artifacts that are there, on every engine that runs them: size, exactness, speed
    #[arg(long, conflicts_with_all = ["output", "force", "accept", "no_check"])]
    pub(crate) report: bool,
    /// Report: lines of SCORE, TAB, TEXT, TAB, TEXT, to rank the pairs by and compare ranks
    #[arg(long, value_name = "FILE", requires = "report")]
    pub(crate) pairs: Option<PathBuf>,
    /// Report: as JSON
    #[arg(long, requires = "report")]
    pub(crate) json: bool,
    /// Report: as a table in Markdown
    #[arg(long, requires = "report", conflicts_with = "json")]
    pub(crate) markdown: bool,
    /// Report: times each speed is measured; the middle one counts
    #[arg(long, value_name = "N", requires = "report", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: u32,
}

/// How to run the model that a conversion learns from.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
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

impl RunArgs {
    /// The same flags with the model of a profile.
    pub(crate) fn profile_args(&self, profile: &Profile) -> ProfileArgs {
        let Self { source, backend, device, threads } = self.clone();
        let model = Some(profile.model.value.clone());
        ProfileArgs { source, model, backend, device, threads, ..ProfileArgs::default() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConvertTarget {
    /// An ONNX graph with pooling and every other module inside
    Onnx,
    /// The same without what is redundant, by ONNX Runtime
    #[value(name = "onnx-O1")]
    OnnxO1,
    /// And with attention and other operations fused, for ONNX Runtime only
    #[value(name = "onnx-O2")]
    OnnxO2,
    /// And with GELU approximated
    #[value(name = "onnx-O3")]
    OnnxO3,
    /// And in half precision, for graphics cards
    #[value(name = "onnx-O4")]
    OnnxO4,
    /// ONNX in half precision
    OnnxFp16,
    /// ONNX in bfloat16
    OnnxBf16,
    /// ONNX in 8-bit integers for ONNX Runtime: ranges are measured at every run
    OnnxInt8,
    /// ONNX in 8-bit integers with calibrated ranges (QDQ)
    OnnxInt8Static,
    /// The same as OpenVINO IR: a graph in .xml and its weights in .bin beside it
    Openvino,
    /// OpenVINO IR with weights in half the bytes
    OpenvinoFp16,
    /// OpenVINO IR in 8-bit integers with calibrated ranges
    OpenvinoInt8,
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
    #[command(after_help = help::PLUGINS_LIST)]
    List {
        /// As JSON, with the schema of each plugin's settings
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        source: SourceArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    pub(crate) command: ModelsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// What is installed
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Fetch a model from the Hugging Face hub, check it, and put it into the data folder
    #[command(after_help = help::MODELS_PULL)]
    Pull {
        /// ORG/NAME or ORG/NAME@REVISION
        #[arg(value_name = "MODEL")]
        model: String,
        /// Branch, tag or commit (default: main)
        #[arg(long, value_name = "REVISION")]
        revision: Option<String>,
        /// More files than are needed, such as 'onnx/model.onnx' or 'openvino/*'; may be repeated
        #[arg(long, value_name = "PATTERN")]
        include: Vec<String>,
    },
    /// Remove an installed model
    #[command(after_help = help::MODELS_REMOVE)]
    Remove {
        /// Name in `drivetrain models list`
        name: String,
    },
    /// What a model is: task, architecture, limits, prompts, files
    #[command(after_help = help::MODELS_INFO)]
    Info {
        /// `builtin`, the folder of a model, or the name of an installed one
        #[arg(value_name = "MODEL")]
        model: String,
        /// As JSON
        #[arg(long)]
        json: bool,
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
    #[command(after_help = help::RUNTIMES_INSTALL)]
    Install {
        /// Name, or name@version, such as onnxruntime, openvino, libtorch, or onnxruntime@1.31.1
        runtime: String,
        /// The build for NVIDIA cards, with what it needs of CUDA
        #[arg(long)]
        cuda: bool,
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
    #[command(after_help = help::RUNTIMES_REMOVE)]
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
    #[command(after_help = help::CONFIG_SHOW)]
    Show {
        /// As JSON, each setting with its value and origin
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        profile: Box<ProfileArgs>,
    },
    /// The profile files that are looked at, and which are there
    #[command(after_help = help::CONFIG_PATHS)]
    Paths,
    /// The JSON Schema of a profile, for editors
    #[command(after_help = help::CONFIG_SCHEMA)]
    Schema,
}

#[derive(Debug, Args)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    pub(crate) command: RulesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// The rules that are part of the program, and where they are from
    List,
    /// Every question, answer and choice of some rules
    #[command(after_help = help::RULES_SHOW)]
    Show {
        /// Name of rules in `drivetrain rules list`, or a file, whose path contains `/` or ends in `.toml`
        #[arg(value_name = "RULES")]
        rules: String,
    },
    /// Whether a file of rules is sound; else what is wrong, with line and column
    Check {
        /// File to check
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
#[command(after_help = help::DOCTOR)]
pub(crate) struct DoctorArgs {
    /// As JSON, with everything that was found out
    #[arg(long)]
    pub(crate) json: bool,
    /// Seconds after which an engine that does not answer is given up
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout_secs: u64,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// Open this engine in this process and say what becomes of it: how the command calls itself
    #[arg(long, value_name = "ID", hide = true)]
    pub(crate) probe: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = help::PROBE)]
pub(crate) struct ProbeArgs {
    /// As JSON, each fact with its source
    #[arg(long)]
    pub(crate) json: bool,
    /// Ask every engine again, whatever is remembered
    #[arg(long)]
    pub(crate) refresh: bool,
    /// Seconds after which an engine that does not answer is given up
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout_secs: u64,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

#[derive(Debug, Args)]
#[command(after_help = help::PLAN)]
pub(crate) struct PlanArgs {
    /// Also show the way through the rules, and everything that was not chosen, each with its reason
    #[arg(long)]
    pub(crate) explain: bool,
    /// As JSON, with everything
    #[arg(long, conflicts_with = "explain")]
    pub(crate) json: bool,
    /// Measure the likeliest candidates first, and keep what that shows
    #[arg(long)]
    pub(crate) tune: bool,
    /// Rules to go by: the name of shipped ones, or a file; see `drivetrain rules list`
    #[arg(long, value_name = "RULES")]
    pub(crate) rules: Option<String>,
    /// Share of its quality that the model may lose, such as 0.004 or 0.4%
    #[arg(long, value_name = "SHARE")]
    pub(crate) max_loss: Option<String>,
    /// Also write the plan and what it depends on into a file that a repository can keep [default: drivetrain.lock]
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "drivetrain.lock")]
    pub(crate) lock: Option<PathBuf>,
    /// Compare two plans instead of making one: locks, or what `plan --json` printed
    #[arg(long, value_names = ["A", "B"], num_args = 2, conflicts_with_all = ["lock", "explain", "tune", "rules", "max_loss"])]
    pub(crate) diff: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) profile: ProfileArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TrialArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

#[derive(Debug, Args)]
#[command(after_help = help::COMPLETIONS)]
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
