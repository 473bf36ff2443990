//! Files that are refused, each with the place and the way out.

use drivetrain_contract::ErrorKind;

use crate::rules::{Facts, RuleSet};

/// Rules as short as they can be; each test spoils them.
const GOOD: &str = r#"rules = 1
[tasks]
embed = "first"
[questions.first]
ask = "short?"
fact = "text_chars"
below = 500
yes = "fast"
no = "exact"
[answers.fast]
choices = ["int8", "plain"]
otherwise = "exact"
[answers.exact]
choices = "plain"
[choices.plain]
backend = "e"
precision = "f32"
[choices.int8]
backend = "e"
precision = "int8"
"#;

fn check_refused(from: &str, to: &str, expected: &[&str]) {
    assert!(GOOD.contains(from), "{from}");
    check_text_refused(&GOOD.replacen(from, to, 1), expected);
}

fn check_text_refused(text: &str, expected: &[&str]) {
    let err = RuleSet::parse("r.toml", text).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Invalid);
    for part in expected {
        assert!(err.to_string().contains(part), "`{part}` is not in {err}");
    }
}

#[test]
fn the_shortest_rules_are_read() {
    let rules = RuleSet::parse("r.toml", &GOOD.replace('\n', "\r\n")).unwrap();
    let walk = rules.walk(drivetrain_package::Task::Embed, &Facts::default()).unwrap();
    assert_eq!(walk.choices().map(ToString::to_string).collect::<Vec<_>>(), ["e f32"]);
    assert!(rules.describe().starts_with("r.toml\n\ntasks\n"));
}

#[test]
fn what_is_no_toml_names_the_place() {
    check_refused("below = 500", "below = = 500", &["`r.toml`:7:9: "]);
    check_refused("[answers.exact]", "[answers.fast]", &["`r.toml`:13:", "duplicate"]);
    check_text_refused("rules = 1\0", &["`r.toml`:1:9: "]);
    check_text_refused(&format!("{}x = 1", "a.".repeat(20_000)), &["recursion limit"]);
}

#[test]
fn unknown_keys_get_the_nearest_one() {
    check_refused("[tasks]", "[task]", &["`r.toml`:2:2: unknown key `task`", "did you mean `tasks`?"]);
    check_refused("embed =", "embedd =", &["3:1: unknown key `embedd` in `tasks`", "did you mean `embed`?"]);
    check_refused("below =", "belwo =", &["7:1: unknown key `belwo` in `first`", "did you mean `below`?"]);
    check_refused("otherwise =", "zzz =", &["12:1: unknown key `zzz` in `fast`", "there are why, choices, otherwise"]);
    check_refused("precision = \"int8\"", "dtype = \"int8\"", &["20:1: unknown key `dtype` in `int8`"]);
}

#[test]
fn names_must_lead_somewhere() {
    let there = "there is no question or answer";
    check_refused("embed = \"first\"", "embed = \"frist\"", &["3:9:", there, "did you mean `first`?"]);
    check_refused("yes = \"fast\"", "yes = \"fsat\"", &["8:7:", there, "did you mean `fast`?"]);
    check_refused("otherwise = \"exact\"", "otherwise = \"plain\"", &["12:13:", there]);
    check_refused("\"int8\", \"plain\"", "\"int9\", \"plain\"", &["11:12: there is no choice `int9`", "`int8`?"]);
    check_refused("[answers.exact]", "[answers.first]", &["13:10: `first` is a question and an answer"]);
}

#[test]
fn nothing_may_lead_back_to_itself() {
    check_refused("no = \"exact\"", "no = \"first\"", &["4:12: `first` leads back to itself: `first` → `first`"]);
    check_refused(
        "choices = \"plain\"",
        "choices = \"plain\"\notherwise = \"first\"",
        &["4:12: `first` leads back to itself: `first` → `fast` → `exact` → `first`"],
    );
    check_refused("otherwise = \"exact\"", "otherwise = \"fast\"", &["10:10: `fast` leads back to itself"]);
}

#[test]
fn nothing_is_there_for_nothing() {
    check_refused("embed = \"first\"", "embed = \"exact\"", &["4:12: nothing leads to `first`"]);
    check_refused("\"int8\", \"plain\"", "\"plain\"", &["18:10: the choice `int8` is in no answer"]);
    check_refused("embed = \"first\"", "", &["no task begins anywhere", "[tasks]"]);
    check_text_refused("rules = 1", &["no task begins anywhere"]);
    check_text_refused("rules = 1\n[tasks]\nembed = \"a\"", &["there is no question or answer `a`", "there are none"]);
}

#[test]
fn each_key_holds_what_it_must() {
    check_refused("rules = 1", "", &["1:1: `rules` is missing", "rules = 1"]);
    check_refused("rules = 1", "rules = 2", &["1:1: rules of format 2", "reads format 1"]);
    check_refused("rules = 1", "rules = \"1\"", &["1:9: `rules` must be a number"]);
    check_refused("rules = 1", "rules = 1\ntitle = 3", &["2:9: `title` must be text"]);
    check_text_refused("rules = 1\nchoices = 3", &["2:1: `choices` must be a table"]);
    check_text_refused("rules = 1\nanswers = { a = 3 }", &["2:13: `a` must be a table"]);
    check_refused("ask = \"short?\"", "", &["4:12: `ask` is missing in `first`"]);
    check_refused("yes = \"fast\"", "", &["`yes` is missing in `first`"]);
    check_refused("choices = \"plain\"", "", &["13:10: `choices` is missing in `exact`"]);
    check_refused("choices = \"plain\"", "choices = []", &["14:11: `choices` must not be empty in `exact`"]);
    check_refused("choices = \"plain\"", "choices = [\"plain\", 3]", &["14:21: `choices` must be text"]);
    check_refused("\"int8\", \"plain\"", "\"int8\", \"int8\"", &["11:20: `int8` is there twice in `fast`"]);
    check_refused("backend = \"e\"", "backend = \" \"", &["16:11: `backend` must not be empty in `plain`"]);
    check_refused("\"f32\"", "\"fp32\"", &["17:13: `precision` cannot be `fp32` in `plain`", "did you mean `f32`?"]);
    check_refused("\"f32\"", "\"f32\"\ndevice = \"gpus\"", &["18:10: `device` cannot be `gpus`", "`gpu`?"]);
    check_refused("\"f32\"", "\"f32\"\ninput = \"packd\"", &["18:9: `input` cannot be `packd`", "`packed`?"]);
}

#[test]
fn questions_must_fit_their_fact() {
    let fact = "fact = \"text_chars\"\nbelow = 500";
    let check = |question: &str, expected: &[&str]| check_refused(fact, question, expected);
    check("fact = \"text_char\"\nbelow = 500", &["6:8: nothing is known as `text_char`", "did you mean `text_chars`?"]);
    check("below = 500", &["4:12: `fact` is missing in `first`"]);
    check("fact = \"text_chars\"", &["4:12: there must be one of `below` and `at_least` in `first`"]);
    check("fact = \"cpus\"\nbelow = 5\nat_least = 2", &["there must be one of `below` and `at_least`"]);
    check(
        "fact = \"cpus\"\nis = \"5\"",
        &["7:1: `cpus` cannot be asked about with `is`", "ask with `below` or `at_least`"],
    );
    check("fact = \"device\"\nbelow = 5", &["7:1: `device` cannot be asked about with `below`", "ask with `is`"]);
    check("fact = \"device\"", &["`is` is missing in `first`"]);
    check("fact = \"device\"\nis = \"GPU\"", &["7:6: `is` cannot be `GPU`", "did you mean `gpu`?"]);
    check("fact = \"device\"\nis = [\"gpu\", \"tpu\"]", &["7:14: `is` cannot be `tpu`"]);
    check("fact = \"isa\"\nhas = \"avx512vnni\"", &["7:7: `has` cannot be `avx512vnni`", "`avx512_vnni`?"]);
    check("fact = \"flash_attention\"\nis = \"yes\"", &["7:1: `flash_attention` cannot be asked", "all the question"]);
    for number in ["nan", "inf", "1e999", "\"5\"", "99999999999999999999"] {
        check(&format!("fact = \"cpus\"\nbelow = {number}"), &["`r.toml`:"]);
    }
}

/// As deep as a file can make it: one answer after the other, to the limit of its length.
#[test]
fn deep_rules_end() {
    let mut text =
        "rules = 1\n[tasks]\nembed = \"0\"\n[choices]\nc = { backend = \"e\", precision = \"f32\" }\n[answers]\n"
            .to_owned();
    let mut n_answers = 0;
    while text.len() < (1 << 16) - 100 {
        text.push_str(&format!("{n_answers}={{choices=\"c\",otherwise=\"{}\"}}\n", n_answers + 1));
        n_answers += 1;
    }
    text.push_str(&format!("{n_answers}={{choices=\"c\"}}\n"));
    let rules = RuleSet::parse("deep", &text).unwrap();
    assert!(n_answers > 1500);
    let walk = rules.walk(drivetrain_package::Task::Embed, &Facts::default()).unwrap();
    assert_eq!(walk.reached.len(), 1, "what was offered once is not offered again");
    assert!(rules.describe().lines().count() > n_answers);
}
