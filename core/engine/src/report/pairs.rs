//! Pairs of texts that people have scored.

use std::{fs::File, io::Read, path::Path};

use drivetrain_contract::{Error, Result};

use crate::named_file;

/// Bytes of a file of pairs at the most.
const MOST_BYTES: u64 = 64 << 20;

/// Two texts, and how alike people find them.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Higher is more alike.
    pub score: f64,
    /// One text.
    pub a: String,
    /// The other.
    pub b: String,
}

impl Pair {
    /// Pairs of a file, one on each line: score, text and text with tabs between. A first line without a score names
    /// the columns.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`] when it cannot be read, [`drivetrain_contract::ErrorKind::Invalid`] when it
    /// is no regular file, a line is no pair, which is named, or there are fewer than two.
    pub fn read_all(path: &Path) -> Result<Vec<Self>> {
        let bad = |why: String| Error::invalid(format!("`{}`: {why}", path.display()));
        let unreadable = |err| Error::io(format!("`{}` cannot be read", path.display())).with_source(err);
        named_file::check(path)?;
        let mut text = String::new();
        File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text)).map_err(unreadable)?;
        if text.len() as u64 > MOST_BYTES {
            return Err(bad(format!("it is longer than {} MiB", MOST_BYTES >> 20)));
        }
        let mut pairs = Vec::new();
        for (idx, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let mut fields = line.split('\t');
            let (score, a, b) = (fields.next(), fields.next(), fields.next());
            match (score.and_then(|score| score.trim().parse::<f64>().ok()).filter(|score| score.is_finite()), a, b) {
                (Some(score), Some(a), Some(b)) => pairs.push(Self { score, a: a.to_owned(), b: b.to_owned() }),
                (None, Some(_), Some(_)) if idx == 0 => {}
                _ => {
                    let error = bad(format!("line {} is no pair", idx + 1));
                    return Err(error.with_hint("a line is a number, a tab, a text, a tab, a text"));
                }
            }
        }
        if pairs.len() < 2 {
            return Err(bad("there must be two pairs at least".to_owned()));
        }
        Ok(pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_lines_and_the_first_may_name_columns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pairs.tsv");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Pair::read_all(&path)
        };
        let pair = |score, a: &str, b: &str| Pair { score, a: a.into(), b: b.into() };
        let expect = vec![pair(2.5, "a b", "c"), pair(-1.0, "", "d")];
        assert_eq!(read("score\tx\ty\n2.5\ta b\tc\n\n-1\t\td\tmore\n").unwrap(), expect);
        for text in ["", "1\ta\tb\n", "1\ta\tb\nx\ta\tb\n", "1\ta\tb\n2\ta\n", "NaN\ta\tb\ninf\ta\tb\n1\ta\tb\n"] {
            assert!(read(text).is_err(), "{text:?}");
        }
        std::fs::write(&path, [0xff, b'\t', 0xfe]).unwrap();
        assert!(Pair::read_all(&path).is_err());
        for path in crate::named_file::tests::no_files(folder.path()) {
            assert!(Pair::read_all(&path).unwrap_err().message().contains("no regular file"));
        }
    }
}
