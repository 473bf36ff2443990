//! The texts, and what people said of them.

use std::{
    collections::HashMap,
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use drivetrain_planner::accuracy::{Vectors, pair_similarities, spearman};
use serde::Deserialize;

/// The texts that `drivetrain convert` learns from, which nobody scored.
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../core/convert/src/calibrate/sample.txt");

/// Results of a search that count.
const FIRST: usize = 10;

/// All texts, and sets of them that people scored.
#[derive(Debug)]
pub(super) struct Material {
    pub(super) texts: Vec<String>,
    /// Those that nobody scored.
    pub(super) sample: Range<usize>,
    pub(super) sets: Vec<Scored>,
}

/// Texts that people scored.
#[derive(Debug)]
pub(super) struct Scored {
    pub(super) name: String,
    pub(super) texts: Range<usize>,
    truth: Truth,
}

#[derive(Debug)]
enum Truth {
    /// How alike texts 0 and 1 are, texts 2 and 3, and so on.
    Pairs(Vec<f64>),
    /// First come the documents, then the questions; for each of these, how good an answer which document is.
    Answers { n_documents: usize, gains: Vec<HashMap<usize, f64>> },
}

impl Material {
    /// The sample, and what these files and folders hold.
    pub(super) fn read(pairs: &[PathBuf], retrieval: &[PathBuf]) -> Result<Self> {
        let sample = fs::read_to_string(SAMPLE).with_context(|| format!("cannot read `{SAMPLE}`"))?;
        let texts: Vec<String> = sample.lines().map(str::to_owned).collect();
        let mut material = Self { sample: 0..texts.len(), texts, sets: Vec::new() };
        let reads = pairs.iter().map(|path| (path, read_pairs as Read));
        for (path, read) in reads.chain(retrieval.iter().map(|path| (path, read_retrieval as Read))) {
            let (texts, truth) = read(path).with_context(|| format!("cannot use `{}`", path.display()))?;
            ensure!(texts.len() > FIRST, "`{}` has too few texts", path.display());
            let start = material.texts.len();
            material.texts.extend(texts);
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            material.sets.push(Scored { name, texts: start..material.texts.len(), truth });
        }
        Ok(material)
    }
}

impl Scored {
    /// What the quality is, in words.
    pub(super) fn quality_name(&self) -> &'static str {
        match self.truth {
            Truth::Pairs(_) => "Spearman",
            Truth::Answers { .. } => "nDCG@10",
        }
    }

    /// What vectors of this set say of each pair or question.
    pub(super) fn judged(&self, vectors: Vectors<'_>) -> Result<Vec<f64>> {
        match &self.truth {
            Truth::Pairs(_) => Ok(pair_similarities(vectors)?),
            Truth::Answers { n_documents, gains } => Ok(gains_at_first(vectors, *n_documents, gains)),
        }
    }

    /// The quality over some of the pairs or questions, each as often as it is named.
    pub(super) fn quality(&self, judged: &[f64], some: &[usize]) -> Option<f64> {
        let of = |all: &[f64]| some.iter().map(|&idx| all[idx]).collect::<Vec<f64>>();
        match &self.truth {
            Truth::Pairs(scores) => spearman(&of(scores), &of(judged)),
            Truth::Answers { .. } => (!some.is_empty()).then(|| of(judged).iter().sum::<f64>() / some.len() as f64),
        }
    }
}

type Read = fn(&Path) -> Result<(Vec<String>, Truth)>;

fn read_pairs(path: &Path) -> Result<(Vec<String>, Truth)> {
    let (mut texts, mut scores) = (Vec::new(), Vec::new());
    for (idx, line) in fs::read_to_string(path)?.lines().enumerate().skip(1) {
        let mut fields = line.split('\t');
        let (Some(score), Some(a), Some(b)) = (fields.next(), fields.next(), fields.next()) else {
            anyhow::bail!("line {} has no score and two texts", idx + 1)
        };
        scores.push(score.parse().with_context(|| format!("line {}: no number `{score}`", idx + 1))?);
        texts.extend([a.to_owned(), b.to_owned()]);
    }
    Ok((texts, Truth::Pairs(scores)))
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "_id")]
    id: String,
    #[serde(default)]
    title: String,
    text: String,
}

fn read_retrieval(folder: &Path) -> Result<(Vec<String>, Truth)> {
    let documents = read_entries(&folder.join("corpus.jsonl"))?;
    let questions = read_entries(&folder.join("queries.test.jsonl"))?;
    let places =
        |entries: &[Entry]| -> HashMap<String, usize> { entries.iter().map(|one| one.id.clone()).zip(0..).collect() };
    let (document_places, question_places) = (places(&documents), places(&questions));
    let mut gains = vec![HashMap::new(); questions.len()];
    let judgements = fs::read_to_string(folder.join("qrels.test.tsv"))?;
    for line in judgements.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [question, document, gain] = fields[..] else { anyhow::bail!("`{line}` is no judgement") };
        if let (Some(&question), Some(&document)) = (question_places.get(question), document_places.get(document)) {
            gains[question].insert(document, gain.parse::<f64>()?);
        }
    }
    let n_documents = documents.len();
    let text = |entry: Entry| format!("{} {}", entry.title, entry.text).trim().to_owned();
    let texts = documents.into_iter().chain(questions).map(text).collect();
    Ok((texts, Truth::Answers { n_documents, gains }))
}

fn read_entries(path: &Path) -> Result<Vec<Entry>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// The discounted gain of the first results of each question, as a share of what the best order has. (Järvelin and
/// Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002, with the discount of `trec_eval`.)
fn gains_at_first(vectors: Vectors<'_>, n_documents: usize, gains: &[HashMap<usize, f64>]) -> Vec<f64> {
    let rows: Vec<Vec<f32>> = vectors.rows().map(unit).collect();
    let (documents, questions) = rows.split_at(n_documents);
    let discounted = |gains: &mut dyn Iterator<Item = f64>| -> f64 {
        gains.take(FIRST).enumerate().map(|(idx, gain)| gain / (idx as f64 + 2.0).log2()).sum()
    };
    let share = |(question, gains): (&Vec<f32>, &HashMap<usize, f64>)| {
        let dot = |document: &Vec<f32>| question.iter().zip(document).map(|(a, b)| a * b).sum::<f32>();
        let mut found: Vec<(f32, usize)> = documents.iter().map(dot).zip(0..).collect();
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut best: Vec<f64> = gains.values().copied().collect();
        best.sort_by(|a, b| b.total_cmp(a));
        let most = discounted(&mut best.into_iter());
        let own = discounted(&mut found.iter().map(|(_, idx)| gains.get(idx).copied().unwrap_or(0.0)));
        if most > 0.0 { own / most } else { 0.0 }
    };
    questions.iter().zip(gains).map(share).collect()
}

fn unit(row: &[f32]) -> Vec<f32> {
    let length = row.iter().map(|number| number * number).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    row.iter().map(|number| number / length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_and_ranked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.tsv");
        fs::write(&path, "score\ta\tb\n5\tone\tone\n1.5\tone\ttwo\n").unwrap();
        let (texts, truth) = read_pairs(&path).unwrap();
        assert_eq!(texts, ["one", "one", "one", "two"]);
        let set = Scored { name: "some".to_owned(), texts: 0..4, truth };
        let judged = set.judged(Vectors::new(&[1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0], 2).unwrap()).unwrap();
        assert_eq!(set.quality(&judged, &[0, 1]), Some(1.0));
        assert_eq!(set.quality(&judged, &[0, 0]), None);
        for broken in ["score\n5\tone\n", "score\nfive\tone\ttwo\n"] {
            fs::write(&path, broken).unwrap();
            assert!(read_pairs(&path).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn answers_count_by_their_place() {
        // Documents at 0, 45 and 90 degrees; the question at 10 degrees finds them in this order.
        let angles = [0.0_f32, 45.0, 90.0, 10.0];
        let numbers: Vec<f32> = angles.iter().flat_map(|a| [a.to_radians().cos(), a.to_radians().sin()]).collect();
        let vectors = Vectors::new(&numbers, 2).unwrap();
        let check = |gains: &[(usize, f64)], expect: f64| {
            let found = gains_at_first(vectors, 3, &[gains.iter().copied().collect()]);
            assert!((found[0] - expect).abs() < 1e-9, "{gains:?}: {found:?}");
        };
        check(&[(0, 1.0)], 1.0);
        check(&[(1, 1.0)], 1.0 / 3.0_f64.log2());
        check(&[(1, 1.0), (0, 2.0)], 1.0);
        check(&[], 0.0);
    }
}
