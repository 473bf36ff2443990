//! Values that cannot be right: what is known instead is said.

use crate::cli::Workplace;

fn check_refused(args: &[&str], code: i32, expected: &[&str]) {
    let Some(place) = Workplace::new() else { return };
    let outcome = place.run(&[&["embed", "x", "-o", "v.npy"], args].concat());
    outcome.failed(code, expected);
    assert_eq!(place.files(), [""; 0], "{args:?}");
}

#[test]
fn unknown_prompts_list_the_known() {
    check_refused(&["--prompt-name", "passage"], 2, &["unknown prompt name `passage`", "`document`, `query`"]);
    check_refused(&["--prompt-name", "a", "--prompt", "b"], 2, &["cannot be used with"]);
    let Some(place) = Workplace::new() else { return };
    let model = place.fixture("bert-prompts", "model").display().to_string();
    place.run(&["embed", "x", "-m", &model, "--prompt-name", "passage"]).failed(2, &["`passage`", "`query`"]);
}

#[test]
fn dimensions_are_from_one_to_what_the_model_has() {
    check_refused(&["--truncate-dim", "0"], 2, &["`truncate_dim` is 0", "from 1 to 256"]);
    check_refused(&["--truncate-dim", "257"], 2, &["is 257", "256 dimensions", "from 1 to 256"]);
    check_refused(&["--truncate-dim", "99999999999999999999999"], 2, &["--truncate-dim"]);
    check_refused(&["--truncate-dim=-1"], 2, &["--truncate-dim"]);
}

#[test]
fn what_the_machine_lacks_is_said_with_what_it_has() {
    check_refused(&["--backend", "tensorrt"], 3, &["no backend `tensorrt`", "onnxruntime, openvino, static"]);
    check_refused(&["--backend", "onnxruntime"], 2, &["backend `onnxruntime` does not read", "static"]);
    check_refused(&["--device", "cuda:7"], 3, &["backend `static` has no device `cuda:7`", "it has: cpu"]);
    check_refused(&["--precision", "fp32"], 2, &["`--precision`", "`fp32`", "one of f32, bf16, f16, int8"]);
    for precision in ["f16", "bf16", "int8"] {
        check_refused(&["--precision", precision], 2, &["does not compute in", "it computes in f32"]);
    }
}

#[test]
fn threads_are_a_sensible_number() {
    for threads in ["0", "4097"] {
        check_refused(&["--threads", threads], 2, &["`--threads`", "from 1 to 4096", threads]);
    }
    check_refused(&["--threads", "many"], 2, &["--threads"]);
    let Some(place) = Workplace::new() else { return };
    let one = place.run(&["embed", "a text", "--threads", "1"]).succeeded().stdout;
    assert_eq!(place.run(&["embed", "a text", "--threads", "64"]).succeeded().stdout, one);
}

#[test]
fn empty_names_are_refused() {
    check_refused(&["-m", ""], 2, &["--model"]);
    check_refused(&["--backend", ""], 2, &["`--backend`"]);
    check_refused(&["--device", " "], 2, &["`--device`"]);
}

#[test]
fn a_conversion_says_what_it_needs() {
    let Some(place) = Workplace::new() else { return };
    let model = place.fixture("bert-mean", "model").display().to_string();
    let refused: [(&[&str], i32, &[&str]); 8] = [
        (&["builtin", "--to", "onnx"], 2, &["where to?", "`-o`"]),
        (&[&model, "--to", "static"], 2, &["where to?", "`-o`"]),
        (&["builtin", "--to", "onnx", "-o", "m.onnx"], 2, &["builtin"]),
        (&["builtin", "--to", "static", "-o", "out"], 2, &["static"]),
        (&[&model, "--to", "static", "-o", "out", "--dims", "0"], 2, &["dims"]),
        (&[&model, "--to", "static", "-o", "out", "--dims", "49"], 2, &["49", "48"]),
        (&[&model, "--to", "static", "-o", "out", "--dtype", "i4"], 2, &["i4", "i8"]),
        (&[&model, "--to", "onnx", "-o", "."], 2, &["`.` is a folder"]),
    ];
    for (args, code, expected) in refused {
        place.run(&[&["convert"], args].concat()).failed(code, expected);
    }
    assert!(place.files().iter().all(|name| name.starts_with("model/")), "{:?}", place.files());
}
