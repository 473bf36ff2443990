//! What is left to do after a run: nothing, or pooling and the modules after it.

use drivetrain_contract::{Batch, Error, Output, Result, SessionInfo};
use drivetrain_package::Package;

use crate::{
    embeddings::{Embeddings, check_finite},
    pool::Pool,
    post::Post,
};

/// What a run gives, and what is left to do with it.
#[derive(Clone, Debug)]
pub(crate) enum Finish {
    /// `sentence_embedding` of so many numbers, which is final.
    Graph(usize),
    /// `last_hidden_state`, which is pooled here and goes through the modules after pooling.
    Host { pool: Pool, post: Post },
}

/// Where a text is in a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The text's place among all, for messages.
    pub(crate) idx: u64,
    /// Its first token in the batch, counted in tokens, padding included.
    pub(crate) start: usize,
    /// Its number of tokens.
    pub(crate) len: usize,
}

impl Finish {
    /// For `output` of a session, with `skip` leading tokens left out of pooling.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Model`] when session and package disagree about an extent or neither knows it,
    /// and as for [`Post::new`].
    pub(crate) fn new(package: &Package, info: &SessionInfo, (output, skip): (Output, usize)) -> Result<Self> {
        match package.pooling() {
            Some(pooling) if output == Output::LastHiddenState => {
                let hidden = agreed(output, Some(pooling.dim), info.hidden)?;
                let pool = Pool { modes: pooling.modes.clone(), hidden, skip };
                let post = Post::new(package, pool.dim())?;
                Ok(Self::Host { pool, post })
            }
            _ => Ok(Self::Graph(agreed(output, package.dim(), info.dim)?)),
        }
    }

    /// Numbers in the final vector.
    pub(crate) fn dim(&self) -> usize {
        match self {
            Self::Graph(dim) => *dim,
            Self::Host { post, .. } => post.dim(),
        }
    }

    /// The output to ask a session for, and the shape it must have.
    pub(crate) fn wants(&self, batch: &Batch<'_>) -> (Output, Vec<usize>) {
        match (self, batch) {
            (Self::Graph(dim), _) => (Output::SentenceEmbedding, vec![batch.size(), *dim]),
            (Self::Host { pool, .. }, Batch::Padded(padded)) => {
                (Output::LastHiddenState, vec![padded.size(), padded.length(), pool.hidden])
            }
            (Self::Host { pool, .. }, Batch::Packed(packed)) => {
                (Output::LastHiddenState, vec![packed.input_ids().len(), pool.hidden])
            }
            (Self::Host { .. }, Batch::Text(_)) => unreachable!("routes to token vectors take tokens"),
        }
    }

    /// Stores the vectors of one batch in the order of `places`; `found` is what the session gave for it.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Model`] for numbers that are not finite.
    pub(crate) fn store(&mut self, found: &[f32], places: &[Place], out: &mut Embeddings) -> Result<()> {
        match self {
            Self::Graph(dim) => {
                let vectors = places.iter().zip(found.chunks_exact(*dim)).enumerate();
                vectors.into_iter().try_for_each(|(row, (place, vector))| out.set(row, place.idx, vector))
            }
            Self::Host { pool, post } => {
                let mut vector = Vec::new();
                places.iter().enumerate().try_for_each(|(row, place)| {
                    vector.clear();
                    vector.resize(pool.dim(), 0.0);
                    pool.apply(&found[place.start * pool.hidden..][..place.len * pool.hidden], &mut vector);
                    // Some activations turn an infinity into a number, so it is looked for before them too.
                    check_finite(place.idx, &vector)?;
                    post.apply(&mut vector);
                    out.set(row, place.idx, &vector)
                })
            }
        }
    }
}

/// The extent both state, or the one that is known: a session says 0 when it does not know.
fn agreed(output: Output, package: Option<usize>, session: usize) -> Result<usize> {
    let name = output.name();
    match (package.filter(|&extent| extent > 0), session) {
        (Some(package), 0) => Ok(package),
        (Some(package), session) if package != session => {
            let message = format!("`{name}` has {session} dimensions, but the package says {package}");
            Err(Error::model(message)
                .with_hint("the model file and the package's configuration do not belong together"))
        }
        (None, 0) => Err(Error::model(format!("neither the package nor the session says the extent of `{name}`"))),
        (_, session) => Ok(session),
    }
}
