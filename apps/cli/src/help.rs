//! What `--help` says below the flags: examples, and what no flag is the place for.

use crate::exit;

/// Below `drivetrain --help`.
pub(crate) fn program() -> String {
    format!("{ENVIRONMENT}\n\n{}", exit::HELP)
}

const ENVIRONMENT: &str = "\
Environment:
  DRIVETRAIN_HOME         data folder with runtimes/, plugins/ and models/
                          (default: drivetrain in the platform's, such as ~/.local/share)
  DRIVETRAIN_CACHE        cache folder (default: drivetrain in the platform's, such as ~/.cache)
  DRIVETRAIN_PLUGIN_PATH  more folders with plugins, separated as in PATH
  DRIVETRAIN_CONFIG_HOME  folder with your profile.toml
                          (default: drivetrain in the platform's, such as ~/.config)
  DRIVETRAIN_<SETTING>    a setting of the profile: DRIVETRAIN_THREADS=2, DRIVETRAIN_PIPELINE__WINDOW=1000
  HF_TOKEN, HF_HOME, …    access to the Hugging Face hub: see `drivetrain models pull --help`";

pub(crate) const EMBED: &str = "\
A command that was interrupted or killed goes on where it was when it is repeated with --resume.

Examples:
  drivetrain embed \"a text becomes a vector\"
  drivetrain embed -i texts.txt -o vectors.npy
  drivetrain embed -i docs.jsonl --field body -m all-MiniLM-L6-v2 -o vectors.jsonl
  drivetrain embed -i 'docs*.jsonl' --field body --out-dir vectors --format parquet
  cat queries.txt | drivetrain embed --prompt-name query > vectors.jsonl";

pub(crate) const COMPARE: &str = "\
A cosine of 1 says that two rows point the same way; the worst rows have the smallest.

Examples:
  drivetrain embed -i texts.txt -m ./one -o one.npy
  drivetrain embed -i texts.txt -m ./other -o other.npy
  drivetrain compare one.npy other.npy --worst 10";

pub(crate) const CONVERT: &str = "\
Whatever is made is compared with the model in 32-bit floats and recorded in drivetrain.json beside it. What is up to
date is not made again.

Examples:
  drivetrain convert ./my-model --to onnx
  drivetrain convert all-MiniLM-L6-v2 --to onnx-int8
  drivetrain convert all-MiniLM-L6-v2 --to openvino-int8 --calibration my-texts.jsonl
  drivetrain convert ./my-model --to openvino
  drivetrain convert ./my-model --all-for-this-machine
  drivetrain convert ./my-model --report
  drivetrain convert all-MiniLM-L6-v2 --to static --dims 256 --dtype i8 -o ./minilm-static
  drivetrain convert all-MiniLM-L6-v2 --to static --fit my-texts.jsonl -o ./my-static";

pub(crate) const PLUGINS_LIST: &str = "\
usable:    can be named with --backend; without it the first one that reads the model is used
shadowed:  another one with the same id was found before
refused:   cannot be used; the reason is shown

Plugins are looked for in the profile's `plugins`, in DRIVETRAIN_PLUGIN_PATH, in the program itself (linked),
beside it, in the data folder, and in the system's folders, in this order.";

pub(crate) const MODELS_PULL: &str = "\
Afterwards `-m ORG/NAME` works without a network. Only the files that are read here are fetched; what another program
keeps in the cache of the hub is used. An interrupted transfer goes on where it broke off.

Environment: HF_TOKEN, HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_HUB_OFFLINE, HTTPS_PROXY, NO_PROXY

Examples:
  drivetrain models pull sentence-transformers/all-MiniLM-L6-v2
  drivetrain models pull BAAI/bge-small-en-v1.5 --revision main --include 'onnx/model.onnx'
  drivetrain embed -m hf:BAAI/bge-small-en-v1.5 \"fetched when it is first used\"";

pub(crate) const MODELS_REMOVE: &str = "\
Example:
  drivetrain models remove sentence-transformers/all-MiniLM-L6-v2";

pub(crate) const MODELS_INFO: &str = "\
Examples:
  drivetrain models info builtin
  drivetrain models info ./my-model --json";

pub(crate) const RUNTIMES_INSTALL: &str = "\
Examples:
  drivetrain runtimes install onnxruntime
  drivetrain runtimes install onnxruntime@1.31.1 --pip ./venv/bin/python
  drivetrain runtimes install libtorch --cuda
  drivetrain runtimes install onnxruntime --wheel ./onnxruntime-1.28.0-cp312-cp312-….whl";

pub(crate) const RUNTIMES_REMOVE: &str = "\
Example:
  drivetrain runtimes remove onnxruntime@1.31.1";

pub(crate) const CONFIG_SHOW: &str = "\
Later ones win: the default, the system's and your profile, the project's drivetrain.toml, variables DRIVETRAIN_*,
files given with -c, --set, flags. What is printed is a profile itself: save it, change what you like, give it with -c.

Examples:
  drivetrain config show > my.toml
  drivetrain config show -c my.toml --threads 2
  drivetrain config show --set inherits=latency --json";

pub(crate) const RULES_SHOW: &str = "\
How to write rules of your own: docs/rules.md.

Examples:
  drivetrain rules show sentence-transformers-v5
  drivetrain rules show ./my-rules.toml";

pub(crate) const CONFIG_PATHS: &str = "\
A project's drivetrain.toml is looked for in this folder and those above it, up to the home folder; it cannot set
`plugins` or `[backends.*]` unless you give it with -c.

Example:
  drivetrain config paths";

pub(crate) const CONFIG_SCHEMA: &str = "\
Example:
  drivetrain config schema > profile.schema.json";

pub(crate) const DOCTOR: &str = "\
ok:       it was opened, and has a device
–         its plugin or its native library is not installed
trouble:  it is there and does not work

Each engine is opened in a process of its own, and all that work once more in one. The exit code is 0 if one of them can
embed, and 4 if none can.

Examples:
  drivetrain doctor
  drivetrain doctor --json > doctor.json";

pub(crate) const PLAN: &str = "\
Everything that engines, devices, precisions and files of the model add up to is a candidate. Those that cannot or may not
be had are set aside; the rules put the others in order, and the first is taken, or the one that did best where they were
run beside each other (--tune), now or before.

--diff exits with 0 if the plans are the same, and 8 if they differ in more than what is marked `(may differ)`.

Examples:
  drivetrain plan -m all-MiniLM-L6-v2
  drivetrain plan -m all-MiniLM-L6-v2 --explain
  drivetrain plan -m all-MiniLM-L6-v2 --max-loss 0.4% --rules sentence-transformers-v5 --explain
  drivetrain plan -m all-MiniLM-L6-v2 --set limits.memory=300MiB --json
  drivetrain plan -m all-MiniLM-L6-v2 --lock
  drivetrain plan --diff drivetrain.lock other.lock";

pub(crate) const PROBE: &str = "\
Each engine is asked in a process of its own: one that crashes or does not answer is refused, with the reason. What
became of it is remembered in the cache folder until the engine, its libraries, its settings or the machine change.

Examples:
  drivetrain probe
  drivetrain probe --refresh
  drivetrain probe --json > machine.json";

pub(crate) const COMPLETIONS: &str = "\
Examples:
  drivetrain completions bash > ~/.local/share/bash-completion/completions/drivetrain
  drivetrain completions zsh > \"${fpath[1]}/_drivetrain\"
  drivetrain completions fish > ~/.config/fish/completions/drivetrain.fish
  drivetrain completions elvish >> ~/.config/elvish/rc.elv
  drivetrain completions powershell >> $PROFILE";
