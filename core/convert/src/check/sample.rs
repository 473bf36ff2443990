//! The texts that artifacts are checked with.

use drivetrain_contract::Result;
use drivetrain_package::Package;

use crate::calibrate::Samples;

/// A text on each line; `SOURCES.md` says where they come from.
const TEXTS: &str = include_str!("sample.txt");

/// Bytes of a text that are used: about 256 tokens of English. Longer texts cost time and show nothing new.
const MOST_BYTES: usize = 1200;

/// The texts: 128 in the public domain, from short sentences to long paragraphs, 20 of them in as many languages.
pub fn sample_texts() -> impl Iterator<Item = &'static str> {
    TEXTS.lines()
}

/// The same as tokens, long ones cut.
///
/// # Errors
/// As [`Samples::tokenize`].
pub fn sample(package: &Package) -> Result<Samples> {
    Samples::tokenize(package, sample_texts().map(|text| &text[..text.floor_char_boundary(MOST_BYTES)]))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;

    #[test]
    fn texts_are_others_than_those_of_calibration() {
        let models = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/models"));
        let package = Package::open(&models.join("bert-mean")).unwrap();
        let calibration = Samples::builtin(&package).unwrap();
        let calibration: BTreeSet<&[u32]> = calibration.texts().iter().map(Vec::as_slice).collect();
        let checked = sample(&package).unwrap();
        assert_eq!(checked.len(), 128);
        let distinct: BTreeSet<&str> = sample_texts().collect();
        assert_eq!(distinct.len(), 128);
        // Special tokens and the little vocabulary's unknown token make short texts alike.
        let shared = checked.texts().iter().filter(|text| text.len() > 8 && calibration.contains(text.as_slice()));
        assert_eq!(shared.count(), 0);
    }
}
