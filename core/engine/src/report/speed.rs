//! How fast one session is beside another.

use std::time::Instant;

use drivetrain_contract::{Call, Result};
use drivetrain_convert::check::sample_texts;
use drivetrain_pipeline::Embedder;

/// Times as fast as what it is compared with.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Speed {
    /// For texts of about 60 characters.
    pub short: f64,
    /// For texts of about 620 characters.
    pub mid: f64,
    /// For texts of about 9,600 characters, which most models cut.
    pub long: f64,
}

/// Bytes of a short text at the most.
const SHORT: usize = 90;

/// Bytes of paragraphs.
const PARAGRAPH: std::ops::Range<usize> = 500..800;

/// Bytes of a long text at least.
const LONG: usize = 9_000;

/// How often the short texts are embedded in one measurement: once would be over too soon to be measured.
const SHORT_REPEATS: usize = 4;

/// Long texts that are embedded.
const N_LONG: usize = 12;

/// Texts of three lengths.
#[derive(Debug)]
pub(super) struct Texts {
    short: Vec<String>,
    mid: Vec<String>,
    long: Vec<String>,
}

impl Texts {
    /// From the sample that artifacts are checked with.
    pub(super) fn of_sample() -> Self {
        let of_length = |fits: &dyn Fn(usize) -> bool| -> Vec<String> {
            sample_texts().filter(|text| text.is_ascii() && fits(text.len())).map(str::to_owned).collect()
        };
        let mid = of_length(&|length| PARAGRAPH.contains(&length));
        let long = (0..N_LONG).map(|first| long_text(&mid, first)).collect();
        Self { short: of_length(&|length| length <= SHORT), mid, long }
    }
}

/// Paragraphs in turn from one of them on.
fn long_text(paragraphs: &[String], first: usize) -> String {
    let mut text = String::new();
    for paragraph in paragraphs.iter().cycle().skip(first) {
        if text.len() >= LONG {
            break;
        }
        text.push_str(paragraph);
        text.push(' ');
    }
    text
}

/// How much faster `embedder` is than `base`, each measured so many times in turn.
///
/// # Errors
/// As [`Embedder::embed`].
pub(super) fn compare(
    (embedder, base): (&mut Embedder, &mut Embedder),
    texts: &Texts,
    rounds: usize,
    call: &dyn Call,
) -> Result<Speed> {
    let mut ratio = |texts: &[String], repeats: usize| -> Result<f64> {
        // The first run of each allocates, and compiles for new shapes.
        seconds(base, (texts, 1), call)?;
        seconds(embedder, (texts, 1), call)?;
        let (mut base_times, mut times) = (Vec::new(), Vec::new());
        for _ in 0..rounds.max(1) {
            base_times.push(seconds(base, (texts, repeats), call)?);
            times.push(seconds(embedder, (texts, repeats), call)?);
        }
        Ok(median(&mut base_times) / median(&mut times).max(f64::MIN_POSITIVE))
    };
    Ok(Speed { short: ratio(&texts.short, SHORT_REPEATS)?, mid: ratio(&texts.mid, 1)?, long: ratio(&texts.long, 1)? })
}

fn seconds(embedder: &mut Embedder, (texts, repeats): (&[String], usize), call: &dyn Call) -> Result<f64> {
    let started = Instant::now();
    for _ in 0..repeats {
        embedder.embed(texts, call)?;
    }
    Ok(started.elapsed().as_secs_f64())
}

fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_texts_of_three_lengths_and_no_two_are_alike() {
        let texts = Texts::of_sample();
        let check = |texts: &[String], least: usize, lengths: std::ops::Range<usize>| {
            assert!(texts.len() >= least, "{}", texts.len());
            assert!(texts.iter().all(|text| lengths.contains(&text.len())));
            // The pipeline embeds equal texts once.
            assert_eq!(texts.iter().collect::<BTreeSet<_>>().len(), texts.len());
        };
        check(&texts.short, 30, 20..91);
        check(&texts.mid, 15, 500..800);
        check(&texts.long, 12, 9_000..10_000);
    }

    #[test]
    fn the_middle_one_counts() {
        assert_eq!(median(&mut [9.0, 1.0, 2.0]), 2.0);
    }
}
