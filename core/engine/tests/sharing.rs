//! One engine, used from several places at once.
#![cfg(feature = "builtin-model")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use drivetrain::{Engine, ErrorKind, Locations, Profile};

fn engine() -> Engine {
    let place = std::env::temp_dir().join("drivetrain-sharing-test");
    let profile = Profile::build(&[]).unwrap();
    Engine::builder(&profile).locations(Locations::new(place.join("data"), place.join("cache"))).build().unwrap()
}

fn texts(n_texts: usize) -> Vec<String> {
    (0..n_texts).map(|idx| format!("text number {idx}")).collect()
}

#[test]
fn an_iterator_gives_what_a_call_gives() {
    let (engine, texts) = (engine(), texts(10_000));
    let expect = engine.embed(&texts).unwrap();
    let mut rows = 0;
    for (vector, expect) in engine.embed_iter(texts).zip(expect.rows()) {
        assert_eq!(vector.unwrap(), expect);
        rows += 1;
    }
    assert_eq!(rows, 10_000);
    assert!(engine.embed_iter(Vec::<String>::new()).next().is_none());
}

#[test]
fn the_engine_is_free_while_an_iterator_waits_to_be_taken() {
    let engine = engine();
    let pairs = engine.embed_iter(texts(9000)).zip(engine.embed_iter(texts(9000)));
    for (idx, (a, b)) in pairs.enumerate() {
        assert_eq!(a.unwrap(), b.unwrap());
        if idx % 1000 == 0 {
            engine.embed(&["in between"]).unwrap();
        }
    }
}

#[test]
fn an_iterator_that_is_dropped_stops_reading() {
    let (engine, read) = (engine(), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&read);
    let endless = (0..).map(move |idx: u64| {
        counter.fetch_add(1, Ordering::Relaxed);
        format!("text {idx}")
    });
    let first = engine.embed_iter(endless).next().unwrap().unwrap();
    assert_eq!(first.len(), engine.dim());
    // The engine is free again, and nobody goes on reading for ever.
    engine.embed(&["afterwards"]).unwrap();
    let seen = read.load(Ordering::Relaxed);
    thread::sleep(std::time::Duration::from_millis(300));
    assert!(read.load(Ordering::Relaxed) - seen <= 4096);
}

#[test]
fn a_panic_in_the_texts_is_an_error_and_not_an_end() {
    for at in [10, 3000] {
        let texts = (0..5000).map(move |idx| {
            assert!(idx != at, "told to panic");
            format!("text {idx}")
        });
        let vectors: Vec<_> = engine().embed_iter(texts).collect();
        assert_eq!(vectors.last().unwrap().as_ref().unwrap_err().kind(), ErrorKind::Internal, "at {at}");
    }
}

#[test]
fn threads_take_turns_and_a_call_within_a_call_is_refused() {
    let engine = engine();
    let expect = engine.embed(&["shared"]).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|_| assert_eq!(engine.embed(&["shared"]).unwrap(), expect)));
        }
    });
    let err = engine.with_session(|_| engine.embed(&["within"]).map(drop)).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Busy);
    engine.embed(&["after that"]).unwrap();
}
