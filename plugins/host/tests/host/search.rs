//! Where plugins are found, which one wins, and what is said of the others.

use std::fs;

use drivetrain_contract::ErrorKind;
use drivetrain_plugin_host::{OpenOptions, Origin, Registry, SearchPath, State};

use crate::c_plugins::{MANIFEST, open_folder};

fn write_plugin(folder: &std::path::Path, manifest: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("plugin.toml"), manifest).unwrap();
    let library = format!("{}c_plugin{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    fs::write(folder.join(library), "").unwrap();
}

#[test]
fn the_first_of_an_id_wins_and_refused_ones_do_not_count() {
    let root = tempfile::tempdir().unwrap();
    write_plugin(&root.path().join("a"), &MANIFEST.replace("manifest = 1", "manifest = 7"));
    write_plugin(&root.path().join("b"), MANIFEST);
    write_plugin(&root.path().join("user/c"), MANIFEST);
    let mut search = SearchPath::default();
    search.push(Origin::User, root.path().join("user"));
    search.push(Origin::Explicit, root.path());
    search.push(Origin::Explicit, "relative/folders/are/not/searched");
    search.push(Origin::System, root.path().join("does/not/exist"));
    let registry = Registry::discover(&search);
    let found: Vec<(Origin, &str)> = registry
        .entries()
        .iter()
        .filter(|entry| entry.origin != Origin::Linked)
        .map(|entry| {
            let state = match &entry.state {
                State::Usable => "usable",
                State::Shadowed => "shadowed",
                State::Refused(_) => "refused",
            };
            (entry.origin, state)
        })
        .collect();
    let expected = [(Origin::Explicit, "refused"), (Origin::Explicit, "usable"), (Origin::User, "shadowed")];
    assert_eq!(found, expected);

    let opened = |state: fn(&State) -> bool| {
        let entry = registry.entries().iter().find(|entry| state(&entry.state)).unwrap();
        entry.open(OpenOptions::default()).unwrap_err()
    };
    let refused = opened(|state| matches!(state, State::Refused(_)));
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    assert!(refused.message().contains("was refused") && refused.message().contains("has format 7"), "{refused}");
    let shadowed = opened(|state| matches!(state, State::Shadowed));
    assert!(shadowed.message().contains("user/c` is shadowed by one that was found before it"), "{shadowed}");
}

#[test]
fn an_unknown_id_lists_the_known_ones() {
    let registry = Registry::discover(&SearchPath::default());
    let message = registry.get("onnxrutnime").unwrap_err().to_string();
    assert!(message.contains("no backend `onnxrutnime`") && message.contains("there are: panicky"), "{message}");
}

#[test]
fn a_refused_plugin_says_why_when_asked_for() {
    let root = tempfile::tempdir().unwrap();
    write_plugin(&root.path().join("c_plugin"), "manifest = ");
    let message = open_folder(root.path()).unwrap_err().to_string();
    assert!(message.contains("plugin `c_plugin`") && message.contains("not a plugin manifest"), "{message}");
}
