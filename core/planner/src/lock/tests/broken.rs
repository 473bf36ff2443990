//! Texts that are no locks.

use std::{fs, path::Path};

use drivetrain_contract::ErrorKind;

use super::{lock, printed};
use crate::lock::{Lock, PlanFile};

#[track_caller]
fn check(text: &str, expected: &str) {
    let err = Lock::parse("l", text).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Invalid, "{err}");
    assert!(err.to_text().contains(expected), "`{expected}` is not in: {}", err.to_text());
}

/// A lock with one part replaced.
#[track_caller]
fn check_changed(from: &str, to: &str, expected: &str) {
    let text = lock().to_toml();
    assert!(text.contains(from), "no `{from}` in\n{text}");
    check(&text.replacen(from, to, 1), expected);
}

#[test]
fn what_is_wrong_has_its_place() {
    check("version = 1\nthreads == 2", "`l`:2:");
    check("version = 1\nversion = 1", "`l`:2:1: duplicate key");
    check(&format!("{}\n[plan]\n", lock().to_toml()), "duplicate key");
    check("version = 1\n[plan]\nbackend = 7", "`l`:");
    check_changed("threads = 4", "threads = \"4\"", ":19:11: invalid type: string \"4\"");
    check_changed("threads = 4", "threads = 0", ":19:11: 0 is not within 1 and 4096");
    check_changed("threads = 4", "threads = 99999999999999999999", ":19:11:");
    check_changed("sessions = 2", "sessions = 1000000", "1000000 is not within 1 and 256");
    check_changed("sessions = 2", "sessions = 2\nbatch_tokens = 0", "0 is not within 1 and 1000000");
    check_changed("sessions = 2", "sessions = 2\nbatches = 0", "unknown field `batches`");
    check_changed("threads = 4\n", "", "missing field `threads`");
    check_changed("precision = \"f32\"", "precision = \"f33\"", "unknown variant `f33`");
    check_changed("kind = \"cpu\"", "kind = [\"cpu\"]", "`l`:12:");
    check_changed("sha256 = \"", "sha256 = \"0", "not a SHA-256");
    check_changed(
        "file = \"onnx/model.onnx\"",
        "file = \"other\"",
        "incomplete: `other`, which is loaded, is not locked",
    );
    check_changed("bytes = 11", "bytes = -1", "invalid value: integer `-1`");
}

#[test]
fn paths_stay_inside_the_model() {
    for path in ["/etc/passwd", "../m.onnx", "a/../../b", "", ".", "./a", "a\\u0000"] {
        check_changed(
            "file = \"onnx/model.onnx\"",
            &format!("file = \"{path}\""),
            "is no path inside a model's folder",
        );
        check_changed("\"config.json\" =", &format!("\"{path}\" ="), "is no path inside a model's folder");
    }
}

#[test]
fn other_versions_are_named_before_anything_else_is_wrong() {
    let newer = "version = 2\n[plans]\n";
    check(
        newer,
        "`l` is of version 2, this program reads version 1 (hint: take the program that wrote it, or write it anew",
    );
    check("version = -1", "is of version -1");
    for text in ["", "# nothing", "version = \"1\"", "model = \"m\"", "[version]"] {
        check(text, "`l` has no `version` and so is no lock (hint: `drivetrain plan --lock` writes one)");
    }
}

#[test]
fn hostile_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("l");
    let check_file = |bytes: &[u8], expected: &str| {
        fs::write(&path, bytes).unwrap();
        for err in [Lock::read(&path).unwrap_err(), PlanFile::read(&path).unwrap_err()] {
            assert_eq!(err.kind(), ErrorKind::Invalid);
            assert!(err.to_text().contains(expected), "{}", err.to_text());
        }
    };
    check_file(b"version = 1\n# \xc3\xbc\xff", "l`:2:4: not UTF-8");
    check_file(&vec![b'#'; (4 << 20) + 1], "too long for a plan");
    check_file(format!("version = 1\n{}x = 1", "a.".repeat(200_000)).as_bytes(), "recurs");
    check_file(format!("version = 1\nx = {}", "[".repeat(200_000)).as_bytes(), "recurs");
    let whole = lock().to_toml();
    // Wherever it was cut, it is no lock, or one without files that are there.
    for length in 0..whole.trim_end().len() {
        if let Ok(cut) = Lock::parse("l", &whole[..length]) {
            assert!(lock().check("l", &cut).is_err() && cut.check("l", &lock()).is_err(), "{length}");
        }
    }
    assert_eq!(Lock::read(folder.path()).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(Lock::read(&folder.path().join("none")).unwrap_err().kind(), ErrorKind::NotFound);
}

#[cfg(unix)]
#[test]
fn endless_files_end() {
    assert!(Lock::read(Path::new("/dev/zero")).unwrap_err().message().contains("too long"));
}

#[test]
fn printed_plans_that_are_broken_have_their_place() {
    let check = |text: &str, expected: &str| {
        let err = PlanFile::parse("p", text).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Invalid);
        assert!(err.to_text().contains(expected), "{}", err.to_text());
    };
    check("{", "`p`:1:1: not a plan as `drivetrain plan --json` prints it");
    check("{\"model\": 1}", "invalid type: integer `1`");
    check("\n {}", "missing field `model`");
    let deep = "[".repeat(100_000);
    check(&format!("{{\"rejected\":[{{\"backend\":\"b\",\"reason\":{deep}"), "recursion limit");
    check(&printed().to_string().replace("\"threads\":4", "\"threads\":-4"), "invalid value: integer `-4`");
}
