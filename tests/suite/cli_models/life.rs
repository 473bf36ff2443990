//! A model comes, is used, and goes.

use drivetrain_tests::hub::{COMMIT, fixture};
use serde_json::Value;

use super::Shop;

#[test]
fn a_model_is_pulled_listed_described_used_and_removed() {
    let Some(shop) = Shop::new("static-wordpiece") else { return };
    let pulled = shop.run(&["models", "pull", "org/name"]).succeeded();
    for part in ["installed: org/name", COMMIT, "home/models/org/name"] {
        assert!(pulled.stdout.contains(part), "{part}: {}", pulled.stdout);
    }
    assert!(shop.files("cache").is_empty(), "{:?}", shop.files("cache"));
    let again = shop.run(&["models", "pull", "hf:org/name", "--revision", "v1"]).succeeded();
    assert!(again.stdout.starts_with("already there: org/name"), "{}", again.stdout);

    let listed = shop.run(&["models", "list"]).succeeded();
    for part in [
        "builtin  ",
        "part of the program",
        "org/name  ",
        "hf:org/name at 0123",
        "embed to ",
        "model.safetensors (static ",
    ] {
        assert!(listed.stdout.contains(part), "{part}: {}", listed.stdout);
    }
    let listed: Value = serde_json::from_str(&shop.run(&["models", "list", "--json"]).succeeded().stdout).unwrap();
    let row = &listed.as_array().unwrap().iter().find(|row| row["name"] == "org/name").unwrap();
    assert_eq!((&row["source"], &row["commit"]), (&Value::from("hf:org/name"), &Value::from(COMMIT)));
    assert_eq!((&row["task"], &row["revision"]), (&Value::from("embed"), &Value::from("main")));
    assert!(row["artifacts"].as_array().unwrap().iter().any(|file| file["path"] == "model.safetensors"), "{row}");
    assert!(row["bytes"].as_u64().unwrap() > 1000);

    // Used offline, though nobody would be there to ask.
    let offline = shop.program(&["embed", "a text", "-m", "org/name", "--format", "jsonl"]);
    let used = offline.env("HF_ENDPOINT", "http://127.0.0.1:1").env("HF_HUB_OFFLINE", "1").run().succeeded();
    assert!(used.stdout.starts_with("{\"embedding\":["), "{}", used.stdout);

    let removed = shop.run(&["models", "remove", "org/name"]).succeeded();
    assert_eq!(removed.stdout, "removed org/name\n");
    assert!(shop.files("home").is_empty() && !shop.path("home/models/org").exists());
    shop.run(&["models", "remove", "org/name"]).failed(3, &["no model `org/name` is installed"]);
    shop.run(&["embed", "x", "-m", "org/name"]).failed(3, &["no model `org/name`"]);
}

#[test]
fn a_model_named_with_hf_is_fetched_once() {
    let Some(shop) = Shop::new("static-wordpiece") else { return };
    let embed = ["embed", "a text", "-m", "hf:org/name", "--format", "jsonl"];
    let first = shop.run(&embed).succeeded();
    for part in ["fetched `hf:org/name`", COMMIT, "home/models/org/name"] {
        assert!(first.stderr.contains(part), "{part}: {}", first.stderr);
    }
    shop.hub.take_asked();
    let second = shop.run(&embed).succeeded();
    assert_eq!((&second.stdout, second.stderr.as_str()), (&first.stdout, ""));
    assert!(shop.hub.take_asked().is_empty());

    // Another revision stands beside it.
    shop.hub.commit("v2", &"e".repeat(40), fixture("static-wordpiece"));
    shop.run(&["-q", "embed", "a text", "-m", "hf:org/name@v2"]).succeeded();
    let listed = shop.run(&["models", "list"]).succeeded();
    assert!(listed.stdout.contains("org/name@v2  "), "{}", listed.stdout);

    // A name without `hf:` is never fetched; nor is a model that is only looked at.
    shop.run(&["models", "remove", "org/name"]).succeeded();
    shop.hub.take_asked();
    shop.run(&["embed", "x", "-m", "org/name"]).failed(3, &["no model `org/name`"]);
    shop.run(&["models", "info", "hf:org/name"]).failed(3, &["`hf:org/name`", "models pull org/name"]);
    assert!(shop.hub.take_asked().is_empty());
}

#[test]
fn info_describes_models_of_every_kind() {
    let Some(shop) = Shop::new("bert-prompts") else { return };
    shop.run(&["models", "pull", "org/name"]).succeeded();
    let told = shop.run(&["models", "info", "org/name"]).succeeded().stdout;
    for part in
        ["task", "embed", "bert", "Transformer → Pooling (", "Normalize", "prompt", "model.safetensors", "kB", COMMIT]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    let folder = shop.path("home/models/org/name");
    let json = |model: &str| -> Value {
        serde_json::from_str(&shop.run(&["models", "info", model, "--json"]).succeeded().stdout).unwrap()
    };
    let (named, by_path) = (json("org/name"), json(folder.to_str().unwrap()));
    assert_eq!(named, by_path);
    assert_eq!(named["hub"]["commit"], COMMIT);
    assert_eq!(named["architecture"], "bert");
    assert!(named["prompts"].as_object().is_some_and(|prompts| !prompts.is_empty()), "{named}");
    let builtin = json("builtin");
    assert_eq!((&builtin["hub"], &builtin["dim"]), (&Value::Null, &Value::from(256)));
    assert!(builtin["files"].as_array().unwrap().iter().any(|file| file["bytes"].as_u64() > Some(1_000_000)));
    shop.run(&["models", "info", "absent"]).failed(3, &["no model `absent`", "org/name"]);
}

#[test]
fn a_damaged_model_is_listed_as_such() {
    let Some(shop) = Shop::new("bert-mean") else { return };
    shop.run(&["models", "pull", "org/name"]).succeeded();
    std::fs::write(shop.path("home/models/org/name/config.json"), "{").unwrap();
    let listed = shop.run(&["models", "list"]).succeeded();
    assert!(listed.stdout.contains("broken: ") && listed.stdout.contains("config.json"), "{}", listed.stdout);
    shop.run(&["models", "pull", "org/name"]).succeeded();
    assert!(!shop.run(&["models", "list"]).succeeded().stdout.contains("broken"));
}
