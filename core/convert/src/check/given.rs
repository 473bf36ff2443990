//! What a session gives of the sample, as rows that can be compared.

use drivetrain_contract::{Call, Error, Output, Outputs, Result, Session};

use crate::calibrate::{Question, Samples, for_each_output};

/// What a model gives of the texts.
#[derive(Debug)]
pub(super) struct Given {
    /// The output it is of.
    pub(super) output: Output,
    /// For each text its vector; of `logits` for each label the scores of all texts.
    pub(super) rows: Vec<Vec<f32>>,
}

impl Given {
    /// Runs every text; of an output with a vector for each token the mean over the text counts.
    ///
    /// # Errors
    /// As [`for_each_output`].
    pub(super) fn of(
        session: &mut dyn Session,
        samples: &Samples,
        (question, call): (Question, &dyn Call),
    ) -> Result<Self> {
        let hidden = session.describe().hidden.max(1);
        let mut rows = vec![Vec::new(); samples.len()];
        let mut done = 0;
        for_each_output(session, samples, (question, call), &mut |idx, numbers| {
            rows[idx] = match question.output {
                // Padding comes behind the tokens.
                Output::LastHiddenState => mean(numbers.chunks_exact(hidden).take(samples.texts()[idx].len()), hidden),
                _ => numbers.to_vec(),
            };
            done += 1;
            call.progress((done * 1000 / samples.len()) as u32, "checking");
            Ok(())
        })?;
        if question.output == Output::Logits {
            rows = transposed(&rows);
        }
        Ok(Self { output: question.output, rows })
    }
}

/// The output that a model is for, of those a session gives.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Unsupported`] when there is none.
pub(super) fn main_output(outputs: Outputs) -> Result<Output> {
    let order = [Output::SentenceEmbedding, Output::Logits, Output::VocabScores, Output::LastHiddenState];
    let found = order.into_iter().find(|output| outputs.contains(output.set()));
    found.ok_or_else(|| Error::unsupported("this session gives no output that is known"))
}

fn mean<'a>(vectors: impl Iterator<Item = &'a [f32]>, width: usize) -> Vec<f32> {
    let (mut sum, mut count) = (vec![0.0; width], 0_usize);
    for vector in vectors {
        sum.iter_mut().zip(vector).for_each(|(sum, number)| *sum += number);
        count += 1;
    }
    sum.iter().map(|sum| sum / count.max(1) as f32).collect()
}

fn transposed(rows: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let width = rows.iter().map(Vec::len).min().unwrap_or(0);
    (0..width).map(|column| rows.iter().map(|row| row[column]).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_a_model_is_for_comes_first() {
        let all = Outputs::all();
        assert_eq!(main_output(all).unwrap(), Output::SentenceEmbedding);
        assert_eq!(main_output(Outputs::LAST_HIDDEN_STATE | Outputs::LOGITS).unwrap(), Output::Logits);
        assert!(main_output(Outputs::empty()).is_err());
    }

    #[test]
    fn tokens_are_averaged_and_scores_are_ranked_by_label() {
        let tokens: [&[f32]; 2] = [&[1.0, 2.0], &[3.0, 6.0]];
        assert_eq!(mean(tokens.into_iter(), 2), [2.0, 4.0]);
        assert_eq!(transposed(&[vec![1.0, 2.0], vec![3.0, 4.0], vec![5.0, 6.0]]), [[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]);
    }
}
