//! Reading a package: from its files to what they mean together.

use drivetrain_contract::{Error, Result};

use super::Package;
use crate::{
    Files, Module, Prompts, StaticEmbedding, Task, TokenizerFacts, UnknownTokens,
    artifact::{self, Layout},
    json::{Document, Fields, join},
    limits,
    modules_json::{self, Context, Listed},
    static_table,
    tokenizer::TokenizerFile,
};

/// The transformer's own settings, under the names that sentence-transformers looks for, in its order.
pub(crate) const SENTENCE_BERT: [&str; 7] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];

/// Names of the extent of token vectors: most architectures', DistilBERT's, T5's, GPT-2's.
const HIDDEN_SIZE: [&str; 4] = ["hidden_size", "dim", "d_model", "n_embd"];

/// What turns tokens into vectors, and the folder it is in.
struct Main {
    path: String,
    is_static: bool,
}

/// The configuration files, each read once.
struct Documents {
    config: Document,
    sentence: Document,
    sentence_bert: Document,
    tokenizer: Document,
    special: Document,
}

impl Documents {
    fn load(files: &Files, path: &str) -> Result<Self> {
        let load = |names: &[&str]| Document::load(files, &candidates(path, names));
        Ok(Self {
            config: load(&["config.json"])?,
            sentence: Document::load(files, &["config_sentence_transformers.json".to_owned()])?,
            sentence_bert: load(&SENTENCE_BERT)?,
            tokenizer: load(&["tokenizer_config.json"])?,
            special: load(&["special_tokens_map.json"])?,
        })
    }
}

impl Package {
    /// Reads the configuration files and puts together what they say.
    pub(super) fn read(name: String, files: Files) -> Result<Self> {
        let listed = modules_json::list(&files)?;
        let main = find_main(&files, listed.as_deref())?;
        let documents = Documents::load(&files, &main.path)?;
        let (config, sentence) = (documents.config.fields()?, documents.sentence.fields()?);
        let (sentence_bert, tokenizer) = (documents.sentence_bert.fields()?, documents.tokenizer.fields()?);
        let classes: Vec<&str> = listed.iter().flatten().map(|listed| listed.class.as_str()).collect();
        let task = Task::detect(&sentence, &config, &classes)?;
        let hidden_size =
            if main.is_static { Some(static_table::columns(&files, &main.path)?) } else { hidden_size(&config)? };
        let modules = read_modules(&files, &main, listed.as_deref(), &Shape { task, hidden_size, config: &config })?;

        let tokenizer_path = first_existing(&files, &candidates(&main.path, &["tokenizer.json"]));
        let tokenizer_file = TokenizerFile::read(&files, &tokenizer_path)?;
        let max_seq_length = if main.is_static {
            // Averaging has no limit of its own; model2vec packages state one.
            config.length("seq_length")?
        } else {
            limits::max_seq_length(&sentence_bert, &tokenizer, &config, tokenizer_file.max_length())?
        };
        let artifacts = artifact::find(&Layout {
            files: &files,
            path: &main.path,
            is_static: main.is_static,
            tokenizer: files.exists(&tokenizer_path).then_some(&tokenizer_path),
        });
        Ok(Self {
            task,
            hidden_size,
            dim: match task {
                Task::Embed | Task::MultiVector => modules_json::extent(&modules).or(hidden_size),
                Task::Sparse => config.dim("vocab_size")?,
                Task::Rerank => None,
            },
            truncate_dim: sentence.dim("truncate_dim")?,
            max_seq_length,
            prompts: Prompts::read(&sentence, task)?,
            tokenizer: TokenizerFacts::read(&sentence_bert, &tokenizer, &documents.special.fields()?, &tokenizer_file)?,
            tokenizer_path,
            artifacts,
            modules,
            config: documents.config.value,
            name,
            files,
        })
    }
}

/// What modules are read with.
struct Shape<'a> {
    task: Task,
    hidden_size: Option<usize>,
    config: &'a Fields<'a>,
}

fn read_modules(files: &Files, main: &Main, listed: Option<&[Listed]>, shape: &Shape<'_>) -> Result<Vec<Module>> {
    let &Shape { task, hidden_size, config } = shape;
    let is_model2vec = config.str("model_type")? == Some("model2vec");
    let unknown = if is_model2vec { UnknownTokens::Drop } else { UnknownTokens::Keep };
    let context = Context { files, task, unknown, hidden_size };
    let mut modules = match listed {
        Some(listed) => context.read(listed)?,
        None if main.is_static => vec![Module::StaticEmbedding(StaticEmbedding { path: main.path.clone(), unknown })],
        None => modules_json::default_modules(&context, config)?,
    };
    // model2vec itself does not look into modules.json.
    if is_model2vec && config.bool("normalize")? == Some(true) && !modules.contains(&Module::Normalize) {
        modules.push(Module::Normalize);
    }
    Ok(modules)
}

/// The main module as listed; without a list, a transformer if there is a `config.json` of one, else a static table.
fn find_main(files: &Files, listed: Option<&[Listed]>) -> Result<Main> {
    if let Some(listed) = listed {
        let main = listed.iter().find(|listed| listed.is_main());
        return Ok(Main {
            path: main.map(|main| main.path.clone()).unwrap_or_default(),
            is_static: main.is_some_and(|main| main.known_class() == Some("StaticEmbedding")),
        });
    }
    let config = Document::load(files, &["config.json".to_owned()])?;
    let config = config.fields()?;
    if config.is_present() && config.str("model_type")? != Some("model2vec") {
        return Ok(Main { path: String::new(), is_static: false });
    }
    match static_table::find(files) {
        Some(path) => Ok(Main { path: path.to_owned(), is_static: true }),
        // A model2vec package without a table is told so when its table is looked for.
        None if config.is_present() => Ok(Main { path: String::new(), is_static: true }),
        None => Err(Error::model(format!("`{}` holds no model", files.label("")))
            .with_hint("a model's directory has modules.json or config.json in it")),
    }
}

/// The names in the folder `path`, then those in the package's own.
fn candidates(path: &str, names: &[&str]) -> Vec<String> {
    let folders = if path.is_empty() { vec![""] } else { vec![path, ""] };
    folders.iter().flat_map(|folder| names.iter().map(|name| join(folder, name))).collect()
}

fn first_existing(files: &Files, candidates: &[String]) -> String {
    candidates.iter().find(|rel| files.exists(rel)).unwrap_or(&candidates[0]).clone()
}

fn hidden_size(config: &Fields<'_>) -> Result<Option<usize>> {
    for key in HIDDEN_SIZE {
        if let Some(size) = config.dim(key)? {
            return Ok(Some(size));
        }
    }
    config.object("text_config")?.dim("hidden_size")
}
