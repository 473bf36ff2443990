//! Fitting a fixture's vocabulary to a teacher that computes a known function.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fs,
    num::NonZeroUsize,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use drivetrain_contract::{
    Batch, Call, Capabilities, ErrorKind, Inputs, NoCall, Output, OutputMut, Outputs, Result, Session, SessionInfo,
    TokenIds,
};
use drivetrain_package::Package;
use tempfile::TempDir;

use super::*;
use crate::distill::{DistillOptions, TableType};

const DIM: usize = 12;
const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/models/");

const WORDS: [&str; 14] =
    ["the", "fox", "dog", "lazy", "quick", "brown", "jumps", "over", "again", "and", "a", "cat", "house", "water"];

/// Texts of three to seven words, all different.
fn texts(count: usize) -> Vec<String> {
    let text = |idx: usize| {
        let word = |place: usize| WORDS[(idx * (2 * place + 3) + idx / 14 + place * place) % WORDS.len()];
        format!("{} {idx}", (0..3 + idx % 5).map(word).collect::<Vec<_>>().join(" "))
    };
    (0..count).map(text).collect()
}

/// What a session gives for a token: nothing that the teacher's vectors of texts have to do with.
struct Tokens(SessionInfo);

impl Session for Tokens {
    fn describe(&self) -> &SessionInfo {
        &self.0
    }

    fn output_shape(&self, batch: &Batch<'_>, _output: Output) -> Result<Vec<usize>> {
        Ok(vec![batch.as_padded()?.size(), DIM])
    }

    fn run(&mut self, batch: &Batch<'_>, outputs: &mut [OutputMut<'_>], _call: &dyn Call) -> Result<()> {
        let batch = batch.as_padded()?;
        let Some(TokenIds::I64(ids)) = batch.tensor(Inputs::INPUT_IDS) else { panic!("other ids") };
        let texts = ids.chunks_exact(batch.length());
        for (vector, ids) in outputs[0].data().chunks_exact_mut(DIM).zip(texts) {
            let number = |idx| ((ids[1] * 31 + 7 * idx as i64) as f64 * 0.37).sin() as f32;
            vector.iter_mut().enumerate().for_each(|(idx, element)| *element = number(idx));
        }
        Ok(())
    }
}

/// A teacher whose vector of a text is a weighted sum over its words.
struct Known {
    dim: usize,
    outputs: Outputs,
    /// Text for which it gives NaN.
    nan_for: Option<String>,
    /// Questions that it answers before it fails.
    patience: Option<usize>,
    asked: usize,
    embedded: Vec<String>,
}

impl Known {
    fn new() -> Self {
        let outputs = Output::SentenceEmbedding.set();
        Self { dim: DIM, outputs, nan_for: None, patience: None, asked: 0, embedded: Vec::new() }
    }
}

impl Teacher for Known {
    fn identity(&self) -> String {
        "known".to_owned()
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn single_tokens(&mut self, tokens: SingleTokens<'_>) -> Result<TokenVectors> {
        tokens.run(&mut Tokens(SessionInfo {
            capabilities: Capabilities::PADDED_IN,
            inputs: Inputs::INPUT_IDS | Inputs::ATTENTION_MASK,
            outputs: self.outputs,
            ..SessionInfo::default()
        }))
    }

    fn embed(&mut self, texts: &[String], _call: &dyn Call) -> Result<Vec<f32>> {
        if self.patience == Some(self.asked) {
            return Err(drivetrain_contract::Error::internal("killed"));
        }
        self.asked += 1;
        self.embedded.extend_from_slice(texts);
        let mut vectors = Vec::new();
        for text in texts {
            let start = vectors.len();
            vectors.extend((0..self.dim).map(|idx| 1.0 + idx as f32 * 0.1));
            for (word, idx) in text.split(' ').flat_map(|word| (0..self.dim).map(move |idx| (word, idx))) {
                let code: usize = word.bytes().map(usize::from).sum();
                let weight = if word.len() > 3 { 2.0 } else { 0.5 };
                vectors[start + idx] += weight * ((code * (idx + 2)) as f32).cos();
            }
            if self.nan_for.as_ref() == Some(text) {
                vectors[start] = f32::NAN;
            }
        }
        Ok(vectors)
    }
}

fn options() -> FitOptions {
    let table = DistillOptions { dims: Some(8), table_type: TableType::I8, ..DistillOptions::default() };
    FitOptions { table, epochs: 4, batch_texts: 64, learning_rate: 1e-2, ..FitOptions::default() }
}

fn bert() -> Package {
    Package::open(Path::new(&format!("{MODELS}bert-mean"))).unwrap()
}

struct Rig {
    folder: TempDir,
    teacher: Known,
    texts: RefCell<Vec<String>>,
    options: FitOptions,
}

impl Rig {
    fn new(n_texts: usize) -> Self {
        let (folder, texts) = (tempfile::tempdir().unwrap(), RefCell::new(texts(n_texts)));
        Self { folder, teacher: Known::new(), texts, options: options() }
    }

    fn fit(&mut self) -> Result<Fitted> {
        self.fit_with(&NoCall)
    }

    fn fit_with(&mut self, call: &dyn Call) -> Result<Fitted> {
        let texts = || -> Result<TextsOnce<'_>> { Ok(Box::new(self.texts.borrow().clone().into_iter().map(Ok))) };
        let work_dir = &self.folder.path().join("work");
        fit(&mut self.teacher, &FitJob { package: &bert(), texts: &texts, work_dir, options: &self.options }, call)
    }

    /// The files of the model, by their names.
    fn files(&mut self) -> BTreeMap<String, Vec<u8>> {
        let dir = self.folder.path().join("model");
        self.fit().unwrap().write(&dir).unwrap();
        let entries = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap())).collect()
    }

    /// Files that are kept.
    fn kept(&self) -> Vec<String> {
        let folder = fs::read_dir(self.folder.path().join("work")).unwrap().next().unwrap().unwrap().path();
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

#[test]
fn training_comes_closer_for_texts_it_has_not_seen() {
    let mut rig = Rig::new(1500);
    let report = rig.fit().unwrap().report;
    assert_eq!((report.n_trained + report.n_held_out, report.n_unknown), (1500, 0));
    assert!((30..150).contains(&report.n_held_out), "{report:?}");
    assert!(report.losses[report.best_epoch] < 0.5 * report.losses[0], "{:?}", report.losses);
    assert_eq!(report.losses.len(), 5);
}

#[test]
fn what_is_written_is_a_static_package_that_says_how_it_was_made() {
    let mut rig = Rig::new(300);
    rig.texts.borrow_mut().push("🜚 🜛".to_owned());
    let report = rig.fit().unwrap().report;
    assert_eq!(report.n_unknown, 1);
    rig.files();
    let package = Package::open(&rig.folder.path().join("model")).unwrap();
    assert!(package.is_static() && package.dim() == Some(8));
    let facts = &package.config()["drivetrain"]["fitted_on"];
    assert_eq!(facts["texts"], 300);
    assert_eq!(facts["held_out_loss"], report.losses[report.best_epoch]);
    // The table with its moments is needed no more, what the teacher said may be.
    assert_eq!(rig.kept(), ["teacher.f16"]);
}

#[test]
fn the_same_texts_give_the_same_bytes_on_any_number_of_threads() {
    let whole = Rig::new(500).files();
    let mut rig = Rig::new(500);
    rig.options.threads = NonZeroUsize::new(3).unwrap();
    assert!(whole == rig.files());
    let mut rig = Rig::new(500);
    rig.options.seed = 1;
    assert!(whole["model.safetensors"] != rig.files()["model.safetensors"]);
}

/// Cancels when it has been asked so often.
struct StopAfter(AtomicU32);

impl Call for StopAfter {
    fn is_cancelled(&self) -> bool {
        let left = self.0.load(Ordering::Relaxed).saturating_sub(1);
        self.0.store(left, Ordering::Relaxed);
        left == 0
    }
}

#[test]
fn an_interrupted_fitting_goes_on_to_the_same_bytes() {
    // More texts than the teacher is asked for at a time.
    let count = 4096 + 300;
    let whole = Rig::new(count).files();
    let mut rig = Rig::new(count);
    rig.teacher.patience = Some(1);
    assert_eq!(rig.fit().unwrap_err().message(), "killed");
    assert_eq!(rig.kept().len(), 2);
    rig.teacher.patience = None;
    let mut times = 0;
    // Texts alone ask once each, and once more for the teacher.
    let mut asks = count as u32;
    loop {
        asks += 70;
        match rig.fit_with(&StopAfter(AtomicU32::new(asks))) {
            Ok(_) => break,
            Err(err) => assert_eq!(err.kind(), ErrorKind::Cancelled),
        }
        times += 1;
    }
    assert!(times >= 2, "{times}");
    assert_eq!(rig.teacher.embedded, texts(count), "each text was embedded once");
    assert!(whole == rig.files());
}

#[test]
fn damaged_work_is_done_again() {
    let whole = Rig::new(300).files();
    let mut rig = Rig::new(300);
    rig.fit().unwrap();
    let folder = fs::read_dir(rig.folder.path().join("work")).unwrap().next().unwrap().unwrap().path();
    for name in rig.kept() {
        let contents = fs::read(folder.join(&name)).unwrap();
        fs::write(folder.join(&name), &contents[..contents.len() / 2]).unwrap();
    }
    assert!(whole == rig.files());
}

#[test]
fn training_ends_when_it_helps_no_more_and_gives_the_best_table() {
    let mut rig = Rig::new(300);
    rig.options = FitOptions { epochs: 50, patience: 1, learning_rate: 0.3, ..options() };
    let report = rig.fit().unwrap().report;
    let lowest = report.losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(report.losses[report.best_epoch], lowest);
    assert_eq!(report.losses.len(), report.best_epoch + 2, "{:?}", report.losses);
    assert!(report.losses.len() < 51);
}

fn refused(change: impl FnOnce(&mut Rig)) -> drivetrain_contract::Error {
    let mut rig = Rig::new(100);
    change(&mut rig);
    let err = rig.fit().unwrap_err();
    assert!(err.hint().is_some(), "{err}");
    err
}

#[test]
fn texts_that_leave_nothing_to_do_are_refused() {
    let check = |texts: &[&str], word: &str| {
        let texts = texts.iter().map(|&text| text.to_owned()).collect();
        let err = refused(|rig| rig.texts = RefCell::new(texts));
        assert_eq!(err.kind(), ErrorKind::Invalid);
        assert!(err.message().contains(word), "{err}");
    };
    check(&[], "no text");
    check(&["", "🜚", " "], "none of the 3 texts");
    check(&["fox", "fox", "fox"], "are held out");
    let err = refused(|rig| rig.options.held_out = 0.999_999);
    assert!(err.message().contains("100 are held out and 0"), "{err}");
}

#[test]
fn a_teacher_that_does_not_serve_is_refused() {
    let err = refused(|rig| rig.teacher.nan_for = Some(texts(100)[42].clone()));
    assert_eq!(err.kind(), ErrorKind::Model);
    assert!(err.message().contains("text 42"), "{err}");
    let err = refused(|rig| rig.teacher.dim = DIM + 1);
    assert_eq!(err.kind(), ErrorKind::Unsupported);
    assert!(err.message().contains("12") && err.message().contains("13"), "{err}");
    assert_eq!(refused(|rig| rig.teacher.outputs = Outputs::empty()).kind(), ErrorKind::Unsupported);
    assert_eq!(refused(|rig| rig.options.table.dims = Some(DIM + 1)).kind(), ErrorKind::Invalid);
}

#[test]
fn a_learning_rate_that_leads_nowhere_is_named() {
    let err = refused(|rig| rig.options.learning_rate = 1e38);
    assert_eq!(err.kind(), ErrorKind::Invalid);
    assert!(err.hint().unwrap().contains("learning rate"), "{err}");
}

#[test]
fn texts_that_change_meanwhile_are_noticed() {
    let mut rig = Rig::new(300);
    let read = Cell::new(0);
    let texts = || -> Result<TextsOnce<'_>> {
        read.set(read.get() + 1);
        let mut texts = texts(300);
        texts[7].push_str(&"!".repeat(read.get()));
        Ok(Box::new(texts.into_iter().map(Ok)))
    };
    let work_dir = rig.folder.path();
    let job = FitJob { package: &bert(), texts: &texts, work_dir, options: &rig.options };
    let err = fit(&mut rig.teacher, &job, &NoCall).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Invalid);
    assert!(err.message().contains("changed"), "{err}");
}
