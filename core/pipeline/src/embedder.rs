//! Texts to vectors with one package and one session.

use std::fmt;

use drivetrain_contract::{Call, Error, Result, Session};
use drivetrain_package::{Package, Pooling};

use crate::{
    EmbedOptions, Embeddings,
    encode::Encoder,
    finish::Finish,
    pack::BatchLimits,
    route::{InputKind, Route},
    run::Runner,
    text_path::TextPath,
    token_buffers::TokenBuffers,
    token_path::TokenPath,
    tokenize::TextTokenizer,
};

/// Turns texts into vectors as sentence-transformers does with the same package.
///
/// The session is used in the best way it offers: text if it tokenises by itself, else tokens; pooled in its graph if
/// that gives `sentence_embedding`, else pooled here from `last_hidden_state`. A package that leaves its prompt out of
/// pooling needs the latter whenever there is a prompt.
pub struct Embedder {
    runner: Runner,
    path: Path,
    dim: usize,
}

#[derive(Debug)]
enum Path {
    Text(TextPath),
    Tokens(Box<TokenPath>),
}

impl Embedder {
    /// Joins a package and a session made for it, and checks everything that can be checked before the first text.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] for an unknown prompt name (the known ones are listed), a
    /// `truncate_dim` of 0 or above the vectors' dimension, and a prompt that fills the model's token limit;
    /// [`drivetrain_contract::ErrorKind::Unsupported`] for a package that does not embed or has modules nothing here
    /// runs, and for a session whose inputs and outputs do not serve it; [`drivetrain_contract::ErrorKind::Model`] for
    /// broken files and for a session that contradicts the package.
    pub fn new(package: &Package, session: Box<dyn Session>, options: &EmbedOptions) -> Result<Self> {
        let prompt = options.prompt.text(package.prompts())?.to_owned();
        let exclude_prompt = !prompt.is_empty() && package.pooling().is_some_and(leaves_prompt_out);
        let info = session.describe();
        let route = Route::choose(package, info, exclude_prompt)?;
        let (path, full_dim) = match route.input {
            InputKind::Text => {
                let dim = Finish::new(package, info, (route.output, 0))?.dim();
                (Path::Text(TextPath::new(prompt, options.max_batch, dim)), dim)
            }
            input => {
                let tokenizer = TextTokenizer::new(package)?;
                let prompt_len = tokenizer.prompt_len(&prompt)?;
                let skip = if exclude_prompt { prompt_len } else { 0 };
                let finish = Finish::new(package, info, (route.output, skip))?;
                let dim = finish.dim();
                let tokens = TokenPath {
                    encoder: Encoder { tokenizer, prompt, threads: options.threads },
                    input,
                    limits: BatchLimits { tokens: options.batch_tokens, texts: options.max_batch },
                    padding_side: package.tokenizer().padding_side,
                    buffers: TokenBuffers::new(info.index_type),
                    finish,
                };
                (Path::Tokens(Box::new(tokens)), dim)
            }
        };
        let dim = truncated_dim(full_dim, options.truncate_dim, package.truncate_dim())?;
        Ok(Self { runner: Runner::new(session), path, dim })
    }

    /// Numbers in each vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The vectors of `texts`, `[texts.len(), dim]`, in their order.
    ///
    /// A text without a single token, which only a tokenizer without special tokens leaves so, has a vector of zeros.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Model`] when a vector has numbers that are not finite (the text's index is
    /// named) or the session's output has another shape than the package says,
    /// [`drivetrain_contract::ErrorKind::Unsupported`] for a text longer than the session takes,
    /// [`drivetrain_contract::ErrorKind::OutOfMemory`] when the vectors do not fit into memory, and those of the session
    /// and the call.
    pub fn embed<S: AsRef<str>>(&mut self, texts: &[S], call: &dyn Call) -> Result<Embeddings> {
        call.check()?;
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        let mut out = Embeddings::zeroed(texts.len(), self.dim)?;
        match &mut self.path {
            Path::Text(path) => path.embed(&mut self.runner, &texts, &mut out, call)?,
            Path::Tokens(path) => path.embed(&mut self.runner, &texts, &mut out, call)?,
        }
        Ok(out)
    }

    /// The session.
    pub fn session(&self) -> &dyn Session {
        &*self.runner.session
    }

    /// The session, as to give memory back.
    pub fn session_mut(&mut self) -> &mut dyn Session {
        &mut *self.runner.session
    }
}

impl fmt::Debug for Embedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedder").field("path", &self.path).field("dim", &self.dim).finish_non_exhaustive()
    }
}

fn leaves_prompt_out(pooling: &Pooling) -> bool {
    !pooling.include_prompt
}

/// The dimension after truncation: as asked for, else as the package says, where more than there is means all.
fn truncated_dim(full: usize, asked: Option<usize>, by_package: Option<usize>) -> Result<usize> {
    match asked {
        Some(0) => Err(Error::invalid("`truncate_dim` is 0").with_hint(format!("give a number from 1 to {full}"))),
        Some(dim) if dim > full => {
            let message = format!("`truncate_dim` is {dim}, but the model's vectors have {full} dimensions");
            Err(Error::invalid(message).with_hint(format!("give a number from 1 to {full}")))
        }
        Some(dim) => Ok(dim),
        None => Ok(by_package.map_or(full, |dim| dim.clamp(1, full))),
    }
}
