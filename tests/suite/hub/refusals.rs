//! What the hub refuses, and what cannot be its answer.

use std::{collections::BTreeMap, net::TcpListener};

use drivetrain::{
    Error, ErrorKind,
    contract::NoCall,
    package::hub::{HubSettings, Proxy},
};
use drivetrain_tests::hub::{FakeHub, Fault, fixture};

use super::Place;

/// An error of this kind with these parts in message, cause and hint, and nothing installed.
fn check(place: &Place, err: &Error, kind: ErrorKind, parts: &[&str]) {
    let text = err.to_text();
    assert_eq!(err.kind(), kind, "{text}");
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
    assert!(!text.contains("hf_secret"), "{text}");
    assert!(!place.files().iter().any(|path| path.starts_with("data")), "{:?}", place.files());
}

#[test]
fn who_may_not_read_is_told_what_to_do() {
    let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
    hub.require_token("hf_right");
    let pull = |settings: &HubSettings| place.pull(settings).unwrap_err();
    check(&place, &pull(&hub.settings()), ErrorKind::NotFound, &["`org/name`", "private or gated (401)", "HF_TOKEN"]);
    let err = pull(&hub.settings_with_token("hf_secret"));
    check(&place, &err, ErrorKind::NotFound, &["gated", "(403)", "accept its conditions at", "/org/name`"]);
    place.pull(&hub.settings_with_token("hf_right")).unwrap();
}

#[test]
fn what_is_not_there_is_named() {
    let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
    let pull = |model: &str, include: &[&str], settings: &HubSettings| {
        place.pull_with(model, include, settings, &NoCall).unwrap_err()
    };
    let err = pull("org/absent", &[], &hub.settings_with_token("hf_secret"));
    check(&place, &err, ErrorKind::NotFound, &["no model `org/absent`", "check the name"]);
    let err = pull("org/absent", &[], &hub.settings());
    check(&place, &err, ErrorKind::NotFound, &["`org/absent` is not there, or is private", "HF_TOKEN"]);
    let err = pull("org/name@v9", &[], &hub.settings());
    check(&place, &err, ErrorKind::NotFound, &["no revision `v9`", "branches"]);
    let err = pull("org/name", &["onnx/*"], &hub.settings());
    check(&place, &err, ErrorKind::NotFound, &["no file that `onnx/*` covers"]);
    hub.fail("tokenizer.json", 1, Fault::Status(404, "X-Error-Code: EntryNotFound\r\n"));
    check(&place, &pull("org/name", &[], &hub.settings()), ErrorKind::NotFound, &["no file `tokenizer.json`"]);
    hub.fail("tokenizer.json", 1, Fault::Status(418, ""));
    check(&place, &pull("org/name", &[], &hub.settings()), ErrorKind::NotFound, &["refuses", "(418)"]);
}

#[test]
fn a_hub_that_is_busy_is_left_in_peace() {
    let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
    hub.fail("/api/", 100, Fault::Status(429, "Retry-After: 3600\r\n"));
    let err = place.pull(&hub.settings()).unwrap_err();
    check(&place, &err, ErrorKind::Busy, &["too many requests", "in 3600 s", "HF_TOKEN"]);
    assert_eq!(hub.take_asked().len(), 1, "an hour is longer than anybody waits");

    let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
    hub.fail("/api/", 100, Fault::Status(500, ""));
    check(&place, &place.pull(&hub.settings()).unwrap_err(), ErrorKind::Busy, &["`org/name` (500)", "try again"]);
    assert_eq!(hub.take_asked().len(), 4, "once, and three retries");
}

#[test]
fn a_hub_that_says_nothing_is_given_up() {
    let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
    hub.fail("/api/", 100, Fault::SilentAfter(0));
    let started = std::time::Instant::now();
    let err = place.pull(&hub.settings()).unwrap_err();
    check(&place, &err, ErrorKind::Busy, &[hub.endpoint(), "nothing came for 0.7 s"]);
    assert!(started.elapsed().as_secs() < 8);
}

#[test]
fn answers_that_are_none_are_errors() {
    let body = |text: &str| Fault::Body(text.as_bytes().to_vec());
    for (fault, part) in [
        (body(r#"{"sha": "0123"#), "not the JSON it should be"),
        (body("<html>log in here</html>"), "is HF_ENDPOINT the address of a hub?"),
        (body(r#"{"sha": "../../../etc", "siblings": []}"#), "names no commit"),
        (
            body(&format!(r#"{{"sha": "{}", "siblings": []}}"#, "a".repeat(40))),
            "`org/name` has neither `model.safetensors` nor",
        ),
        (body(&"[".repeat(200_000)), "not the JSON it should be"),
    ] {
        let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
        hub.fail("/api/", 100, fault);
        let err = place.pull(&hub.settings()).unwrap_err();
        assert!(err.to_text().contains(part), "{part}: {}", err.to_text());
        check(&place, &err, err.kind(), &["org/name"]);
    }
}

#[test]
fn names_from_the_server_lead_nowhere() {
    let mut files = fixture("bert-mean");
    for name in ["../outside", "/tmp/outside", "a/../../outside", "c:\\outside", "x\\..\\outside", "drivetrain.json"] {
        files.insert(name.to_owned(), b"hostile".to_vec());
    }
    let (hub, place) = (FakeHub::new(files), Place::new());
    let pulled = place.pull_with("org/name", &["*"], &hub.settings(), &NoCall).unwrap();
    assert_eq!(pulled.record.id, "org/name");
    assert!(!place.files().iter().any(|path| path.contains("outside")), "{:?}", place.files());

    let modules = r#"[{"type": "sentence_transformers.models.Transformer", "path": "../../../outside"}]"#;
    let files = BTreeMap::from([("modules.json".to_owned(), modules.as_bytes().to_vec())]);
    let (hub, place) = (FakeHub::new(files), Place::new());
    let err = place.pull(&hub.settings()).unwrap_err();
    check(&place, &err, ErrorKind::Model, &["`../../../outside`, which is outside the package"]);
}

#[test]
fn sizes_that_lie_do_no_harm() {
    // More than is listed, and so much that sums overflow.
    let listing = |size: u64| {
        let siblings: Vec<String> = ["config.json", "tokenizer.json", "model.safetensors"]
            .iter()
            .map(|name| format!(r#"{{"rfilename": "{name}", "size": {size}}}"#))
            .collect();
        let commit = drivetrain_tests::hub::COMMIT;
        Fault::Body(format!(r#"{{"sha": "{commit}", "siblings": [{}]}}"#, siblings.join(",")).into_bytes())
    };
    for (size, kind, part) in [(3, ErrorKind::Model, "sends more of"), (u64::MAX, ErrorKind::Busy, "broke off")] {
        let (hub, place) = (FakeHub::of_fixture("bert-mean"), Place::new());
        hub.fail("/api/", 100, listing(size));
        check(&place, &place.pull(&hub.settings()).unwrap_err(), kind, &[part]);
    }
}

#[test]
fn a_hub_that_cannot_be_reached_is_named() {
    let place = Place::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hub = FakeHub::of_fixture("bert-mean");
    let settings = |endpoint: &str| HubSettings { endpoint: endpoint.to_owned(), ..hub.settings() };

    let err = place.pull(&settings(&format!("http://{free}"))).unwrap_err();
    check(&place, &err, ErrorKind::NotFound, &[&format!("cannot reach `http://{free}`"), "HF_HUB_OFFLINE"]);
    let err = place.pull(&settings("http://no-such-host.invalid")).unwrap_err();
    check(&place, &err, ErrorKind::NotFound, &["cannot reach `http://no-such-host.invalid`"]);
    // The fake hub does not speak TLS.
    let err = place.pull(&settings(&hub.endpoint().replace("http:", "https:"))).unwrap_err();
    check(&place, &err, ErrorKind::NotFound, &["no secure connection to `https://127.0.0.1"]);
    check(&place, &place.pull(&settings("not an address")).unwrap_err(), ErrorKind::Invalid, &["HF_ENDPOINT"]);

    let proxied = |except: &[&str]| HubSettings {
        proxy: Some(Proxy { url: format!("http://{free}"), except: except.iter().map(|&host| host.into()).collect() }),
        ..hub.settings()
    };
    assert!(place.pull(&proxied(&[])).is_err(), "nobody listens where the proxy should be");
    place.pull(&proxied(&["127.0.0.1"])).unwrap();
}
