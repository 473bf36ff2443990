//! Plans in either form, compared.

use serde_json::json;

use super::{lock, printed};
use crate::lock::PlanFile;

fn read(text: &str) -> PlanFile {
    PlanFile::parse("p", text).unwrap_or_else(|err| panic!("{}", err.to_text()))
}

#[track_caller]
fn check(before: &str, now: &str, expected: &[&str]) {
    let found: Vec<String> = read(before).differences(&read(now)).iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_lock_and_a_printed_plan_are_compared_by_what_both_say() {
    let (mut lock, printed) = (lock(), printed().to_string());
    check(&lock.to_toml(), &lock.to_toml(), &[]);
    check(&lock.to_toml(), &printed, &[]);
    check(&printed, &lock.to_toml(), &[]);
    (lock.plan.threads, lock.machine.cores) = (8, Some(1));
    check(&lock.to_toml(), &printed, &["plan.threads: 8 → 4"]);
    check(&printed, &lock.to_toml(), &["plan.threads: 4 → 8"]);
}

#[test]
fn printed_plans_also_differ_in_what_they_did_not_choose() {
    let before = printed();
    let mut now = before.clone();
    check(&before.to_string(), &now.to_string(), &[]);
    now["shape"]["sessions"] = json!(1);
    now["chosen"]["file"]["path"] = json!("onnx/model_O3.onnx");
    now["memory"]["weights"] = json!(0);
    now["rejected"][1]["reason"] = json!({ "why": "unfit", "reason": "too hot" });
    now["rejected"][0] = json!({ "backend": "new", "candidate": null, "reason": { "why": "of_later_times", "x": 1 } });
    now["unheard"] = json!([1]);
    now["figures"] = json!({ "peak_bytes": 7 });
    let expected = [
        "measured.peak_bytes: nothing → 7 (may differ)",
        "plan.file: onnx/model.onnx → onnx/model_O3.onnx",
        "plan.memory: 344 MiB → 164 MiB (may differ)",
        "plan.sessions: 2 → 1",
        "rejected.new: nothing → {\"why\":\"of_later_times\",\"x\":1} (may differ)",
        "rejected.onnxruntime on cpu in f32 from onnx/model.onnx: the rules do not name it → the device cannot be used: \
         too hot (may differ)",
        "rejected.static: it reads static, which this model has not → nothing (may differ)",
    ];
    check(&before.to_string(), &now.to_string(), &expected);
}
