//! What an x86 processor says itself.

use std::arch::is_x86_feature_detected;

/// Who was asked.
pub(super) const SOURCE: &str = "cpuid and XCR0";

/// Extensions by the rules' names, and whether they can be used.
pub(super) fn ask() -> Vec<(&'static str, bool)> {
    vec![
        ("avx2", is_x86_feature_detected!("avx2")),
        ("avx512_bf16", is_x86_feature_detected!("avx512bf16")),
        ("avx512_fp16", is_x86_feature_detected!("avx512fp16")),
        ("avx512_vnni", is_x86_feature_detected!("avx512vnni")),
        ("avx512bw", is_x86_feature_detected!("avx512bw")),
        ("avx512dq", is_x86_feature_detected!("avx512dq")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512vl", is_x86_feature_detected!("avx512vl")),
        ("avx_vnni", is_x86_feature_detected!("avxvnni")),
        ("f16c", is_x86_feature_detected!("f16c")),
        ("fma", is_x86_feature_detected!("fma")),
    ]
}
