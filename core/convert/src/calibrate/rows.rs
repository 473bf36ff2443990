//! What a session gives of texts, batch by batch.

use drivetrain_contract::{
    AlignedBuf, Batch, Call, Capabilities, Error, IndexType, Inputs, Output, OutputMut, PaddedBatch, Result, Session,
    TokenIds,
};

use super::samples::Samples;

/// Numbers that a batch may give at the most: 16 MiB.
const MOST_NUMBERS: usize = 1 << 22;

/// Tokens of a batch at the most, padding included.
const MOST_TOKENS: usize = 2048;

/// What is asked of a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    /// The output.
    pub(crate) output: Output,
    /// Whether each text is run alone, without padding.
    pub(crate) is_alone: bool,
}

/// Runs every text and gives `row` its place among the samples and its `sentence_embedding`; shorter texts come first.
///
/// # Errors
/// As [`for_each_output`].
pub(super) fn for_each_row(
    session: &mut dyn Session,
    samples: &Samples,
    call: &dyn Call,
    row: &mut dyn FnMut(usize, &[f32]) -> Result<()>,
) -> Result<()> {
    let question = Question { output: Output::SentenceEmbedding, is_alone: false };
    for_each_output(session, samples, (question, call), row)
}

/// Runs every text and gives `row` its place among the samples and its part of an output; shorter texts come first, and
/// padding comes behind a text's tokens.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Unsupported`] for a session that takes other input or lacks the output,
/// [`drivetrain_contract::ErrorKind::Model`] for numbers that are not finite, and what session and `row` fail with.
pub(crate) fn for_each_output(
    session: &mut dyn Session,
    samples: &Samples,
    (question, call): (Question, &dyn Call),
    row: &mut dyn FnMut(usize, &[f32]) -> Result<()>,
) -> Result<()> {
    check_session(session, question.output)?;
    let mut order: Vec<usize> = (0..samples.len()).collect();
    order.sort_by_key(|&idx| samples.texts()[idx].len());
    let info = session.describe();
    let extent = match question.output {
        Output::VocabScores => info.vocabulary,
        _ => info.dim,
    };
    let mut buffer = AlignedBuf::new();
    let mut rest = &order[..];
    while !rest.is_empty() {
        call.check()?;
        let size = if question.is_alone { 1 } else { batch_len(samples, rest, extent.max(1)) };
        let (batch, others) = rest.split_at(size);
        rest = others;
        let width = run(session, &Padded::new(samples, batch), (question.output, &mut buffer), call)?;
        for (&idx, numbers) in batch.iter().zip(buffer.chunks_exact(width)) {
            if let Some(number) = numbers.iter().find(|number| !number.is_finite()) {
                return Err(Error::model(format!("the model gives {number} for text {idx} of the sample")));
            }
            row(idx, numbers)?;
        }
    }
    Ok(())
}

/// How many of the texts, which come in order of length, make a batch.
fn batch_len(samples: &Samples, order: &[usize], extent: usize) -> usize {
    let fits = |count: usize| {
        let length = samples.texts()[order[count - 1]].len();
        count * length <= MOST_TOKENS && count * extent <= MOST_NUMBERS
    };
    (1..=order.len()).take_while(|&count| fits(count)).last().unwrap_or(1)
}

fn check_session(session: &dyn Session, output: Output) -> Result<()> {
    const GIVEN: Inputs = Inputs::INPUT_IDS.union(Inputs::ATTENTION_MASK).union(Inputs::TOKEN_TYPE_IDS);
    let info = session.describe();
    if !info.capabilities.contains(Capabilities::PADDED_IN) || !GIVEN.contains(info.inputs) {
        return Err(Error::unsupported("texts are given as padded tokens here, and this session takes other input"));
    }
    if !info.outputs.contains(output.set()) {
        return Err(Error::unsupported(format!("this session gives no `{}`", output.name())));
    }
    Ok(())
}

/// A batch's tensors, `[batch, length]`.
struct Padded {
    size: usize,
    length: usize,
    ids: Vec<i64>,
    mask: Vec<i64>,
}

impl Padded {
    fn new(samples: &Samples, batch: &[usize]) -> Self {
        let texts = || batch.iter().map(|&idx| &samples.texts()[idx]);
        let length = texts().map(Vec::len).max().unwrap_or(0);
        let padded = |text: &[u32], number: &dyn Fn(u32) -> i64, padding: i64| {
            let missing = std::iter::repeat_n(padding, length - text.len());
            text.iter().map(|&id| number(id)).chain(missing).collect::<Vec<i64>>()
        };
        let ids = texts().flat_map(|text| padded(text, &i64::from, i64::from(samples.pad_id()))).collect();
        let mask = texts().flat_map(|text| padded(text, &|_| 1, 0)).collect();
        Self { size: batch.len(), length, ids, mask }
    }
}

/// Fills the buffer with an output and gives the number of a text's numbers.
fn run(
    session: &mut dyn Session,
    padded: &Padded,
    (output, buffer): (Output, &mut AlignedBuf<f32>),
    call: &dyn Call,
) -> Result<usize> {
    let info = session.describe();
    let (wanted, index_type) = (info.inputs, info.index_type);
    let zeros = vec![0; padded.ids.len()];
    let tensors = [&padded.ids, &padded.mask, &zeros].map(|numbers| Indices::new(numbers, index_type));
    let [ids, mask, types] = tensors;
    let mut batch = PaddedBatch::new(padded.size, padded.length, ids.as_tensor(), mask.as_tensor())?;
    if wanted.contains(Inputs::TOKEN_TYPE_IDS) {
        batch = batch.with_token_type_ids(types.as_tensor())?;
    }
    let batch = Batch::Padded(batch);
    let shape = session.output_shape(&batch, output)?;
    let width = match (output, &shape[..]) {
        (Output::LastHiddenState, &[size, length, hidden]) if (size, length) == (padded.size, padded.length) => {
            length * hidden
        }
        (Output::LastHiddenState, _) => 0,
        (_, &[size, width]) if size == padded.size => width,
        _ => 0,
    };
    if width == 0 {
        let (name, size) = (output.name(), padded.size);
        return Err(Error::internal(format!("`{name}` of {size} texts has shape {shape:?}")));
    }
    buffer.try_reset(padded.size * width)?;
    session.run(&batch, &mut [OutputMut::new(output, &shape, buffer)?], call)?;
    Ok(width)
}

/// Ids in the width a session wants.
enum Indices<'a> {
    I64(&'a [i64]),
    I32(Vec<i32>),
}

impl<'a> Indices<'a> {
    fn new(numbers: &'a [i64], index_type: IndexType) -> Self {
        match index_type {
            IndexType::I64 => Self::I64(numbers),
            // Ids are below the number of rows of a table, which is far below 2³¹.
            IndexType::I32 => Self::I32(numbers.iter().map(|&number| number as i32).collect()),
        }
    }

    fn as_tensor(&self) -> TokenIds<'_> {
        match self {
            Self::I64(numbers) => TokenIds::I64(numbers),
            Self::I32(numbers) => TokenIds::I32(numbers),
        }
    }
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::{ErrorKind, NoCall, Outputs, SessionInfo};

    use super::*;

    /// Gives of each text the sum of its ids, without padding, and the shape of the batch it came in.
    struct Summing {
        info: SessionInfo,
        poison: bool,
    }

    impl Summing {
        fn new(index_type: IndexType) -> Self {
            let info = SessionInfo {
                capabilities: Capabilities::PADDED_IN,
                inputs: Inputs::INPUT_IDS | Inputs::ATTENTION_MASK,
                outputs: Outputs::SENTENCE_EMBEDDING,
                index_type,
                ..SessionInfo::default()
            };
            Self { info, poison: false }
        }
    }

    impl Session for Summing {
        fn describe(&self) -> &SessionInfo {
            &self.info
        }

        fn output_shape(&self, batch: &Batch<'_>, _output: Output) -> Result<Vec<usize>> {
            let Batch::Padded(batch) = batch else { panic!("padded tokens") };
            Ok(vec![batch.size(), 3])
        }

        fn run(&mut self, batch: &Batch<'_>, outputs: &mut [OutputMut<'_>], _call: &dyn Call) -> Result<()> {
            let Batch::Padded(batch) = batch else { panic!("padded tokens") };
            let wide = |name| match batch.tensor(name).unwrap() {
                TokenIds::I64(ids) => ids.to_vec(),
                TokenIds::I32(ids) => ids.iter().map(|&id| i64::from(id)).collect(),
            };
            let (ids, mask, length) = (wide(Inputs::INPUT_IDS), wide(Inputs::ATTENTION_MASK), batch.length());
            for (text, row) in outputs[0].data().chunks_exact_mut(3).enumerate() {
                let at = text * length..(text + 1) * length;
                row[0] = ids[at.clone()].iter().zip(&mask[at]).map(|(id, mask)| id * mask).sum::<i64>() as f32;
                row[1] = batch.size() as f32;
                row[2] = if self.poison { f32::NAN } else { length as f32 };
            }
            Ok(())
        }
    }

    fn texts(lengths: &[usize]) -> Samples {
        let texts = lengths.iter().enumerate().map(|(idx, &length)| vec![idx as u32 + 1; length]);
        Samples::new(texts.collect(), 999).unwrap()
    }

    #[test]
    fn every_text_gives_its_row_in_batches_of_bounded_size() {
        let lengths: Vec<usize> = (0..200).map(|idx| 1 + idx * 37 % 500).chain([MOST_TOKENS + 1]).collect();
        for index_type in [IndexType::I64, IndexType::I32] {
            let mut seen = vec![0; lengths.len()];
            for_each_row(&mut Summing::new(index_type), &texts(&lengths), &NoCall, &mut |idx, row| {
                assert_eq!(row[0], ((idx + 1) * lengths[idx]) as f32);
                assert!(row[1] * row[2] <= MOST_TOKENS as f32 || row[1] == 1.0, "{row:?}");
                seen[idx] += 1;
                Ok(())
            })
            .unwrap();
            assert_eq!(seen, vec![1; lengths.len()]);
        }
    }

    #[track_caller]
    fn refuses(change: impl FnOnce(&mut Summing), kind: ErrorKind) {
        let mut session = Summing::new(IndexType::I64);
        change(&mut session);
        let err = for_each_row(&mut session, &texts(&[2]), &NoCall, &mut |_, _| Ok(())).unwrap_err();
        assert_eq!(err.kind(), kind, "{}", err.to_text());
    }

    #[test]
    fn sessions_and_vectors_that_are_no_use_are_refused() {
        refuses(|session| session.info.capabilities = Capabilities::TEXT_IN, ErrorKind::Unsupported);
        refuses(|session| session.info.inputs |= Inputs::POSITION_IDS, ErrorKind::Unsupported);
        refuses(|session| session.info.outputs = Outputs::LOGITS, ErrorKind::Unsupported);
        refuses(|session| session.poison = true, ErrorKind::Model);
    }
}
