//! Stopping, deadlines, and several at once.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use drivetrain::{
    Engine, ErrorKind, Event, Layer, Locations, Origin, Profile,
    contract::{Call, NoCall},
    fetch_package,
    package::hub::{HubSettings, Patience},
};
use drivetrain_tests::hub::{COMMIT, FakeHub, Fault, fixture};

use super::{Place, files_below};

/// Stops when it is told to, or when time is over.
#[derive(Default)]
struct Stop {
    asked: AtomicBool,
    end: Option<Instant>,
}

impl Call for Stop {
    fn is_cancelled(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    fn time_left(&self) -> Option<Duration> {
        self.end.map(|end| end.saturating_duration_since(Instant::now()))
    }
}

/// As patient as the program.
fn patient(hub: &FakeHub) -> HubSettings {
    HubSettings { patience: Patience::default(), ..hub.settings() }
}

#[test]
fn stopping_leaves_a_part_that_the_next_run_goes_on_with() {
    let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
    hub.fail("signature", 1, Fault::SilentAfter(30_000));
    let stop = Stop::default();
    let started = Instant::now();
    let err = thread::scope(|scope| {
        let part = place.cache().join("hub/org--name").join(COMMIT).join("model.safetensors.part");
        let stop = &stop;
        scope.spawn(move || {
            while fs::metadata(&part).map_or(0, |facts| facts.len()) < 30_000 {
                assert!(started.elapsed().as_secs() < 10, "the first bytes come");
                thread::sleep(Duration::from_millis(5));
            }
            stop.asked.store(true, Ordering::SeqCst);
        });
        place.pull_with("org/name", &[], &patient(&hub), stop).unwrap_err()
    });
    assert_eq!(err.kind(), ErrorKind::Cancelled);
    assert!(started.elapsed().as_secs() < 5, "a silent server does not keep anybody waiting");
    let left = place.files();
    assert!(left.iter().all(|path| path.starts_with("cache/hub/org--name/")), "{left:?}");
    assert_eq!(left.iter().filter(|path| path.ends_with(".part")).count(), 1);

    hub.take_asked();
    let pulled = place.pull(&patient(&hub)).unwrap();
    assert_eq!(pulled.fetched_bytes, fixture("bert-mean")["model.safetensors"].len() as u64 - 30_000);
}

#[test]
fn a_deadline_ends_every_kind_of_waiting() {
    for fault in [Fault::SilentAfter(0), Fault::Status(429, "Retry-After: 30\r\n"), Fault::Status(500, "")] {
        let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
        hub.fail("", 100, fault.clone());
        let stop = Stop { end: Some(Instant::now() + Duration::from_millis(300)), ..Stop::default() };
        let started = Instant::now();
        let err = place.pull_with("org/name", &[], &patient(&hub), &stop).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Deadline, "{fault:?} {}", err.to_text());
        assert!(started.elapsed().as_secs() < 3, "{fault:?}");
    }
}

#[test]
fn several_at_once_fetch_it_once() {
    let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
    let pulled: Vec<bool> = thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| place.pull(&hub.settings()).unwrap().was_there)).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert_eq!(pulled.iter().filter(|was_there| !**was_there).count(), 1);
    assert_eq!(hub.take_asked().iter().filter(|asked| asked.of_store).count(), 1);
    assert!(files_below(&place.models()).iter().all(|path| path.starts_with("org/name/") || path.ends_with(".lock")));
}

#[test]
fn an_engine_fetches_what_its_profile_names() {
    let (hub, place) = (FakeHub::of_fixture("static-wordpiece"), Place::new());
    let locations = Locations::new(place.folder.path().join("data"), place.cache());
    let mut layer = Layer::default();
    layer.set("model", "hf:org/name@v1", Origin::Flag("-m"));
    let profile = Profile::build(&[layer]).unwrap();
    let build = |seen: &mut Vec<String>| {
        let engine = Engine::builder(&profile).locations(locations.clone()).hub(hub.settings()).call(&NoCall);
        let engine = engine.on_event(|event| {
            if let Event::Fetched { model, commit, .. } = event {
                seen.push(format!("{model} {commit}"));
            }
        });
        engine.build().unwrap().embed(&["a text"]).unwrap()
    };
    let mut seen = Vec::new();
    let first = build(&mut seen);
    assert_eq!(seen, [format!("hf:org/name@v1 {COMMIT}")]);
    // The second time nobody is asked.
    hub.take_asked();
    assert_eq!(build(&mut seen).as_slice(), first.as_slice());
    assert!(hub.take_asked().is_empty() && seen.len() == 1);

    // A plain name never fetches.
    let fetch = drivetrain::Fetch { locations: &locations, hub: Some(&hub.settings()), call: &NoCall };
    assert_eq!(fetch_package("org/name", &fetch, &mut |_| {}).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(drivetrain::open_package("hf:org/name", &locations).is_err());
    assert!(hub.take_asked().is_empty());
}
