//! Several sessions at once, from any thread, on one copy of the weights.

use std::{fs, thread};

use drivetrain_contract::{Backend, MemoryUse, NoCall, OpenBackend, Output, Precision, Session};
use drivetrain_libtorch::LibTorch;
use drivetrain_package::Package;

use crate::{
    backend,
    fixture::{Fixture, max_abs_error},
    options,
};

#[test]
fn sessions_run_side_by_side_and_outlive_their_backend() {
    let fixture = Fixture::open("modernbert-mean");
    let backend = backend();
    let sessions: Vec<Box<dyn Session>> = thread::scope(|scope| {
        let create = |threads| backend.create_session(&fixture.model(), &options(Precision::F32, threads), &NoCall);
        let creating: Vec<_> = [1, 2, 1, 1].map(|threads| scope.spawn(move || create(threads).unwrap())).into();
        creating.into_iter().map(|session| session.join().unwrap()).collect()
    });
    drop(backend);
    let (texts, reference) = (fixture.texts(), fixture.vectors());
    thread::scope(|scope| {
        for mut session in sessions {
            let (texts, reference) = (&texts, &reference);
            scope.spawn(move || {
                for _ in 0..4 {
                    let found = texts.run(&mut *session, Output::SentenceEmbedding).unwrap();
                    assert!(max_abs_error(&found, reference) <= 2e-5);
                }
                // Whoever ends a session need not be who began it.
                drop(session);
            });
        }
    });
}

#[test]
fn weights_are_counted_once_wherever_they_lie() {
    let fixture = Fixture::open("bert-mean");
    let n_bytes = fs::metadata(fixture.folder.join("model.safetensors")).unwrap().len();
    let check = |config: &str, precision, expect: fn(&MemoryUse) -> u64, share: f64| {
        let backend = LibTorch::open(config).unwrap();
        let sessions = [1, 1]
            .map(|threads| backend.create_session(&fixture.model(), &options(precision, threads), &NoCall).unwrap());
        for session in &sessions {
            let memory = session.memory().unwrap();
            let found = expect(&memory) as f64 / n_bytes as f64;
            // The file has a header, and a pooler that is not used.
            assert!((0.8 * share..=share).contains(&found), "{config} {precision}: {memory:?} of {n_bytes}");
        }
    };
    check("", Precision::F32, |memory| memory.host_mapped, 1.0);
    check("{\"memory_map\":false}", Precision::F32, |memory| memory.host_private, 1.0);
    check("", Precision::Bf16, |memory| memory.host_private, 0.5);
}

#[test]
fn a_model_that_was_replaced_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let copy = |fixture: &Fixture| {
        for entry in fs::read_dir(&fixture.folder).unwrap() {
            let from = entry.unwrap().path();
            let to = folder.path().join(from.file_name().unwrap());
            if from.is_dir() {
                fs::create_dir_all(&to).unwrap();
                fs::read_dir(&from).unwrap().for_each(|file| {
                    let file = file.unwrap();
                    fs::copy(file.path(), to.join(file.file_name())).unwrap();
                });
            } else {
                // A new file instead of the old one, whose map stays as it is.
                let fresh = to.with_extension("fresh");
                fs::copy(&from, &fresh).unwrap();
                fs::rename(&fresh, &to).unwrap();
            }
        }
    };
    let backend = backend();
    let vectors =
        |session: &mut dyn Session, fixture: &Fixture| fixture.texts().run(session, Output::SentenceEmbedding).unwrap();
    let (first, second) = (Fixture::open("bert-mean"), Fixture::open("bert-weightedmean"));
    copy(&first);
    let model = Package::open(folder.path()).unwrap().model();
    let mut before = backend.create_session(&model, &options(Precision::F32, 1), &NoCall).unwrap();
    copy(&second);
    let model = Package::open(folder.path()).unwrap().model();
    let mut after = backend.create_session(&model, &options(Precision::F32, 1), &NoCall).unwrap();
    assert!(max_abs_error(&vectors(&mut *before, &first), &first.vectors()) <= 2e-5);
    assert!(max_abs_error(&vectors(&mut *after, &second), &second.vectors()) <= 2e-5);
}
