//! Artifacts of fixtures, made with an engine that computes something from tokens and noise of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Barrier,
    thread,
};

use drivetrain_contract::{
    Artifact, Batch, Call, Capabilities, Error, ErrorKind, Inputs, NoCall, Output, OutputMut, Outputs, Result, Session,
    SessionInfo, TokenIds,
};
use drivetrain_package::{ArtifactCheck, ArtifactRecords, Package, hub::RECORD_FILE};

use super::{Made, Maker, Order};
use crate::{ArtifactEngine, GraphEngine, Opened, Rewriting, Target};

const DIM: usize = 16;

/// Gives of each text a vector that depends on its tokens alone, and noise.
struct Hashing {
    info: SessionInfo,
    noise: f32,
}

impl Hashing {
    fn boxed(noise: f32) -> Box<dyn Session> {
        let info = SessionInfo {
            capabilities: Capabilities::PADDED_IN,
            inputs: Inputs::INPUT_IDS | Inputs::ATTENTION_MASK,
            outputs: Outputs::SENTENCE_EMBEDDING,
            dim: DIM,
            ..SessionInfo::default()
        };
        Box::new(Self { info, noise })
    }
}

fn wide(ids: TokenIds<'_>) -> Vec<i64> {
    match ids {
        TokenIds::I64(ids) => ids.to_vec(),
        TokenIds::I32(ids) => ids.iter().map(|&id| i64::from(id)).collect(),
    }
}

impl Session for Hashing {
    fn describe(&self) -> &SessionInfo {
        &self.info
    }

    fn output_shape(&self, batch: &Batch<'_>, _output: Output) -> Result<Vec<usize>> {
        Ok(vec![batch.size(), DIM])
    }

    fn run(&mut self, batch: &Batch<'_>, outputs: &mut [OutputMut<'_>], _call: &dyn Call) -> Result<()> {
        let batch = batch.as_padded()?;
        let [ids, mask] =
            [Inputs::INPUT_IDS, Inputs::ATTENTION_MASK].map(|name| wide(batch.tensor(name).expect("a tensor")));
        for (text, row) in outputs[0].data().chunks_exact_mut(DIM).enumerate() {
            row.fill(1.0);
            for at in (text * batch.length()..(text + 1) * batch.length()).filter(|&at| mask[at] == 1) {
                row[ids[at] as usize % DIM] += (ids[at] as f32).sin();
            }
            row[0] += self.noise * row.iter().map(|number| number.abs()).sum::<f32>();
        }
        Ok(())
    }
}

/// Opens any graph that is there.
struct Engine {
    noise: f32,
    failure: Option<ErrorKind>,
}

impl GraphEngine for Engine {
    fn open(&mut self, graph: &Path, _call: &dyn Call) -> Result<Box<dyn Session>> {
        assert!(graph.is_file());
        Ok(Hashing::boxed(0.0))
    }

    fn rewrite(&mut self, graph: &Path, _rewriting: Rewriting, target: &Path, _call: &dyn Call) -> Result<()> {
        fs::copy(graph, target).unwrap();
        Ok(())
    }
}

impl ArtifactEngine for Engine {
    fn graph_engine(&mut self) -> Result<String> {
        Ok("hashing, here".to_owned())
    }

    fn open_artifact(&mut self, artifact: &Artifact, _description_json: &str, _call: &dyn Call) -> Result<Opened> {
        assert!(Path::new(&artifact.data.label()).is_absolute() && Path::new(&artifact.data.label()).is_file());
        match self.failure {
            Some(kind) => Err(Error::new(kind, "no such thing here")),
            None => Ok(Opened { session: Hashing::boxed(self.noise), engine: "hashing, here".to_owned() }),
        }
    }
}

/// A copy of a model that may be written to.
struct Model {
    dir: tempfile::TempDir,
}

impl Model {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let fixture = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/models/bert-mean"));
        copy(fixture, &dir.path().join("model"));
        fs::create_dir(dir.path().join("scratch")).unwrap();
        Self { dir }
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("model")
    }

    fn order(&self, target: Target) -> Order {
        Order::new(target, self.folder().join(target.file()))
    }

    fn try_make(&self, order: &Order, mut engine: Engine) -> Result<Made> {
        let package = Package::open(&self.folder()).unwrap();
        let scratch = tempfile::tempdir_in(self.dir.path().join("scratch")).unwrap();
        let made = Maker::new(&package, &mut engine, scratch.path(), &NoCall).make(order);
        // Unfinished files are removed whatever happened.
        let left = names(order.path.parent().unwrap()).into_iter().find(|name| name.starts_with('.'));
        assert_eq!(left, None);
        made
    }

    fn make(&self, order: &Order, noise: f32) -> Made {
        self.try_make(order, Engine { noise, failure: None }).unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap().flatten() {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_is_up_to_date_is_left_alone_and_what_changed_is_made_again() {
    let model = Model::new();
    let order = model.order(Target::Onnx);
    let first = model.make(&order, 0.0);
    assert!(first.is_new && matches!(first.record.check, ArtifactCheck::Passed(_)), "{first:?}");
    let figures = first.record.check.figures().unwrap();
    assert!(figures.mean_cosine > 0.999_999 && figures.top10_overlap > 0.99 && figures.n_texts == 128);
    let bytes = fs::read(&order.path).unwrap();
    assert_eq!(first.record.total_bytes(), bytes.len() as u64);
    assert_eq!(names(&model.folder().join("onnx")), [RECORD_FILE, "model.onnx"]);

    let again = model.make(&order, 0.0);
    assert!(!again.is_new);
    assert_eq!(again.record, first.record);
    let forced = model.make(&Order { force: true, ..order.clone() }, 0.0);
    assert!(forced.is_new && fs::read(&order.path).unwrap() == bytes);

    fs::write(&order.path, "another length").unwrap();
    assert!(model.make(&order, 0.0).is_new && fs::read(&order.path).unwrap() == bytes);
    let config = model.folder().join("config.json");
    fs::write(&config, format!("{} ", fs::read_to_string(&config).unwrap())).unwrap();
    assert!(model.make(&order, 0.0).is_new);
    fs::write(model.folder().join("onnx").join(RECORD_FILE), "{\"damaged").unwrap();
    assert!(model.make(&order, 0.0).is_new);
    assert!(!model.make(&order, 0.0).is_new);
}

/// An artifact of several files, too: IR has two.
#[test]
fn what_is_not_exact_enough_is_put_aside_until_it_is_accepted() {
    for target in [Target::OnnxFp16, Target::OpenvinoFp16] {
        let model = Model::new();
        let order = model.order(target);
        let folder = order.path.parent().unwrap();
        let name = order.path.file_name().unwrap().to_str().unwrap();
        assert!(!model.make(&order, 0.0).is_rejected());
        let good = (fs::read(&order.path).unwrap(), names(folder));

        let rejected = model.make(&Order { force: true, ..order.clone() }, 1.0);
        assert!(rejected.is_rejected() && rejected.path == folder.join(format!("{name}.rejected")));
        assert!(rejected.record.files.iter().all(|file| file.name.ends_with(".rejected")));
        assert_eq!(fs::read(&order.path).unwrap(), good.0, "the good one stays");
        let records = ArtifactRecords::read(folder);
        assert_eq!(records.artifacts.len(), 2);
        let package = Package::open(&model.folder()).unwrap();
        assert!(package.artifacts().iter().all(|artifact| !artifact.path.contains("rejected")));

        // The good one is still up to date; without it the rejected one is what there is.
        assert!(!model.make(&order, 1.0).is_rejected());
        fs::remove_file(&order.path).unwrap();
        let again = model.make(&order, 1.0);
        assert!(again.is_rejected() && !again.is_new);
        let accepted = model.make(&Order { accept: true, ..order.clone() }, 1.0);
        assert!(!accepted.is_new && matches!(accepted.record.check, ArtifactCheck::Accepted(_)));
        assert_eq!((fs::read(&order.path).unwrap(), names(folder)), good);
        assert_eq!(ArtifactRecords::read(folder).artifacts.into_keys().collect::<Vec<_>>(), [name]);

        let made = model.make(&Order { accept: true, force: true, ..order.clone() }, 1.0);
        assert!(made.is_new && matches!(made.record.check, ArtifactCheck::Accepted(_)));
        assert!(matches!(
            model.make(&Order { force: true, ..order.clone() }, 0.0).record.check,
            ArtifactCheck::Passed(_)
        ));
        assert_eq!((fs::read(&order.path).unwrap(), names(folder)), good);
    }
}

#[test]
fn without_an_engine_an_artifact_is_made_unchecked() {
    let model = Model::new();
    let order = model.order(Target::Onnx);
    for kind in [ErrorKind::Unsupported, ErrorKind::Dependency, ErrorKind::OutOfMemory] {
        let made = model.try_make(&Order { force: true, ..order.clone() }, Engine { noise: 0.0, failure: Some(kind) });
        let ArtifactCheck::Unchecked { reason } = made.unwrap().record.check else { panic!("{kind:?}") };
        assert_eq!(reason, "no such thing here");
    }
    let skip = Order { skip_check: true, ..order.clone() };
    let skipped = model.make(&Order { force: true, ..skip.clone() }, 1.0);
    assert!(matches!(skipped.record.check, ArtifactCheck::Unchecked { .. }));
    assert_eq!(model.make(&skip, 1.0).record, skipped.record);

    // It is checked when that can be done.
    let later = model.make(&order, 0.0);
    assert!(!later.is_new && matches!(later.record.check, ArtifactCheck::Passed(_)));
    assert_eq!(model.make(&order, 1.0).record, later.record, "once");
    model.make(&Order { force: true, ..skip }, 1.0);
    assert!(model.make(&order, 1.0).is_rejected() && !order.path.exists());
}

#[test]
fn what_fails_leaves_everything_as_it_was() {
    let model = Model::new();
    let order = Order { force: true, ..model.order(Target::Onnx) };
    model.make(&order, 0.0);
    let before = (fs::read(&order.path).unwrap(), names(&model.folder().join("onnx")));
    for (kind, noise) in [(Some(ErrorKind::Model), 0.0), (Some(ErrorKind::Internal), 0.0), (None, f32::NAN)] {
        assert!(model.try_make(&order, Engine { noise, failure: kind }).is_err());
        assert_eq!((fs::read(&order.path).unwrap(), names(&model.folder().join("onnx"))), before);
    }
    for path in [model.folder(), model.folder().join("onnx/..")] {
        let err = model.try_make(&Order::new(Target::Onnx, path), Engine { noise: 0.0, failure: None }).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Invalid);
    }
}

#[test]
fn what_a_killed_process_left_is_removed() {
    let model = Model::new();
    let left = model.folder().join("onnx/.drivetrain-making-0123456789abcdef");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("model.onnx"), "half").unwrap();
    model.make(&model.order(Target::Onnx), 0.0);
    assert!(!left.exists());
}

#[test]
fn of_several_at_the_same_time_one_makes_it() {
    let (model, barrier) = (Model::new(), Barrier::new(3));
    let order = model.order(Target::Onnx);
    let making = || {
        barrier.wait();
        let package = Package::open(&model.folder()).unwrap();
        let scratch = tempfile::tempdir_in(model.dir.path().join("scratch")).unwrap();
        let mut engine = Engine { noise: 0.0, failure: None };
        Maker::new(&package, &mut engine, scratch.path(), &NoCall).make(&order).unwrap().is_new
    };
    let made: Vec<bool> = thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(making)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    if cfg!(unix) {
        assert_eq!(made.iter().filter(|is_new| **is_new).count(), 1, "{made:?}");
    }
    assert_eq!(names(&model.folder().join("onnx")), [RECORD_FILE, "model.onnx"]);
}
