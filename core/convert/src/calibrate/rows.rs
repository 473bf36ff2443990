//! The vectors that a session gives of texts, batch by batch.

use drivetrain_contract::{
    AlignedBuf, Batch, Call, Capabilities, Error, IndexType, Inputs, Output, OutputMut, PaddedBatch, Result, Session,
    TokenIds,
};

use super::samples::Samples;

/// Numbers that a batch may give at the most: 16 MiB.
const MOST_NUMBERS: usize = 1 << 22;

/// Tokens of a batch at the most, padding included.
const MOST_TOKENS: usize = 2048;

/// Runs every text and gives `row` its place among the samples and its `sentence_embedding`; shorter texts come first.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Unsupported`] for a session that takes other input or gives no vectors,
/// [`drivetrain_contract::ErrorKind::Model`] for vectors that are not finite, and what session and `row` fail with.
pub(super) fn for_each_row(
    session: &mut dyn Session,
    samples: &Samples,
    call: &dyn Call,
    row: &mut dyn FnMut(usize, &[f32]) -> Result<()>,
) -> Result<()> {
    check_session(session)?;
    let mut order: Vec<usize> = (0..samples.len()).collect();
    order.sort_by_key(|&idx| samples.texts()[idx].len());
    let dim = session.describe().dim.max(1);
    let mut buffer = AlignedBuf::new();
    let mut rest = &order[..];
    while !rest.is_empty() {
        call.check()?;
        let (batch, others) = rest.split_at(batch_len(samples, rest, dim));
        rest = others;
        let width = run(session, &Padded::new(samples, batch), &mut buffer, call)?;
        for (&idx, numbers) in batch.iter().zip(buffer.chunks_exact(width)) {
            if let Some(number) = numbers.iter().find(|number| !number.is_finite()) {
                return Err(Error::model(format!("the model gives {number} for text {idx} of those to learn from")));
            }
            row(idx, numbers)?;
        }
    }
    Ok(())
}

/// How many of the texts, which come in order of length, make a batch.
fn batch_len(samples: &Samples, order: &[usize], dim: usize) -> usize {
    let fits = |count: usize| {
        let length = samples.texts()[order[count - 1]].len();
        count * length <= MOST_TOKENS && count * dim <= MOST_NUMBERS
    };
    (1..=order.len()).take_while(|&count| fits(count)).last().unwrap_or(1)
}

fn check_session(session: &dyn Session) -> Result<()> {
    const GIVEN: Inputs = Inputs::INPUT_IDS.union(Inputs::ATTENTION_MASK).union(Inputs::TOKEN_TYPE_IDS);
    let info = session.describe();
    if !info.capabilities.contains(Capabilities::PADDED_IN) || !GIVEN.contains(info.inputs) {
        return Err(Error::unsupported("calibration gives padded tokens, and this session takes other input"));
    }
    if !info.outputs.contains(Output::SentenceEmbedding.set()) {
        return Err(Error::unsupported("this session gives no `sentence_embedding`, which calibration needs"));
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

/// Fills the buffer with `[batch, width]` and gives the width.
fn run(session: &mut dyn Session, padded: &Padded, buffer: &mut AlignedBuf<f32>, call: &dyn Call) -> Result<usize> {
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
    let shape = session.output_shape(&batch, Output::SentenceEmbedding)?;
    let width = match shape[..] {
        [size, width] if size == padded.size && width > 0 => width,
        _ => {
            return Err(Error::internal(format!("`sentence_embedding` of {} texts has shape {shape:?}", padded.size)));
        }
    };
    buffer.reset(padded.size * width);
    session.run(&batch, &mut [OutputMut::new(Output::SentenceEmbedding, &shape, buffer)?], call)?;
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
