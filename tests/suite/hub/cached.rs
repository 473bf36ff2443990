//! What is on this machine already: the cache of other programs, the installed model, and offline use.

use std::{collections::BTreeMap, fs, path::Path};

use drivetrain::{
    ErrorKind,
    package::hub::{HubSettings, find_installed},
};
use drivetrain_tests::hub::{COMMIT, FakeHub, fixture};

use super::{Place, about};

/// A cache as huggingface_hub writes it.
fn fill_cache(cache: &Path, files: &BTreeMap<String, Vec<u8>>) {
    let model = cache.join("models--org--name");
    fs::create_dir_all(model.join("refs")).unwrap();
    fs::create_dir_all(model.join("blobs")).unwrap();
    fs::write(model.join("refs/main"), COMMIT).unwrap();
    for (number, (path, bytes)) in files.iter().enumerate() {
        let blob = model.join("blobs").join(format!("{number}"));
        fs::write(&blob, bytes).unwrap();
        let link = model.join("snapshots").join(COMMIT).join(path);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(&blob, &link).unwrap();
        #[cfg(not(unix))]
        fs::copy(&blob, &link).unwrap();
    }
}

fn with_cache(settings: HubSettings, place: &Place) -> HubSettings {
    HubSettings { cache: Some(place.folder.path().join("hf/hub")), ..settings }
}

#[test]
fn what_another_program_has_fetched_is_not_fetched_again() {
    let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
    let settings = with_cache(hub.settings(), &place);
    let mut files = fixture("bert-mean");
    // One that is damaged, and one that is missing.
    files.get_mut("tokenizer.json").unwrap()[0] ^= 1;
    files.remove("config.json");
    fill_cache(settings.cache.as_ref().unwrap(), &files);
    let pulled = place.pull(&settings).unwrap();
    let asked = hub.take_asked();
    assert_eq!(asked.len(), 3, "the list and two files: {asked:?}");
    assert!(about(&asked, "signature").is_empty());
    for (path, bytes) in fixture("bert-mean") {
        assert_eq!(fs::read(pulled.folder.join(&path)).unwrap(), bytes, "{path}");
        assert!(!pulled.folder.join(&path).is_symlink());
    }
}

#[test]
fn offline_means_the_cache_or_nothing() {
    let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
    let offline = HubSettings { offline: true, ..with_cache(hub.settings(), &place) };
    let err = place.pull(&offline).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::NotFound);
    for part in ["`hf:org/name`", "HF_HUB_OFFLINE", hub.endpoint(), "models--org--name", "revision `main`"] {
        assert!(err.to_text().contains(part), "{part}: {}", err.to_text());
    }

    let cache = offline.cache.clone().unwrap();
    let mut files = fixture("bert-mean");
    let weights = files.remove("model.safetensors").unwrap();
    fill_cache(&cache, &files);
    let err = place.pull(&offline).unwrap_err();
    assert!(err.message().contains("neither `model.safetensors`"), "{err}");

    files.insert("model.safetensors".to_owned(), weights);
    fs::remove_dir_all(&cache).unwrap();
    fill_cache(&cache, &files);
    let pulled = place.pull(&offline).unwrap();
    assert_eq!((pulled.record.commit.as_str(), pulled.fetched_bytes), (COMMIT, 0));
    assert!(hub.take_asked().is_empty());
}

#[test]
fn a_model_that_is_there_stays_until_its_revision_moves() {
    let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
    let first = place.pull(&hub.settings()).unwrap();
    assert!(!first.was_there);
    // What was made beside it belongs to it.
    fs::create_dir(first.folder.join("onnx")).unwrap();
    fs::write(first.folder.join("onnx/model.onnx"), "made here").unwrap();
    hub.take_asked();
    let again = place.pull(&hub.settings()).unwrap();
    assert!(again.was_there && again.fetched_bytes == 0 && first.folder.join("onnx/model.onnx").is_file());
    assert_eq!(hub.take_asked().len(), 1, "the list only");

    // A new commit with the same weights: they are taken from where they are.
    let mut files = fixture("bert-mean");
    files.insert("config_sentence_transformers.json".to_owned(), b"{\"prompts\": {\"query\": \"q: \"}}".to_vec());
    let moved = "f".repeat(40);
    hub.commit("main", &moved, files);
    let new = place.pull(&hub.settings()).unwrap();
    assert_eq!(new.record.commit, moved);
    assert!(about(&hub.take_asked(), "signature").is_empty());
    assert!(!first.folder.join("onnx").exists(), "a graph of other weights must not stay");

    // A file is gone: it is repaired.
    fs::remove_file(new.folder.join("config.json")).unwrap();
    assert!(!place.pull(&hub.settings()).unwrap().was_there);
    assert!(new.folder.join("config.json").is_file());
}

#[test]
fn revisions_stand_side_by_side() {
    let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
    let call = &drivetrain::contract::NoCall;
    let models = place.models();
    let find = |name: &str| find_installed(&name.parse().unwrap(), &models);
    assert_eq!(find("hf:org/name"), None);

    let pinned = place.pull_with("org/name@v1", &[], &hub.settings(), call).unwrap();
    assert_eq!(pinned.folder, models.join("org/name@v1"));
    assert_eq!(find("hf:org/name"), None);
    assert_eq!(find("hf:org/name@v1"), Some(pinned.folder.clone()));

    let plain = place.pull(&hub.settings()).unwrap();
    assert_eq!(find("hf:org/name"), Some(plain.folder.clone()));
    assert_eq!(find("hf:org/name@v1"), Some(pinned.folder));
    assert_eq!(find("hf:org/name@main"), Some(plain.folder.clone()));
    assert_eq!(find(&format!("hf:org/name@{COMMIT}")), Some(plain.folder.clone()));
    assert_eq!(find("hf:org/name@v2"), None);
    assert_eq!(find("hf:other/name"), None);
}

#[test]
fn what_is_not_from_the_hub_is_not_replaced() {
    let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
    let own = place.models().join("org/name");
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join("config.json"), "mine").unwrap();
    let err = place.pull(&hub.settings()).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Invalid);
    assert!(err.message().contains("not from the hub") && hub.take_asked().is_empty(), "{err}");
    assert_eq!(fs::read_to_string(own.join("config.json")).unwrap(), "mine");
}

#[cfg(unix)]
#[test]
fn folders_that_cannot_be_written_are_named() {
    let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
    fs::write(place.cache(), "a file where a folder should be").unwrap();
    let err = place.pull(&hub.settings()).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Io);
    assert!(err.message().contains("cache") && hub.take_asked().is_empty(), "{err}");
}
