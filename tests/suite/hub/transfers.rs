//! Files on their way: redirects, checksums, interruptions, what is tried again.

use std::time::{Duration, Instant};

use drivetrain::{
    ErrorKind,
    package::{
        Package,
        hub::{Digest, Record},
    },
};
use drivetrain_tests::hub::{COMMIT, FakeHub, Fault, fixture};

use super::{Place, about, files_below};

#[test]
fn a_model_is_fetched_checked_and_recorded() {
    let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
    let pulled = place.pull(&hub.settings_with_token("hf_secret")).unwrap();
    let expected = fixture("bert-mean");

    assert_eq!(pulled.folder, place.models().join("org/name"));
    assert_eq!(pulled.fetched_bytes, expected.values().map(|bytes| bytes.len() as u64).sum::<u64>());
    let mut files: Vec<&str> = expected.keys().map(String::as_str).collect();
    files.push("drivetrain.json");
    files.sort_unstable();
    assert_eq!(files_below(&pulled.folder), files);
    for (path, bytes) in &expected {
        assert_eq!(&std::fs::read(pulled.folder.join(path)).unwrap(), bytes, "{path}");
    }
    assert_eq!(Package::open(&pulled.folder).unwrap().dim(), Some(48));

    let record = Record::read(&pulled.folder).unwrap().unwrap();
    assert_eq!(record, pulled.record);
    assert_eq!((record.id.as_str(), record.revision.as_str(), record.commit.as_str()), ("org/name", "main", COMMIT));
    let weights = record.files.iter().find(|file| file.path == "model.safetensors").unwrap();
    assert!(matches!(weights.digest, Digest::Sha256(_)) && record.is_complete(&pulled.folder));

    // The token goes to the hub and to no other server; nothing is left in the cache folder.
    let asked = hub.take_asked();
    assert!(asked.iter().any(|asked| asked.of_store));
    for asked in &asked {
        assert_eq!(asked.authorization.is_none(), asked.of_store, "{asked:?}");
    }
    assert!(files_below(&place.cache()).iter().all(|path| path.ends_with(".lock")), "{:?}", place.files());
}

#[test]
fn a_transfer_that_broke_off_goes_on_where_it_was() {
    let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
    let weights = fixture("bert-mean")["model.safetensors"].len() as u64;
    hub.fail("signature", 1, Fault::CutAfter(10_000));
    place.pull(&hub.settings()).unwrap();
    let asked = hub.take_asked();
    let parts: Vec<(Option<&str>, u64)> =
        about(&asked, "signature").iter().map(|asked| (asked.range.as_deref(), asked.sent)).collect();
    assert_eq!(parts, [(None, 10_000), (Some("bytes=10000-"), weights - 10_000)]);
}

#[test]
fn another_run_goes_on_where_the_first_was() {
    let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
    hub.fail("signature", 1, Fault::CutAfter(20_000));
    hub.fail("signature", 3, Fault::Status(503, ""));
    let err = place.pull(&hub.settings()).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Busy);
    assert!(err.hint().unwrap().contains("try again"), "{err}");
    assert!(files_below(&place.models()).iter().all(|path| path.ends_with(".lock")));

    hub.take_asked();
    let pulled = place.pull(&hub.settings()).unwrap();
    assert_eq!(pulled.fetched_bytes, fixture("bert-mean")["model.safetensors"].len() as u64 - 20_000);
    let asked = hub.take_asked();
    assert_eq!(asked.len(), 3, "the list, and the weights by way of the hub: {asked:?}");
}

#[test]
fn every_kind_of_interruption_ends_with_the_same_bytes() {
    for (fault, times) in [
        (Fault::CutAfter(0), 1),
        (Fault::CutAfter(1), 2),
        (Fault::SilentAfter(5_000), 1),
        (Fault::SilentAfter(0), 1),
        (Fault::Status(500, ""), 3),
        (Fault::Status(502, ""), 1),
        (Fault::Status(429, "Retry-After: 1\r\n"), 1),
        (Fault::Status(503, "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n"), 1),
    ] {
        let (hub, place) = (FakeHub::of_fixture("static-wordpiece"), Place::new());
        hub.fail("signature", times, fault.clone());
        hub.fail("/api/", 1, fault.clone());
        hub.fail("tokenizer.json", 1, fault.clone());
        let started = Instant::now();
        let pulled = place.pull(&hub.settings()).unwrap_or_else(|err| panic!("{fault:?}: {}", err.to_text()));
        let expected = fixture("static-wordpiece");
        for (path, bytes) in &expected {
            assert_eq!(&std::fs::read(pulled.folder.join(path)).unwrap(), bytes, "{fault:?} {path}");
        }
        if matches!(fault, Fault::Status(429, _)) {
            assert!(started.elapsed() >= Duration::from_secs(3), "each of three answers asked for a second");
        }
    }
}

#[test]
fn a_server_without_ranges_is_asked_for_everything() {
    let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
    hub.fail("signature", 1, Fault::CutAfter(10_000));
    hub.fail("signature", 1, Fault::NoRange(usize::MAX));
    place.pull(&hub.settings()).unwrap();
    let weights = fixture("bert-mean")["model.safetensors"].len() as u64;
    let asked = hub.take_asked();
    assert_eq!(about(&asked, "signature").iter().map(|asked| asked.sent).collect::<Vec<_>>(), [10_000, weights]);

    // One that also breaks off each time is given up, however much it sends.
    let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
    hub.fail("signature", 100, Fault::NoRange(10_000));
    assert_eq!(place.pull(&hub.settings()).unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(about(&hub.take_asked(), "signature").len(), 4, "once, and three retries");
}

#[test]
fn a_wrong_checksum_is_told_and_nothing_is_kept() {
    for path in ["model.safetensors", "config.json"] {
        let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
        hub.fail(if path == "config.json" { "/config.json" } else { "signature" }, 100, Fault::Damage);
        let err = place.pull(&hub.settings()).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Model);
        assert!(err.message().contains(path) && err.message().matches(":").count() >= 2, "{err}");
        let files = place.files();
        assert!(!files.iter().any(|file| file.ends_with(".part") || file.starts_with("data")), "{files:?}");
    }
}

#[test]
fn a_part_that_does_not_fit_is_fetched_anew() {
    let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
    let folder = place.cache().join("hub/org--name").join(COMMIT);
    std::fs::create_dir_all(&folder).unwrap();
    let weights = fixture("bert-mean")["model.safetensors"].len();
    for stale in [100, weights, weights + 100] {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("model.safetensors.part"), vec![7; stale]).unwrap();
        let pulled = place.pull(&hub.settings()).unwrap();
        assert_eq!(std::fs::read(pulled.folder.join("model.safetensors")).unwrap().len(), weights);
        std::fs::remove_dir_all(pulled.folder).unwrap();
    }
}

#[test]
fn a_mirror_that_states_nothing_is_good_enough() {
    let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
    hub.state_no_checksums();
    hub.fail("model.safetensors", 1, Fault::CutAfter(9_000));
    let pulled = place.pull(&hub.settings()).unwrap();
    let expected = fixture("bert-mean");
    assert_eq!(std::fs::read(pulled.folder.join("model.safetensors")).unwrap(), expected["model.safetensors"]);
    assert!(pulled.record.files.iter().all(|file| matches!(file.digest, Digest::Sha256(_))));
}

#[test]
fn redirects_are_followed_but_not_for_ever() {
    let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
    // A renamed model: the hub sends to another path of its own, and the token goes along.
    hub.fail("/api/", 1, Fault::Redirect("/api/models/org/name/revision/v1?blobs=true".to_owned()));
    place.pull(&hub.settings_with_token("t")).unwrap();
    let asked = hub.take_asked();
    assert_eq!(about(&asked, "/api/").iter().filter(|asked| asked.authorization.is_some()).count(), 2);

    let place = Place::new();
    hub.fail("/api/", 100, Fault::Redirect("/api/models/org/name/revision/main".to_owned()));
    assert!(place.pull(&hub.settings()).unwrap_err().message().contains("without end"));
    assert!(hub.take_asked().len() < 20);
}

#[test]
fn a_redirect_to_elsewhere_does_not_take_the_token_along() {
    let (hub, other, place) = (FakeHub::of_fixture("bert-mean"), FakeHub::of_fixture("bert-mean"), Place::new());
    hub.fail("/api/", 100, Fault::Redirect(format!("{}/api/models/org/name/revision/main", other.endpoint())));
    hub.fail("/config.json", 100, Fault::Redirect("file:///etc/passwd".to_owned()));
    let err = place.pull(&hub.settings_with_token("hf_secret")).unwrap_err();
    assert!(err.message().contains("neither http nor https"), "{err}");
    let asked = other.take_asked();
    assert!(!asked.is_empty() && asked.iter().all(|asked| asked.authorization.is_none()));
}
