//! Embedding through a session that takes token ids.

use drivetrain_contract::{Call, Error, Result};
use drivetrain_package::Side;

use crate::{
    embeddings::Embeddings,
    encode::Encoder,
    finish::Finish,
    pack::{BatchLimits, batches, longest_first},
    route::InputKind,
    run::Runner,
    token_buffers::{Layout, TokenBuffers},
};

/// Texts are tokenised here, sorted and batched, and what the graph left to do is done.
#[derive(Debug)]
pub(crate) struct TokenPath {
    pub(crate) encoder: Encoder,
    pub(crate) input: InputKind,
    pub(crate) limits: BatchLimits,
    pub(crate) padding_side: Side,
    pub(crate) buffers: TokenBuffers,
    pub(crate) finish: Finish,
}

impl TokenPath {
    /// Fills `out` with the vectors of `texts`. A text without a single token keeps its zeros.
    pub(crate) fn embed(
        &mut self,
        runner: &mut Runner,
        texts: &[&str],
        out: &mut Embeddings,
        call: &dyn Call,
    ) -> Result<()> {
        let contents = self.encoder.encode(texts, call)?;
        let special = self.encoder.tokenizer.frame().len();
        let lengths: Vec<usize> = contents.iter().map(|content| content.len() + special).collect();
        check_lengths(&lengths, runner.session.describe().max_tokens)?;
        let order = longest_first(&lengths);
        for range in batches(&lengths, &order, self.limits) {
            let batch: Vec<Tokenised<'_>> =
                order[range.clone()].iter().map(|&idx| Tokenised { idx, content: &contents[idx] }).collect();
            self.run(runner, &batch, out, call)?;
            call.progress((range.end * 1000 / order.len()) as u32, "embed");
        }
        Ok(())
    }

    fn run(
        &mut self,
        runner: &mut Runner,
        texts: &[Tokenised<'_>],
        out: &mut Embeddings,
        call: &dyn Call,
    ) -> Result<()> {
        let tokenizer = &self.encoder.tokenizer;
        let layout = Layout {
            frame: tokenizer.frame(),
            pad_id: tokenizer.pad_id(),
            padding_side: self.padding_side,
            inputs: runner.session.describe().inputs,
        };
        let mut places = Vec::with_capacity(texts.len());
        let batch = match self.input {
            InputKind::Packed => self.buffers.packed(texts, layout, &mut places)?,
            _ => self.buffers.padded(texts, layout, &mut places)?,
        };
        let found = runner.run(&batch, self.finish.wants(&batch), call)?;
        self.finish.store(found, &places, out)
    }
}

/// A text's index and its tokens without special ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tokenised<'a> {
    pub(crate) idx: usize,
    pub(crate) content: &'a [u32],
}

fn check_lengths(lengths: &[usize], most: usize) -> Result<()> {
    match lengths.iter().position(|&length| most > 0 && length > most) {
        Some(idx) => {
            let message = format!("text {idx} has {} tokens, but the session takes at most {most}", lengths[idx]);
            Err(Error::unsupported(message).with_hint("shorten the text, or create the session for longer ones"))
        }
        None => Ok(()),
    }
}
