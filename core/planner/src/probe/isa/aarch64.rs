//! What the operating system says of a processor of Arm's kind, where programs may not ask it themselves.

use std::arch::is_aarch64_feature_detected;

/// Who was asked.
pub(super) const SOURCE: &str = "the operating system";

/// Extensions by the rules' names, and whether they can be used.
pub(super) fn ask() -> Vec<(&'static str, bool)> {
    vec![
        ("bf16", is_aarch64_feature_detected!("bf16")),
        ("dotprod", is_aarch64_feature_detected!("dotprod")),
        ("fp16", is_aarch64_feature_detected!("fp16")),
        ("i8mm", is_aarch64_feature_detected!("i8mm")),
        ("neon", is_aarch64_feature_detected!("neon")),
        ("sve", is_aarch64_feature_detected!("sve")),
        ("sve2", is_aarch64_feature_detected!("sve2")),
    ]
}
