//! Every token of the vocabulary through the transformer, alone.

use drivetrain_contract::{
    AlignedBuf, Batch, Call, Capabilities, Error, IndexType, Inputs, Output, OutputMut, PaddedBatch, Result, Session,
    SessionInfo, TokenIds,
};

use super::{
    matrix::Matrix,
    vocabulary::{Frame, Vocabulary},
};

/// Inputs that can be filled in for a text of which only the ids are known.
const KNOWN_INPUTS: Inputs =
    Inputs::INPUT_IDS.union(Inputs::ATTENTION_MASK).union(Inputs::TOKEN_TYPE_IDS).union(Inputs::POSITION_IDS);

/// The part of the progress, in thousandths, that running the tokens makes up.
pub(crate) const PERMILLE: u32 = 900;

/// The vector of each token of `vocabulary` between its special tokens, all finite: one row each.
///
/// Of `last_hidden_state` that is the mean over the token and the special ones, of `sentence_embedding` what the session
/// gives.
pub(crate) fn token_vectors(
    session: &mut dyn Session,
    vocabulary: &Vocabulary,
    (output, batch_size): (Output, usize),
    call: &dyn Call,
) -> Result<Matrix> {
    let frame = vocabulary.frame()?;
    let length = frame.before.len() + 1 + frame.after.len();
    check_session(session.describe(), output, length)?;
    let mut runner = Runner { session, frame, length, output, vectors: AlignedBuf::new() };
    let tokens = vocabulary.tokens();
    let mut vectors: Option<Matrix> = None;
    for (batch_idx, batch) in tokens.chunks(batch_size).enumerate() {
        call.check()?;
        let done = (batch_idx * batch_size) as f64 / tokens.len() as f64;
        call.progress((done * f64::from(PERMILLE)) as u32, "token vectors");
        let width = runner.run(batch, call)?;
        let table = match &mut vectors {
            Some(table) if table.columns() == width => table,
            Some(table) => {
                let message = format!("the session changed its hidden size from {} to {width}", table.columns());
                return Err(Error::internal(message));
            }
            empty => empty.insert(Matrix::with_room(tokens.len(), width)?),
        };
        runner.push_means(batch, table)?;
    }
    vectors.ok_or_else(|| Error::model("the vocabulary is empty"))
}

fn check_session(info: &SessionInfo, output: Output, length: usize) -> Result<()> {
    if !info.outputs.contains(output.set()) {
        let message = format!("this session does not give `{}`, which distillation needs", output.name());
        return Err(Error::unsupported(message).with_hint(
            "distil from a transformer with token outputs: `drivetrain convert MODEL --to onnx` writes such a file",
        ));
    }
    if !info.capabilities.contains(Capabilities::PADDED_IN) || !KNOWN_INPUTS.contains(info.inputs) {
        let kinds = info.capabilities.input_kinds().join(", ");
        let inputs: Vec<&str> = info.inputs.iter().map(Inputs::name).collect();
        return Err(Error::unsupported(format!(
            "distillation gives padded tokens, and this session takes other input (kinds: {kinds}; tensors: {})",
            inputs.join(", ")
        )));
    }
    if info.max_tokens != 0 && info.max_tokens < length {
        return Err(Error::unsupported(format!(
            "one token with its special tokens makes {length}, and this session takes at most {}",
            info.max_tokens
        )));
    }
    Ok(())
}

/// Runs batches of one-token texts, reusing the output's memory.
struct Runner<'a> {
    session: &'a mut dyn Session,
    frame: Frame,
    /// Tokens of each text, special ones included.
    length: usize,
    output: Output,
    /// `[batch, length, hidden]`, or `[batch, dim]`, of the latest batch.
    vectors: AlignedBuf<f32>,
}

impl Runner<'_> {
    /// Fills `vectors` and gives its last extent.
    fn run(&mut self, tokens: &[(String, u32)], call: &dyn Call) -> Result<usize> {
        let (wanted, index_type) = (self.session.describe().inputs, self.session.describe().index_type);
        let n_tokens = tokens.len() * self.length;
        let ids = Ids::new(index_type, tokens.iter().flat_map(|(_, id)| self.framed(*id)))?;
        let mask = Ids::new(index_type, std::iter::repeat_n(1, n_tokens))?;
        let segments = Ids::new(index_type, std::iter::repeat_n(0, n_tokens))?;
        let positions = Ids::new(index_type, (0..n_tokens).map(|idx| (idx % self.length) as u32))?;

        let mut batch = PaddedBatch::new(tokens.len(), self.length, ids.as_tensor(), mask.as_tensor())?;
        if wanted.contains(Inputs::TOKEN_TYPE_IDS) {
            batch = batch.with_token_type_ids(segments.as_tensor())?;
        }
        if wanted.contains(Inputs::POSITION_IDS) {
            batch = batch.with_position_ids(positions.as_tensor())?;
        }
        let batch = Batch::Padded(batch);
        let shape = self.session.output_shape(&batch, self.output)?;
        let width = match (shape.split_last(), self.output) {
            (Some((&width, [size])), Output::SentenceEmbedding) if *size == tokens.len() => width,
            (Some((&width, [size, length])), Output::LastHiddenState)
                if (*size, *length) == (tokens.len(), self.length) =>
            {
                width
            }
            _ => 0,
        };
        let elements = width.checked_mul(tokens.len() * self.states()).filter(|&elements| elements > 0);
        let elements = elements.ok_or_else(|| {
            let (name, n_texts) = (self.output.name(), tokens.len());
            Error::internal(format!("`{name}` of {n_texts} × {} tokens has shape {shape:?}", self.length))
        })?;
        self.vectors.reset(elements);
        let output = OutputMut::new(self.output, &shape, &mut self.vectors)?;
        self.session.run(&batch, &mut [output], call)?;
        Ok(width)
    }

    /// Vectors that the session gives for each text.
    fn states(&self) -> usize {
        if self.output == Output::LastHiddenState { self.length } else { 1 }
    }

    fn framed(&self, id: u32) -> impl Iterator<Item = u32> {
        let Frame { before, after } = &self.frame;
        before.iter().copied().chain([id]).chain(after.iter().copied())
    }

    /// Appends the mean over the vectors of each text of the latest batch.
    fn push_means(&self, tokens: &[(String, u32)], table: &mut Matrix) -> Result<()> {
        let (width, n_states) = (table.columns(), self.states());
        for ((token, _), states) in tokens.iter().zip(self.vectors.chunks_exact(n_states * width)) {
            let mean = table.push_row();
            for state in states.chunks_exact(width) {
                mean.iter_mut().zip(state).for_each(|(sum, &element)| *sum += element);
            }
            mean.iter_mut().for_each(|sum| *sum /= n_states as f32);
            if let Some(idx) = mean.iter().position(|element| !element.is_finite()) {
                return Err(Error::model(format!(
                    "the transformer gives {} for token `{token}` (element {idx} of its vector)",
                    mean[idx]
                ))
                .with_hint("run it in f32; if that gives the same, the weights are damaged"));
            }
        }
        Ok(())
    }
}

/// Ids in the width the session wants.
enum Ids {
    I64(Vec<i64>),
    I32(Vec<i32>),
}

impl Ids {
    fn new(index_type: IndexType, ids: impl Iterator<Item = u32>) -> Result<Self> {
        match index_type {
            IndexType::I64 => Ok(Self::I64(ids.map(i64::from).collect())),
            IndexType::I32 => ids
                .map(i32::try_from)
                .collect::<Result<_, _>>()
                .map(Self::I32)
                .map_err(|err| Error::model("a token id does not fit 32 bits").with_source(err)),
        }
    }

    fn as_tensor(&self) -> TokenIds<'_> {
        match self {
            Self::I64(ids) => TokenIds::I64(ids),
            Self::I32(ids) => TokenIds::I32(ids),
        }
    }
}
