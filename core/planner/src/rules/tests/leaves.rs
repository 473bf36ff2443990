//! Every answer of the shipped rules, from a machine that gets it.

use std::{collections::BTreeSet, fs};

use drivetrain_contract::DeviceKind;
use drivetrain_package::Task;

use super::machines::*;
use crate::rules::{Facts, RuleSet, Walk, rule_set::Node};

const V5: &str = "sentence-transformers-v5";
const V6: &str = "sentence-transformers-v6";
/// No loss at all, and the loss the published question speaks of.
const LOSSLESS: f64 = 0.0;
const LOSSY: f64 = 0.004;

/// A case: rules, task, what is known, the answer, and what it offers first.
type Case = (&'static str, Task, Facts, &'static str, &'static str);

fn with(machine: Facts, max_loss: f64) -> Facts {
    Facts { max_loss: Some(max_loss), ..machine }
}

fn texts(machine: Facts, chars: f64) -> Facts {
    Facts { text_chars: Some(chars), ..machine }
}

fn batches(machine: Facts, batch_size: f64) -> Facts {
    Facts { batch_size: Some(batch_size), ..machine }
}

fn v5_cases() -> Vec<Case> {
    let (embed, rerank, sparse) = (Task::Embed, Task::Rerank, Task::Sparse);
    vec![
        (V5, embed, texts(t4(), 120.0), "gpu-short", "onnx-O4"),
        (V5, embed, texts(l4(), 499.0), "gpu-short", "onnx-O4"),
        (V5, embed, texts(l4(), 500.0), "gpu-long", "torch-fp16"),
        (V5, embed, h200(), "gpu-long", "torch-fp16"),
        (V5, embed, with(h200(), LOSSY), "gpu-long", "torch-fp16"),
        (V5, embed, with(intel_amx_server(), LOSSY), "cpu-int8", "openvino-qint8"),
        (V5, embed, with(amd_zen5(), 0.01), "cpu-int8", "openvino-qint8"),
        (V5, embed, with(intel_laptop(), LOSSLESS), "cpu-intel", "openvino"),
        (V5, embed, with(intel_laptop(), 0.0039), "cpu-intel", "openvino"),
        (V5, embed, with(amd_zen5(), LOSSLESS), "cpu-other", "onnx"),
        (V5, embed, arm_server(), "cpu-other", "onnx"),
        (V5, embed, apple_m(), "cpu-other", "onnx"),
        (V5, embed, small_container(), "cpu-other", "onnx"),
        (V5, embed, Facts::default(), "cpu-other", "onnx"),
        (V5, rerank, batches(l4(), 4.0), "gpu-small-batch", "onnx-O4"),
        (V5, rerank, batches(l4(), 5.0), "gpu-large-batch", "torch-fp16"),
        (V5, rerank, with(arm_server(), LOSSY), "cpu-int8", "openvino-qint8"),
        (V5, rerank, intel_amx_server(), "cpu-intel", "openvino"),
        (V5, rerank, amd_zen5(), "cpu-other", "onnx"),
        (V5, sparse, batches(t4(), 1.0), "sparse-gpu-small-batch", "onnx-O4"),
        (V5, sparse, batches(h200(), 64.0), "sparse-gpu", "torch-bf16"),
        (V5, sparse, with(amd_zen5(), LOSSY), "sparse-cpu-int8", "openvino-qint8"),
        (V5, sparse, intel_laptop(), "sparse-cpu-intel", "openvino"),
        (V5, sparse, arm_server(), "sparse-cpu-other", "onnx-O3"),
    ]
}

fn v6_cases() -> Vec<Case> {
    let (embed, rerank, sparse, multi) = (Task::Embed, Task::Rerank, Task::Sparse, Task::MultiVector);
    vec![
        (V6, embed, l4(), "gpu-flash", "torch-fp16-flash"),
        (V6, embed, texts(h200(), 50.0), "gpu-flash", "torch-fp16-flash"),
        (V6, embed, t4(), "gpu", "torch-fp16"),
        (V6, embed, with(amd_zen5(), LOSSY), "cpu-int8", "openvino-qint8"),
        (V6, embed, intel_amx_server(), "cpu-intel", "openvino"),
        (V6, embed, apple_m(), "cpu-other", "onnx"),
        (V6, rerank, h200(), "rerank-gpu", "torch-fp16"),
        (V6, rerank, with(intel_laptop(), LOSSY), "rerank-cpu-int8", "openvino-qint8"),
        (V6, rerank, intel_laptop(), "rerank-cpu-intel", "openvino"),
        (V6, rerank, small_container(), "rerank-cpu-other", "onnx-O3"),
        (V6, sparse, l4(), "sparse-gpu", "torch-fp16"),
        (V6, sparse, with(arm_server(), LOSSY), "sparse-cpu-int8", "openvino-qint8"),
        (V6, sparse, intel_amx_server(), "sparse-cpu", "onnx-O3"),
        (V6, sparse, amd_zen5(), "sparse-cpu", "onnx-O3"),
        (V6, multi, l4(), "multi-gpu-flash", "torch-fp16-flash"),
        (V6, multi, t4(), "multi-gpu", "torch-fp16"),
        (V6, multi, with(amd_zen5(), LOSSY), "multi-cpu-int8", "openvino-qint8"),
        (V6, multi, intel_laptop(), "multi-cpu-intel", "openvino"),
        (V6, multi, arm_server(), "multi-cpu-other", "torch-fp32"),
    ]
}

fn walk(rules: &str, task: Task, facts: &Facts) -> Walk {
    RuleSet::shipped(rules).unwrap().walk(task, facts).unwrap()
}

#[test]
fn every_leaf_is_reached_by_a_machine() {
    let mut covered = BTreeSet::new();
    for (rules, task, facts, answer, choice) in v5_cases().into_iter().chain(v6_cases()) {
        let walk = walk(rules, task, &facts);
        assert_eq!(
            (walk.answer().answer.as_str(), walk.answer().choices[0].name.as_str()),
            (answer, choice),
            "{facts:?}"
        );
        covered.insert((rules, task.name(), answer.to_owned()));
    }
    let all: BTreeSet<_> = [V5, V6].into_iter().flat_map(leaves).collect();
    assert_eq!(covered, all);
}

/// The answers that questions lead to, for each task.
fn leaves(name: &'static str) -> Vec<(&'static str, &'static str, String)> {
    fn collect(rules: &RuleSet, node: usize, found: &mut Vec<String>) {
        match &rules.nodes[node] {
            Node::Answer(answer) => found.push(answer.name.clone()),
            Node::Question(question) => {
                collect(rules, question.yes, found);
                collect(rules, question.no, found);
            }
        }
    }
    let rules = RuleSet::shipped(name).unwrap();
    let of_task = |(task, start): &(Task, usize)| {
        let mut found = Vec::new();
        collect(&rules, *start, &mut found);
        found.into_iter().map(|answer| (name, task.name(), answer)).collect::<Vec<_>>()
    };
    rules.tasks.iter().flat_map(of_task).collect()
}

/// The flowchart as published, beside the file that holds it as data.
#[test]
fn v5_is_the_published_flowchart() {
    for device in [DeviceKind::Cpu, DeviceKind::Gpu] {
        for chars in [1.0, 38.9, 499.0, 500.0, 619.6, 9589.3] {
            for max_loss in [0.0, 0.003, 0.004, 0.15] {
                for vendor in ["intel", "amd", "arm", "apple"] {
                    let facts = Facts {
                        device: Some(device),
                        text_chars: Some(chars),
                        max_loss: Some(max_loss),
                        cpu_vendor: Some(vendor.to_owned()),
                        ..Facts::default()
                    };
                    let published = match device {
                        DeviceKind::Gpu if chars < 500.0 => "onnxruntime f16 onnx/model_O4.onnx on gpu",
                        DeviceKind::Gpu => "libtorch f16 on gpu",
                        _ if max_loss >= 0.004 => "openvino int8 on cpu",
                        _ if vendor == "intel" => "openvino f32 on cpu",
                        _ => "onnxruntime f32 onnx/model.onnx on cpu",
                    };
                    assert_eq!(walk(V5, Task::Embed, &facts).answer().choices[0].to_string(), published, "{facts:?}");
                }
            }
        }
    }
}

#[test]
fn a_card_that_cannot_be_used_leads_to_the_processor() {
    let names = |walk: &Walk| walk.choices().map(|choice| choice.name.clone()).collect::<Vec<_>>();
    let exact = walk(V5, Task::Embed, &with(t4(), LOSSLESS));
    assert_eq!(names(&exact), ["torch-fp16", "onnx-O4", "onnx-gpu", "openvino", "onnx", "torch-fp32"]);
    let lossy = walk(V6, Task::Embed, &with(arm_server(), LOSSY));
    assert_eq!(names(&lossy), ["openvino-qint8", "onnx-qint8", "onnx", "openvino", "torch-fp32"]);
}

#[test]
fn every_file_of_the_folder_is_shipped_and_says_where_it_is_from() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/rules");
    let files: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(files, RuleSet::shipped_names().map(str::to_owned).collect());
    for name in RuleSet::shipped_names() {
        let rules = RuleSet::named(name).unwrap();
        assert_eq!(rules.name(), name);
        assert!(rules.title().unwrap().starts_with("flowcharts of sentence-transformers"));
        assert!(rules.source().unwrap().starts_with("https://sbert.net/"));
        assert!(rules.date().unwrap().starts_with("202"));
        let file = RuleSet::named(&format!("{folder}/{name}.toml")).unwrap();
        assert_eq!((file.nodes, file.tasks), (rules.nodes, rules.tasks));
    }
}

#[test]
fn what_the_rules_do_not_know_is_said() {
    let err = RuleSet::shipped(V5).unwrap().walk(Task::MultiVector, &l4()).unwrap_err();
    assert!(err.message().ends_with("have nothing for the task `multi_vector`"), "{err}");
    assert_eq!(err.hint(), Some("they have rules for embed, rerank, sparse"));
    let err = RuleSet::named("sentence-transformers-v7").unwrap_err();
    assert!(err.hint().unwrap().starts_with("did you mean `sentence-transformers-v"), "{err}");
    let err = RuleSet::named("zzz").unwrap_err();
    assert!(err.hint().unwrap().starts_with("there are sentence-transformers-v5, "), "{err}");
}
