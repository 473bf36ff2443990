//! Environment variables by which loaders and engines do something else than a profile says.

use serde::Serialize;

/// A variable that is set, and what it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Influence {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// What it changes.
    pub effect: &'static str,
}

/// Variables by their whole name, or by how it begins if there is a `*` at the end.
///
/// Sources: `man 8 ld.so`; the OpenMP specification 5.2, chapter 21; the manuals of libgomp, of LLVM's and Intel's
/// OpenMP, oneMKL, oneDNN and OpenBLAS; the CUDA programming guide.
const EFFECTS: &[(&str, &str)] = &[
    ("LD_PRELOAD", "is loaded before everything else and may replace functions that engines use"),
    ("LD_AUDIT", "watches the loading of libraries and may redirect it"),
    ("LD_LIBRARY_PATH", "may put other versions in the place of libraries that engines ask for"),
    ("DYLD_INSERT_LIBRARIES", "is loaded before everything else and may replace functions that engines use"),
    ("DYLD_LIBRARY_PATH", "may put other versions in the place of libraries that engines ask for"),
    ("OMP_NUM_THREADS", "sets the threads of OpenMP where an engine leaves them open"),
    ("OMP_THREAD_LIMIT", "keeps OpenMP from using the threads an engine is given"),
    ("OMP_PROC_BIND", "ties threads of OpenMP to processors, so that sessions side by side share one"),
    ("OMP_PLACES", "ties threads of OpenMP to processors, so that sessions side by side share one"),
    ("OMP_WAIT_POLICY", "may let idle threads of OpenMP spin, which takes the processor from other engines"),
    ("OMP_*", "changes OpenMP, with which libtorch computes"),
    ("GOMP_CPU_AFFINITY", "ties threads of OpenMP to processors, so that sessions side by side share one"),
    ("GOMP_SPINCOUNT", "may let idle threads of OpenMP spin, which takes the processor from other engines"),
    ("GOMP_*", "changes GCC's OpenMP, with which libtorch computes"),
    ("KMP_AFFINITY", "ties threads of OpenMP to processors, so that sessions side by side share one"),
    ("KMP_BLOCKTIME", "may let idle threads of OpenMP spin, which takes the processor from other engines"),
    ("KMP_DUPLICATE_LIB_OK", "hides that several OpenMP runtimes are loaded"),
    ("KMP_*", "changes Intel's and LLVM's OpenMP"),
    ("MKL_NUM_THREADS", "sets the threads of MKL, whatever an engine is given"),
    ("MKL_*", "changes MKL, which may be part of an engine"),
    ("OPENBLAS_*", "changes OpenBLAS, which may be part of an engine"),
    ("ONEDNN_*", "changes oneDNN, with which openvino and libtorch compute"),
    ("DNNL_*", "changes oneDNN, with which openvino and libtorch compute"),
    ("OV_*", "changes openvino"),
    ("OPENVINO_*", "changes openvino"),
    ("PYTORCH_*", "changes libtorch"),
    ("TORCH_*", "changes libtorch"),
    ("CUDA_VISIBLE_DEVICES", "hides or reorders the cards that engines see"),
    ("CUDA_*", "changes CUDA"),
    ("NVIDIA_TF32_OVERRIDE", "decides whether cards compute f32 with fewer bits"),
];

/// The variable that switches ONNX Runtime's telemetry off, and the one value that does.
const TELEMETRY: (&str, &str) = ("ORT_DISABLE_TELEMETRY", "1");

/// The variable that keeps OpenMP's idle threads from spinning, and the value that does.
const SLEEPING: (&str, &str) = ("OMP_WAIT_POLICY", "passive");

/// Those of `variables` that change what engines do, by name.
pub fn influences(variables: impl IntoIterator<Item = (String, String)>) -> Vec<Influence> {
    let influence = |(name, value): (String, String)| {
        let effect = effect(&name, &value).filter(|_| !value.is_empty())?;
        Some(Influence { name, value, effect })
    };
    let mut found: Vec<Influence> = variables.into_iter().filter_map(influence).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn effect(name: &str, value: &str) -> Option<&'static str> {
    if name == TELEMETRY.0 {
        return (value != TELEMETRY.1).then_some("lets ONNX Runtime 1.29 and later write a device id and report home");
    }
    if (name, value) == SLEEPING {
        return None;
    }
    let is_meant = |pattern: &str| match pattern.strip_suffix('*') {
        Some(begin) => name.starts_with(begin),
        None => name == pattern,
    };
    // Whole names come before beginnings that they have.
    EFFECTS.iter().find(|(pattern, _)| is_meant(pattern)).map(|(_, effect)| *effect)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str, expect: Option<&str>) {
        let found = influences([(name.to_owned(), value.to_owned())]);
        match expect {
            Some(part) => assert!(found.len() == 1 && found[0].effect.contains(part), "{name}: {found:?}"),
            None => assert_eq!(found, [], "{name}"),
        }
    }

    #[test]
    fn variables_are_known_by_name_or_beginning() {
        check("LD_PRELOAD", "/x.so", Some("before everything else"));
        check("LD_PRELOAD", "", None);
        check("OMP_NUM_THREADS", "4", Some("threads of OpenMP"));
        check("OMP_DISPLAY_ENV", "1", Some("with which libtorch computes"));
        check("KMP_BLOCKTIME", "200", Some("spin"));
        check("MKL_VERBOSE", "1", Some("MKL"));
        check("ORT_DISABLE_TELEMETRY", "1", None);
        check("ORT_DISABLE_TELEMETRY", "0", Some("device id"));
        check("PATH", "/bin", None);
        check("DRIVETRAIN_THREADS", "2", None);
    }

    #[test]
    fn no_pattern_hides_one_that_comes_later() {
        for (at, (pattern, _)) in EFFECTS.iter().enumerate() {
            let Some(begin) = pattern.strip_suffix('*') else { continue };
            assert!(EFFECTS[at + 1..].iter().all(|(later, _)| !later.starts_with(begin)), "{pattern}");
        }
    }
}
