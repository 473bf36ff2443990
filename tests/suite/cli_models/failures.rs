//! What goes wrong between here and the hub, with its exit code.

use std::fs;

use drivetrain_tests::hub::{COMMIT, Fault};

use super::Shop;

#[test]
fn each_failure_has_its_code_and_its_way_out() {
    let Some(shop) = Shop::new("bert-mean") else { return };
    let pull = ["models", "pull", "org/name"];
    for (args, code, parts) in [
        (&["models", "pull", "a/b/c"][..], 2, &["not the name of a model"][..]),
        (&["models", "pull", "org/name@v1", "--revision", "v1"], 2, &["names a revision already"]),
        (&["models", "pull", "org/name", "--revision", "../x"], 2, &["not the name of a revision"]),
        (&["embed", "x", "-m", "hf:../../etc"], 2, &["not the name of a model"]),
        (&["models", "pull", "org/absent"], 3, &["`org/absent` is not there", "HF_TOKEN"]),
        (&["models", "pull", "org/name@v9"], 3, &["no revision `v9`"]),
        (&["models", "pull", "org/name", "--include", "*.onnx"], 3, &["no file that `*.onnx` covers"]),
        (&["models", "remove", "../../etc"], 3, &["no model `../../etc`"]),
    ] {
        shop.run(args).failed(code, parts);
    }
    for (path, fault, code, parts) in [
        ("/api/", Fault::Status(429, "Retry-After: 999\r\n"), 4, &["too many requests", "in 999 s"][..]),
        ("/api/", Fault::Status(401, "X-Error-Code: GatedRepo\r\n"), 3, &["private or gated"]),
        ("/api/", Fault::Body(b"{\"sha\":".to_vec()), 3, &["not the JSON"]),
        ("signature", Fault::Damage, 3, &["the checksum of `model.safetensors`", "not `sha256:"]),
    ] {
        shop.hub.fail(path, 1, fault);
        shop.run(&pull).failed(code, parts);
    }
    let unreachable = shop.program(&pull).env("HF_ENDPOINT", "http://127.0.0.1:1").run();
    unreachable.failed(3, &["cannot reach `http://127.0.0.1:1`", "HF_ENDPOINT"]);
    let offline = shop.program(&["embed", "x", "-m", "hf:org/name"]).env("HF_HUB_OFFLINE", "1").run();
    offline.failed(3, &["`hf:org/name` is not on this machine", "HF_HUB_OFFLINE", shop.hub.endpoint()]);
    assert!(shop.files("home").is_empty(), "{:?}", shop.files("home"));
}

#[test]
fn the_token_comes_from_the_variable_or_the_file() {
    let Some(shop) = Shop::new("bert-mean") else { return };
    shop.hub.require_token("hf_right");
    let pull = ["models", "pull", "org/name", "-vv"];
    let wrong = shop.program(&pull).env("HF_TOKEN", "hf_wrong").run();
    wrong.failed(3, &["gated", "accept its conditions"]);
    assert!(!wrong.stderr.contains("hf_wrong"), "{}", wrong.stderr);
    fs::create_dir_all(shop.path("hf")).unwrap();
    fs::write(shop.path("hf/token"), "hf_right\n").unwrap();
    let told = shop.run(&pull).succeeded();
    assert!(!told.stderr.contains("hf_right"), "{}", told.stderr);
}

#[test]
fn an_interruption_leaves_what_the_next_run_goes_on_with() {
    let Some(shop) = Shop::new("bert-mean") else { return };
    shop.hub.fail("signature", 1, Fault::SilentAfter(50_000));
    let part = shop.path("cache/hub/org--name").join(COMMIT).join("model.safetensors.part");
    let arrived = || fs::metadata(&part).is_ok_and(|facts| facts.len() >= 50_000);
    let running = shop.program(&["models", "pull", "org/name"]).start().until(arrived);
    running.signal("INT");
    let outcome = running.wait();
    outcome.failed(130, &["interrupted"]);
    assert!(outcome.took.as_secs() < 10);
    assert!(shop.files("home").is_empty(), "{:?}", shop.files("home"));
    assert_eq!(shop.files("cache").iter().filter(|path| path.ends_with(".part")).count(), 1);

    shop.hub.take_asked();
    shop.run(&["models", "pull", "org/name"]).succeeded();
    let asked = shop.hub.take_asked();
    let ranges: Vec<_> = asked.iter().filter(|asked| asked.of_store).map(|asked| asked.range.as_deref()).collect();
    assert_eq!(ranges, [Some("bytes=50000-")]);
    assert!(shop.files("cache").is_empty(), "{:?}", shop.files("cache"));
}

#[test]
fn a_killed_run_leaves_nothing_for_long() {
    let Some(shop) = Shop::new("bert-mean") else { return };
    shop.hub.fail("signature", 1, Fault::SilentAfter(50_000));
    let part = shop.path("cache/hub/org--name").join(COMMIT).join("model.safetensors.part");
    let arrived = || fs::metadata(&part).is_ok_and(|facts| facts.len() >= 50_000);
    let running = shop.program(&["models", "pull", "org/name"]).start().until(arrived);
    running.signal("KILL");
    assert_eq!(running.wait().code, None);
    let listed = shop.run(&["models", "list"]).succeeded();
    assert!(!listed.stdout.contains("org/name"), "{}", listed.stdout);
    shop.run(&["models", "pull", "org/name"]).succeeded();
    let hidden = fs::read_dir(shop.path("home/models")).unwrap().flatten().map(|entry| entry.file_name());
    let left: Vec<_> = hidden.filter(|name| name.to_string_lossy().starts_with(".tmp")).collect();
    assert!(left.is_empty(), "{left:?}");
}
