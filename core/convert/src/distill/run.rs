//! The steps of a distillation in their order.

use drivetrain_contract::{Call, Error, Output, Result, Session};
use drivetrain_package::{Package, Task};

use super::{
    components::{self, Centre},
    distilled::Distilled,
    distilled::Provenance,
    options::DistillOptions,
    table::Table,
    token_vectors,
    vocabulary::Vocabulary,
    zipf,
};

/// Dimensions kept when none are asked for, as in model2vec.
const DEFAULT_DIMS: usize = 256;

/// Makes a static model of the transformer in `package`, which `session` runs.
///
/// Memory: one 32-bit float for each token and hidden dimension, and again as much for the result. `call` is asked
/// before each batch whether to go on, and told about progress.
///
/// # Errors
/// [`Invalid`](drivetrain_contract::ErrorKind::Invalid) for options the model cannot satisfy,
/// [`Unsupported`](drivetrain_contract::ErrorKind::Unsupported) for a package that holds no embedding transformer or a
/// session without token outputs, [`Model`](drivetrain_contract::ErrorKind::Model) for a broken tokenizer or a
/// transformer that gives NaN, and whatever the session fails with.
pub fn distill(
    session: &mut dyn Session,
    package: &Package,
    options: &DistillOptions,
    call: &dyn Call,
) -> Result<Distilled> {
    options.check()?;
    check_package(package)?;
    let vocabulary = Vocabulary::read(&package.tokenizer_json()?, package.tokenizer().pad_token.as_deref())?;
    // What can be known beforehand fails before the transformer runs for minutes.
    let tokenizer_json = vocabulary.tokenizer_json()?;
    if session.describe().hidden != 0 {
        dims(options.dims, vocabulary.tokens().len(), session.describe().hidden)?;
    }
    let mut vectors =
        token_vectors::token_vectors(session, &vocabulary, (Output::LastHiddenState, options.batch_size), call)?;
    let dims = dims(options.dims, vectors.n_rows(), vectors.columns())?;
    call.progress(token_vectors::PERMILLE, "principal components");
    let explained_variance = components::reduce(&mut vectors, dims, Centre::Mean, call)?;
    if let Some(coefficient) = options.sif_coefficient {
        zipf::weigh(&mut vectors, coefficient);
    }
    call.check()?;
    let table = Table::encode(&vectors, options.table_type)?;
    let provenance = Provenance {
        source: package.name().to_owned(),
        sif_coefficient: options.sif_coefficient,
        explained_variance,
        fitted_on: None,
    };
    let distilled = Distilled::new(tokenizer_json, table, provenance);
    call.progress(1000, "done");
    Ok(distilled)
}

pub(crate) fn check_package(package: &Package) -> Result<()> {
    if package.is_static() {
        return Err(Error::unsupported(format!("`{}` is a static model already", package.name()))
            .with_hint("distil from the transformer it was made of"));
    }
    match package.task() {
        Task::Embed => Ok(()),
        other => Err(Error::unsupported(format!(
            "`{}` is a model for the task `{}`, and only embedding models can be distilled",
            package.name(),
            other.name()
        ))),
    }
}

/// The dimensions to keep: no more than the transformer has, nor than there are tokens.
pub(crate) fn dims(wanted: Option<usize>, n_tokens: usize, hidden: usize) -> Result<usize> {
    let most = hidden.min(n_tokens);
    match wanted {
        None => Ok(most.min(DEFAULT_DIMS)),
        Some(dims) if dims <= most => Ok(dims),
        Some(dims) => Err(Error::invalid(format!(
            "`dims` is {dims}, but the transformer has {hidden} dimensions and its vocabulary {n_tokens} tokens"
        ))
        .with_hint(format!("at most {most}"))),
    }
}
