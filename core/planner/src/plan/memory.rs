//! How much main memory a candidate takes, and how large a batch may be so that it takes no more than allowed.

use drivetrain_contract::format;
use serde::{Deserialize, Serialize};

use super::{ModelFacts, ModelFile, Shape, Size};

/// Bytes of a number in f32.
const NUMBER: u64 = 4;
/// What engines keep beyond what the operations need at the same time, in hundredths. Measured with ONNX Runtime 1.28
/// and a model of 384 dimensions (docs/tuning.md): 27 kB a token at 20 tokens a text and 56 kB at 256, against 17 and
/// 40 kB that the sum below comes to.
const OVERHEAD_PERCENT: u64 = 150;
/// Memory of the program with an engine and without a model, measured as 32 MiB for ONNX Runtime to 60 MiB for libtorch.
const PROGRAM: u64 = 64 << 20;
/// Extents taken for a model that does not tell its own: those of the models most in use.
const USUAL: Size = Size { hidden: 768, intermediate: 3072, heads: 12 };
/// Tokens in a batch for each thread of a session: what engines are fastest with at the most (docs/tuning.md).
const BATCH_OF_A_THREAD: usize = 1024;
/// Tokens of a text where the model sets no limit.
const USUAL_TOKENS: usize = 512;

/// What a candidate is expected to take of main memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The program, with its engine.
    pub program: u64,
    /// Weights of all sessions.
    pub weights: u64,
    /// What batches that run at the same time need.
    pub activations: u64,
}

impl Memory {
    /// Everything.
    pub fn total(&self) -> u64 {
        self.program.saturating_add(self.weights).saturating_add(self.activations)
    }

    /// What `file` takes when it is run in a shape. Every session is counted with weights of its own, though some
    /// engines share them.
    pub(crate) fn expected(model: &ModelFacts, file: &ModelFile, shape: &Shape) -> Self {
        let sessions = shape.sessions as u64;
        let tokens = (batch_tokens(shape) as u64).saturating_mul(sessions);
        Self {
            program: PROGRAM,
            weights: file.bytes.saturating_mul(sessions),
            activations: if takes_text(file) { 0 } else { tokens.saturating_mul(per_token(model)) },
        }
    }
}

/// Whether sessions take text and look up one row after the other, so that a batch needs no memory of its own.
fn takes_text(file: &ModelFile) -> bool {
    file.format == format::STATIC
}

/// Bytes of activations for each token of a batch: the inner layer, some copies of the hidden state, and the scores of
/// attention before and after softmax.
fn per_token(model: &ModelFacts) -> u64 {
    let Size { hidden, intermediate, heads } = model.size.unwrap_or(USUAL);
    let scores = heads.saturating_mul(2).saturating_mul(longest(model) as u64);
    let numbers = intermediate.saturating_add(hidden.saturating_mul(6)).saturating_add(scores);
    numbers.saturating_mul(NUMBER) / 100 * OVERHEAD_PERCENT
}

/// Tokens in a batch as far as is known.
fn batch_tokens(shape: &Shape) -> usize {
    let usual = (shape.threads / shape.sessions.max(1)).max(1).saturating_mul(BATCH_OF_A_THREAD);
    shape.batch_tokens.unwrap_or(usual)
}

/// Tokens of the longest text there can be, or may be expected.
pub(super) fn longest(model: &ModelFacts) -> usize {
    model.max_tokens.unwrap_or(USUAL_TOKENS).max(1)
}

/// `shape`, or where that takes more than `most` bytes the largest of its kind that does not: with fewer sessions first,
/// then with smaller batches, down to one text.
///
/// # Errors
/// Gives what the smallest takes where that is still too much.
pub(super) fn fit(model: &ModelFacts, file: &ModelFile, shape: Shape, most: Option<u64>) -> Result<Shape, Memory> {
    let Some(most) = most else { return Ok(shape) };
    // A session less spares weights and a batch, and costs less speed than tiny batches do.
    let fewer = (1..=shape.sessions).rev().map(|sessions| Shape { sessions, ..shape });
    let one = Shape { sessions: 1, ..shape };
    let smallest = longest(model).min(batch_tokens(&one));
    let halved = std::iter::successors(Some(batch_tokens(&one)), |tokens| Some(tokens / 2));
    let with = |tokens: usize| Shape { batch_tokens: Some(tokens), ..one };
    let smaller = halved.take_while(|&tokens| tokens > smallest).chain([smallest]).map(with);
    let smaller = smaller.filter(|_| !takes_text(file));
    let fits = |shape: &Shape| Memory::expected(model, file, shape).total() <= most;
    let found = fewer.chain(smaller).find(fits);
    found.ok_or_else(|| Memory::expected(model, file, &if takes_text(file) { one } else { with(smallest) }))
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::Precision;
    use drivetrain_package::Task;

    use super::*;

    fn minilm() -> ModelFacts {
        ModelFacts {
            obstacle: None,
            name: "m".to_owned(),
            task: Task::Embed,
            architecture: None,
            files: Vec::new(),
            max_tokens: Some(256),
            size: Some(Size { hidden: 384, intermediate: 1536, heads: 12 }),
            room: None,
        }
    }

    fn file(bytes: u64) -> ModelFile {
        ModelFile { format: "onnx".into(), precision: Precision::F32, path: "m.onnx".into(), bytes, target: None }
    }

    #[test]
    fn what_was_measured_is_expected() {
        // One session of two threads, 64 texts of 256 tokens: 1,011 MiB measured.
        let shape = Shape { sessions: 1, threads: 2, batch_tokens: Some(64 * 256) };
        let expected = Memory::expected(&minilm(), &file(90 << 20), &shape).total() >> 20;
        assert!((800..1250).contains(&expected), "{expected}");
    }

    fn check(most_mib: u64, expect: Option<(usize, Option<usize>)>) {
        let shape = Shape { sessions: 4, threads: 4, batch_tokens: Some(512) };
        let found = fit(&minilm(), &file(90 << 20), shape, Some(most_mib << 20));
        assert_eq!(found.ok().map(|shape| (shape.sessions, shape.batch_tokens)), expect, "{most_mib} MiB");
    }

    #[test]
    fn sessions_go_before_batches() {
        check(4096, Some((4, Some(512))));
        check(400, Some((2, Some(512))));
        check(200, Some((1, Some(512))));
        check(172, Some((1, Some(256))));
        check(150, None);
        let shape = Shape { sessions: 300, threads: 300, batch_tokens: Some(usize::MAX) };
        assert!(fit(&minilm(), &file(u64::MAX), shape, Some(1 << 40)).is_err(), "nothing overflows");
        assert_eq!(fit(&minilm(), &file(1), shape, None), Ok(shape));
    }
}
