//! The tensors a session can give back, and the caller's buffers they are written to.

use crate::{Error, Result};

bitflags::bitflags! {
    /// A set of [`Output`]s. The bits are those of the plugin ABI.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
    pub struct Outputs: u64 {
        /// [`Output::SentenceEmbedding`]
        const SENTENCE_EMBEDDING = 1;
        /// [`Output::LastHiddenState`]
        const LAST_HIDDEN_STATE = 2;
        /// [`Output::Logits`]
        const LOGITS = 4;
        /// [`Output::VocabScores`]
        const VOCAB_SCORES = 8;
    }
}

/// One output tensor, always 32-bit float on this side of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// `sentence_embedding` `[batch, dim]`: every module of the package applied.
    SentenceEmbedding,
    /// `last_hidden_state` `[batch, length, hidden]`, or `[tokens, hidden]` for packed input: before any pooling.
    LastHiddenState,
    /// `logits` `[batch, labels]`.
    Logits,
    /// `vocab_scores` `[batch, vocabulary]`.
    VocabScores,
}

impl Output {
    /// Every output, in the order of the bits of [`Outputs`].
    pub const ALL: [Output; 4] =
        [Output::SentenceEmbedding, Output::LastHiddenState, Output::Logits, Output::VocabScores];

    /// The name in graphs and in the plugin ABI.
    pub fn name(self) -> &'static str {
        match self {
            Output::SentenceEmbedding => "sentence_embedding",
            Output::LastHiddenState => "last_hidden_state",
            Output::Logits => "logits",
            Output::VocabScores => "vocab_scores",
        }
    }

    /// The output with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|output| output.name() == name)
    }

    /// The set that holds only this output.
    pub fn set(self) -> Outputs {
        match self {
            Output::SentenceEmbedding => Outputs::SENTENCE_EMBEDDING,
            Output::LastHiddenState => Outputs::LAST_HIDDEN_STATE,
            Output::Logits => Outputs::LOGITS,
            Output::VocabScores => Outputs::VOCAB_SCORES,
        }
    }
}

/// A caller's buffer for one output of one run.
#[derive(Debug)]
pub struct OutputMut<'a> {
    output: Output,
    shape: &'a [usize],
    data: &'a mut [f32],
}

impl<'a> OutputMut<'a> {
    /// A buffer of the shape that [`crate::Session::output_shape`] announced.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] unless the data holds exactly the elements of the shape.
    pub fn new(output: Output, shape: &'a [usize], data: &'a mut [f32]) -> Result<Self> {
        if checked_elements(shape) != Some(data.len()) {
            return Err(Error::invalid(format!(
                "buffer for `{}` holds {} elements, its shape {shape:?} needs others",
                output.name(),
                data.len()
            )));
        }
        Ok(Self { output, shape, data })
    }

    /// Which output goes here.
    pub fn output(&self) -> Output {
        self.output
    }

    /// Extent of each axis.
    pub fn shape(&self) -> &'a [usize] {
        self.shape
    }

    /// Row-major elements.
    pub fn data(&mut self) -> &mut [f32] {
        self.data
    }
}

fn checked_elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |elements, &extent| elements.checked_mul(extent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_sets_round_trip() {
        for output in Output::ALL {
            assert_eq!(Output::named(output.name()), Some(output));
            assert!(Outputs::all().contains(output.set()));
        }
    }

    #[test]
    fn buffers_must_fit_their_shape() {
        let mut data = [0.0; 6];
        assert!(OutputMut::new(Output::SentenceEmbedding, &[2, 3], &mut data).is_ok());
        assert!(OutputMut::new(Output::SentenceEmbedding, &[2, 2], &mut data).is_err());
        assert!(OutputMut::new(Output::SentenceEmbedding, &[usize::MAX, 3], &mut data).is_err());
    }
}
