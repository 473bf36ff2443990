//! Linked in or loaded as a plugin: the same vectors through the same table.

use std::num::NonZeroUsize;

use drivetrain::{
    Profile,
    contract::{Backend, Batch, NoCall, Output, OutputMut, SessionOptions, TextBatch},
    open_package,
    plugin_host::{OpenOptions, Origin, PluginBackend, Registry, SearchPath},
};
use drivetrain_tests::{Fixture, Rig, fixtures_dir, texts};

use crate::vectors::{Wanted, copy_model, engine};

fn open(rig: &Rig, id: &str, loaded: bool) -> PluginBackend {
    let mut search = SearchPath::default();
    if loaded {
        search.push(Origin::Explicit, rig.plugins());
    }
    let registry = Registry::discover(&search);
    let entry = registry.get(id).unwrap();
    assert_eq!(entry.origin, if loaded { Origin::Explicit } else { Origin::Linked });
    let config = Profile::build(&[]).unwrap().backend_config(id);
    entry.open(OpenOptions { config, data_dir: rig.home().to_path_buf() }).unwrap()
}

/// Vectors of two texts, and the calls through the table that it took.
fn run_static(rig: &Rig, loaded: bool) -> (Vec<f32>, u64) {
    let backend = open(rig, "static", loaded);
    assert_eq!(backend.library().is_some(), loaded);
    backend.probe().unwrap();
    let model = open_package("builtin", &rig.locations()).unwrap().model();
    let options = SessionOptions::new("cpu", NonZeroUsize::MIN);
    let mut session = backend.create_session(&model, &options, &NoCall).unwrap();
    let batch = Batch::Text(TextBatch::new("one texttwo", &[0, 8, 11]).unwrap());
    let shape = session.output_shape(&batch, Output::SentenceEmbedding).unwrap();
    let mut data = vec![0.0; shape.iter().product()];
    let mut outputs = [OutputMut::new(Output::SentenceEmbedding, &shape, &mut data).unwrap()];
    session.run(&batch, &mut outputs, &NoCall).unwrap();
    drop(session);
    (data, backend.calls())
}

#[test]
fn a_linked_and_a_loaded_backend_are_called_alike() {
    let Some(rig) = Rig::new() else { return };
    let (linked, linked_calls) = run_static(&rig, false);
    let (loaded, loaded_calls) = run_static(&rig, true);
    assert_eq!(linked, loaded);
    // open, probe, session_create, session_info, output_shape, run, session_destroy.
    assert_eq!((linked_calls, loaded_calls), (7, 7));
}

#[test]
fn onnxruntime_gives_the_same_vectors_linked_and_loaded() {
    let Some(rig) = Rig::new() else { return };
    let texts = texts(&fixtures_dir().join("texts.json"));
    let model = copy_model(&rig, &Fixture::open("bert-mean").dir);
    let linked = engine(&rig, &model, Wanted::default()).unwrap().embed(&texts).unwrap();
    let profile = format!("plugins = [{:?}]\nbackend = \"onnxruntime\"", rig.plugins());
    let loaded =
        engine(&rig, &model, Wanted { profile: &profile, ..Wanted::default() }).unwrap().embed(&texts).unwrap();
    assert_eq!(linked, loaded);
}
