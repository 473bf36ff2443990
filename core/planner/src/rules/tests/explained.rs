//! What rules and walks look like to people.

use drivetrain_package::Task;

use super::machines::{intel_laptop, t4};
use crate::rules::{Facts, RuleSet};

const V5: &str = "sentence-transformers-v5";

#[test]
fn a_walk_is_told_up_to_what_can_be_had() {
    let facts = Facts { text_chars: Some(120.0), ..t4() };
    let walk = RuleSet::shipped(V5).unwrap().walk(Task::Embed, &facts).unwrap();
    let no_card = |choice: &crate::rules::Choice| match choice.backend.as_str() {
        "openvino" => None,
        "libtorch" => Some("it is not installed".to_owned()),
        _ => Some("it has no device of this kind".to_owned()),
    };
    let expected = "\
sentence-transformers-v5: flowcharts of sentence-transformers 3.2 to 5.7, \
https://sbert.net/docs/sentence_transformer/usage/efficiency.html, 2024-10-10
is there a GPU? yes: `device` is gpu
are texts usually shorter than 500 characters? yes: `text_chars` is 120, below 500
→ gpu-short: on short texts onnx-O4 measured 1.83, half precision in torch 1.54, onnx 1.46
  onnx-O4: onnxruntime f16 onnx/model_O4.onnx on gpu: not taken: it has no device of this kind
  torch-fp16: libtorch f16 on gpu: not taken: it is not installed
  onnx-gpu: onnxruntime f32 onnx/model.onnx on gpu: not taken: it has no device of this kind
what comes next:
is an accuracy loss of 0.4 % acceptable? no: `max_loss` is not known
is it an Intel processor? yes: `cpu_vendor` is intel
→ cpu-intel: openvino is made for processors of Intel
  openvino: openvino f32 on cpu: taken
";
    assert_eq!(walk.explain(no_card), expected);
}

#[test]
fn a_walk_that_comes_to_nothing_says_so() {
    let walk = RuleSet::shipped(V5).unwrap().walk(Task::Embed, &intel_laptop()).unwrap();
    let text = walk.explain(|_| Some("not here".to_owned()));
    assert!(text.ends_with("nothing of this is taken, and the rules know of nothing else\n"), "{text}");
    assert_eq!(text.matches("not taken: not here").count(), walk.choices().count());
}

#[test]
fn a_walk_is_data() {
    let walk = RuleSet::shipped(V5).unwrap().walk(Task::Embed, &intel_laptop()).unwrap();
    let json = serde_json::to_value(&walk).unwrap();
    assert_eq!(json["task"], "embed");
    assert_eq!(json["reached"][0]["path"][0]["question"], "hardware");
    assert_eq!(json["reached"][0]["path"][0]["yes"], false);
    assert_eq!(json["reached"][0]["choices"][0]["precision"], "f32");
    assert_eq!(json["reached"][0]["choices"][0]["device"], "cpu");
}

#[test]
fn rules_are_described_line_by_line() {
    let text = RuleSet::shipped("sentence-transformers-v6").unwrap().describe();
    for line in [
        "  embed → hardware",
        "  flash-attention: does the model support flash attention? yes → gpu-flash, no → gpu",
        "  cpu-int8: openvino-qint8, onnx-qint8, otherwise → intel",
        "  torch-fp16-flash: libtorch f16 on gpu with packed input",
    ] {
        assert_eq!(text.lines().filter(|found| *found == line).count(), 1, "{line}\n{text}");
    }
}

/// What users are told of facts is what there is.
#[test]
fn the_guide_names_every_fact_and_word() {
    let guide = include_str!("../../../../../docs/rules.md");
    let facts = guide.split("## Facts").nth(1).unwrap();
    for fact in crate::rules::Fact::ALL {
        let row = facts.lines().find(|line| line.starts_with(&format!("| `{}` |", fact.name())));
        let row = row.unwrap_or_else(|| panic!("`{}` is not in the guide", fact.name()));
        for word in fact.kind().operators().iter().chain(fact.kind().words()) {
            assert!(row.contains(&format!("`{word}`")), "`{word}` is not in {row}");
        }
    }
    let example = guide.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let rules = RuleSet::parse("example", example).unwrap();
    assert_eq!(rules.walk(Task::Embed, &t4()).unwrap().choices().count(), 3);
}
