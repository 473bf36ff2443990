//! The special tokens a tokenizer puts around every text.

use drivetrain_contract::{Error, Result};
use tokenizers::{Encoding, Token, Tokenizer};

/// A token id and its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FramedToken {
    pub(crate) id: u32,
    pub(crate) type_id: u32,
}

/// The special tokens before and after the tokens of a text.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    before: Vec<FramedToken>,
    after: Vec<FramedToken>,
    type_id: u32,
}

impl Frame {
    /// Finds the frame by sending one marker token through the tokenizer's post-processor.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Model`] when the post-processor does not keep the text's tokens as one run.
    pub(crate) fn of(tokenizer: &Tokenizer) -> Result<Self> {
        const MARKER: u32 = u32::MAX;
        let marker = Encoding::from_tokens(vec![Token::new(MARKER, String::new(), (0, 0))], 0);
        let framed = tokenizer
            .post_process(marker, None, true)
            .map_err(|err| Error::model("post-processor of `tokenizer.json` fails").with_source(err))?;
        let tokens: Vec<FramedToken> = framed
            .get_ids()
            .iter()
            .zip(framed.get_type_ids())
            .map(|(&id, &type_id)| FramedToken { id, type_id })
            .collect();
        let mut parts = tokens.split(|token| token.id == MARKER);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(before), Some(after), None) => {
                let type_id = tokens[before.len()].type_id;
                Ok(Self { before: before.to_vec(), after: after.to_vec(), type_id })
            }
            _ => Err(Error::model("post-processor of `tokenizer.json` does not hold the text exactly once")),
        }
    }

    /// Number of special tokens.
    pub(crate) fn len(&self) -> usize {
        self.before.len() + self.after.len()
    }

    /// All tokens of a text with this content.
    pub(crate) fn tokens<'a>(&'a self, content: &'a [u32]) -> impl Iterator<Item = FramedToken> + 'a {
        let content = content.iter().map(|&id| FramedToken { id, type_id: self.type_id });
        self.before.iter().copied().chain(content).chain(self.after.iter().copied())
    }
}
