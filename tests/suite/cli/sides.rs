//! `--side`: queries and documents, each with the settings and the prompt of its side.

use drivetrain_tests::Outcome;
use serde_json::Value;

use crate::cli::Workplace;

const PROFILE: &str = "[query.pipeline]\nwindow = 7\n[query]\nthreads = 1\n[document.workload]\ngoal = \"memory\"\n";

/// A folder with a model that has prompts, and a profile that has sides.
fn ready() -> Option<Workplace> {
    let place = Workplace::new()?;
    place.fixture("bert-prompts", "m");
    place.run(&["convert", "m", "--to", "onnx", "--no-check"]).succeeded();
    place.write("p.toml", PROFILE);
    Some(place)
}

fn run(place: &Workplace, command: &str, args: &[&str]) -> Outcome {
    place.run(&[&[command, "-m", "m", "-c", "p.toml"], args].concat())
}

#[test]
fn each_side_has_its_own_prompt() {
    let Some(place) = ready() else { return };
    let embedded = |args: &[&str]| {
        let same = ["--backend", "onnxruntime", "--threads", "1", "a text"];
        run(&place, "embed", &[args, &same].concat()).succeeded().stdout
    };
    let [query, document] = ["query", "document"].map(|side| embedded(&["--side", side]));
    assert_eq!(query, embedded(&["--prompt-name", "query"]));
    assert_eq!(document, embedded(&["--prompt-name", "document"]));
    assert_ne!(query, document);
    // What is asked for by name wins.
    assert_eq!(embedded(&["--side", "query", "--prompt", ""]), embedded(&["--prompt", ""]));
    assert_eq!(embedded(&["--side", "query", "--prompt-name", "document"]), document);
}

#[test]
fn each_side_has_its_own_settings() {
    let Some(place) = ready() else { return };
    let resolved = |args: &[&str]| -> Value {
        let shown = place.run(&[&["config", "show", "--json", "-c", "p.toml"], args].concat()).succeeded().stdout;
        serde_json::from_str(&shown).expect("JSON")
    };
    let query = resolved(&["--side", "query"]);
    assert_eq!((&query["threads"]["value"], &query["pipeline"]["window"]["value"]), (&1.into(), &7.into()));
    assert!(query["query"].is_null(), "{query:#}");
    assert_eq!(resolved(&["--side", "document"])["workload"]["goal"]["value"], "memory");
    let plan = |args: &[&str]| -> Value {
        let outcome = run(&place, "plan", &[args, &["--json"]].concat()).succeeded();
        serde_json::from_str(&outcome.stdout).expect("JSON")
    };
    let [query, document] = ["query", "document"].map(|side| plan(&["--side", side]));
    assert_eq!((&query["goal"], &query["shape"]["threads"]), (&"latency".into(), &1.into()));
    assert_eq!(document["goal"], "memory");
    let both = plan(&[]);
    assert_eq!((&both["query"], &both["document"]), (&query, &document));
}

#[test]
fn without_a_side_both_plans_are_shown_with_what_they_lose() {
    let Some(place) = ready() else { return };
    let text = run(&place, "plan", &[]).succeeded().stdout;
    let (query, document) = text.split_once("\n\ndocument (").expect("two plans");
    assert!(query.starts_with("query (loses nothing: it computes in f32)\nm: "), "{text}");
    assert!(document.starts_with("loses nothing: it computes in f32)\nm: "), "{text}");
    run(&place, "plan", &["--lock"]).failed(2, &["a lock holds one", "--side query"]);
    run(&place, "plan", &["--side", "query", "--lock"]).succeeded();
    // A side that names another precision is held to the budget, since the vectors are compared with each other.
    let int8 = ["--set", "query.precision=int8"];
    run(&place, "plan", &int8).failed(2, &["loses about 0.4 % of the quality, 0 % may be lost"]);
}
