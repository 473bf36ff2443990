//! The texts of each length: read, shuffled the same way every time, cut, and put into a file.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use protocol::{read_texts, write_texts};

use crate::random::Random;

/// How long the texts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Length {
    /// Sentences of about 40 characters
    Short,
    /// Paragraphs of about 620 characters
    Mid,
    /// Speeches of about 9,600 characters, more than models read
    Long,
    /// All of them shuffled
    Mixed,
}

/// Files of short, middle and long texts in a folder of the user's.
const FILES: [&[&str]; 3] =
    [&["short_sentences_en_40"], &["wiki_paragraphs_en_620", "scifact_paragraphs_620"], &["state_union_9600"]];

/// The same in this repository: those whose licences allow it.
const OWN_FILES: [&[&str]; 3] = [&["state_union_sentences_40"], &["scifact_paragraphs_620"], &["state_union_9600"]];

impl Length {
    /// As it is written on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Length::Short => "short",
            Length::Mid => "mid",
            Length::Long => "long",
            Length::Mixed => "mixed",
        }
    }

    /// Names of files, out of these three.
    fn of(self, [short, mid, long]: [&[&'static str]; 3]) -> Vec<&'static str> {
        match self {
            Length::Short => short.to_vec(),
            Length::Mid => mid.to_vec(),
            Length::Long => long.to_vec(),
            Length::Mixed => [short, mid, long].concat(),
        }
    }

    /// Every text of this length in a random order that is always the same.
    pub(crate) fn texts(self, folder: Option<&Path>) -> Result<Vec<String>> {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data");
        let (folder, files) = folder.map_or((own.as_path(), OWN_FILES), |folder| (folder, FILES));
        let mut texts = Vec::new();
        for name in self.of(files) {
            let path = folder.join(format!("{name}.jsonl"));
            let hint = || format!("no texts for `{}`; is this the folder that `--data` should name?", self.name());
            texts.extend(read_texts(&path).with_context(hint)?);
        }
        Random::new().shuffle(&mut texts);
        Ok(texts)
    }
}

/// Writes `texts` into a file of `folder`.
pub(crate) fn file_of(folder: &Path, name: &str, texts: Vec<String>) -> Result<PathBuf> {
    ensure!(!texts.is_empty(), "no texts for `{name}`");
    let path = folder.join(format!("{name}.jsonl"));
    write_texts(&path, texts)?;
    Ok(path)
}

/// `texts` over and over, each copy numbered so that no two are equal, until they are `most_texts` or `most_bytes`.
pub(crate) fn multiply(texts: &[String], most_texts: usize, most_bytes: usize) -> Vec<String> {
    let mut bytes = 0;
    let copies = (0..most_texts).map(|idx| format!("{idx} {}", texts[idx % texts.len()]));
    copies
        .take_while(|text| {
            bytes += text.len();
            bytes <= most_bytes
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiplied_texts_differ_and_are_bounded() {
        let texts = ["one".to_owned(), "two".to_owned()];
        assert_eq!(multiply(&texts, 3, 100), ["0 one", "1 two", "2 one"]);
        assert_eq!(multiply(&texts, 100, 11), ["0 one", "1 two"]);
    }
}
