//! Native libraries that are missing, too old or none at all: refused at once; and no telemetry of those that have it.

use std::{env, fs, path::Path, time::Duration};

use drivetrain_tests::{Program, skip};

use crate::cli::{
    Workplace,
    workplace::{copy_tree, files_below},
};

/// A library that does not suit has been known to hang or to crash whoever loads it.
const SOON: Duration = Duration::from_secs(2);
const INSTALL: &str = "drivetrain runtimes install onnxruntime";

fn check_refused(place: &Workplace, library: &str, code: i32, expected: &[&str]) {
    place.write("p.toml", format!("[backends.onnxruntime]\nlibrary = {library:?}\n"));
    place.fixture("bert-mean", "model");
    let embed = place.run(&["embed", "x", "-m", "model", "-c", "p.toml", "-o", "v.npy"]);
    embed.failed(code, expected);
    assert!(embed.took < SOON, "{:?}", embed.took);
    assert!(!place.files().iter().any(|name| name.contains("v.npy") || name.contains("onnx/")), "{:?}", place.files());
    let list = place.run(&["plugins", "list", "-c", "p.toml"]).succeeded();
    assert!(list.took < SOON, "{:?}", list.took);
    assert!(list.stdout.starts_with("onnxruntime 0.1.0  refused  (linked)\n"), "{}", list.stdout);
    expected.iter().for_each(|part| assert!(list.stdout.contains(part), "`{part}` is not in: {}", list.stdout));
    fs::remove_dir_all(place.path("model")).expect("the copy");
}

#[test]
fn without_a_library_the_command_that_fetches_it_is_named() {
    let Some(place) = Workplace::new() else { return };
    place.fixture("bert-mean", "model");
    let home = place.path("home");
    let outcome = place.program(&["embed", "x", "-m", "model"]).env("DRIVETRAIN_HOME", &home).run();
    outcome.failed(4, &["`onnxruntime` is not installed", INSTALL]);
    assert!(outcome.took < SOON, "{:?}", outcome.took);
    assert!(!place.files().iter().any(|name| name.contains("onnx/")), "{:?}", place.files());
    // What needs no library works.
    place.program(&["embed", "x"]).env("DRIVETRAIN_HOME", &home).run().succeeded();
    let list = place.program(&["plugins", "list"]).env("DRIVETRAIN_HOME", &home).run().succeeded().stdout;
    assert!(list.contains("onnxruntime 0.1.0  refused") && list.contains(INSTALL), "{list}");
}

#[test]
fn files_that_are_no_library_are_refused() {
    let Some(place) = Workplace::new() else { return };
    for contents in [&b"I am a text.\n"[..], b"", b"\x7fELF"] {
        let path = place.write("libonnxruntime.so", contents).display().to_string();
        check_refused(&place, &path, 4, &["libonnxruntime.so"]);
    }
    let none = place.path("none.so").display().to_string();
    check_refused(&place, &none, 4, &["none.so", "cannot be found"]);
    let folder = place.path("").display().to_string();
    check_refused(&place, &folder, 4, &[]);
    // A library, but another one.
    let plugin = fs::read_dir(place.rig.plugins().join("static")).expect("a plugin").flatten();
    let plugin = plugin.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|kind| kind == "so"));
    check_refused(&place, &plugin.expect("its library").display().to_string(), 4, &["onnxruntime"]);
}

#[test]
fn relative_paths_and_other_values_are_refused() {
    let Some(place) = Workplace::new() else { return };
    fs::copy(place.rig.onnxruntime("1.28.0"), place.path("libonnxruntime.so")).expect("a copy");
    check_refused(&place, "libonnxruntime.so", 2, &["`backends.onnxruntime.library` must be an absolute path"]);
    check_refused(&place, "./libonnxruntime.so", 2, &["`backends.onnxruntime.library` must be an absolute path"]);
    place.write("p.toml", "[backends.onnxruntime]\nlibrary = 7\n");
    place.fixture("bert-mean", "model");
    place.run(&["embed", "x", "-m", "model", "-c", "p.toml"]).failed(2, &["`backends.onnxruntime.library`", "`7`"]);
}

#[test]
fn a_library_that_is_too_old_is_refused_whatever_its_name() {
    let Some(place) = Workplace::new() else { return };
    let Some(old) = env::var_os("DRIVETRAIN_TEST_OLD_ONNXRUNTIME") else {
        // There is an old library for one platform only.
        if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            skip("needs the old library that `cargo xtask test` fetches (DRIVETRAIN_TEST_OLD_ONNXRUNTIME)");
        }
        return;
    };
    let old = Path::new(&old);
    check_refused(&place, &old.display().to_string(), 4, &["1.14.1", "1.17.0", INSTALL]);
    for name in ["libonnxruntime.so", "libonnxruntime.so.1.28.0"] {
        fs::copy(old, place.path(name)).expect("a copy");
        let path = place.path(name).display().to_string();
        check_refused(&place, &path, 4, &[&path, "1.14.1", "1.17.0", INSTALL]);
    }
}

#[test]
fn a_library_of_the_users_own_is_used() {
    let Some(place) = Workplace::new() else { return };
    fs::copy(place.rig.onnxruntime("1.31.1"), place.path("mine.so")).expect("a copy");
    place.write("p.toml", format!("[backends.onnxruntime]\nlibrary = {:?}\n", place.path("mine.so")));
    let list = place.run(&["plugins", "list", "-c", "p.toml"]).succeeded().stdout;
    assert!(list.contains("engine 1.31.1"), "{list}");
}

/// By these ONNX Runtime knows a build machine, where it has no telemetry and the test would see none.
const BUILD_MACHINE: [&str; 10] = [
    "CI",
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "CIRCLECI",
    "TRAVIS",
    "TF_BUILD",
    "JENKINS_URL",
    "TEAMCITY_VERSION",
    "BITBUCKET_BUILD_NUMBER",
    "CODEBUILD_BUILD_ID",
];

/// Runs a command with the newer library, which has telemetry, and gives what it left in the home folder.
fn left_at_home(place: &Workplace, args: &[&str], variable: Option<&str>) -> Vec<String> {
    let home = place.path("at-home");
    fs::create_dir_all(&home).expect("a folder");
    place.write("p.toml", format!("[backends.onnxruntime]\nlibrary = {:?}\n", place.rig.onnxruntime("1.31.1")));
    let program: Program =
        place.program(&[args, &["-c", "p.toml"]].concat()).without(&BUILD_MACHINE).env("HOME", &home);
    let folders = ["XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"];
    let program = folders.iter().fold(program, |program, name| program.env(name, &home));
    let program = variable.into_iter().fold(program, |program, value| program.env("ORT_DISABLE_TELEMETRY", value));
    program.run().succeeded();
    files_below(&home)
}

#[test]
fn no_telemetry_is_written() {
    let Some(place) = Workplace::new() else { return };
    place.fixture("bert-mean", "model");
    let embed = ["embed", "x", "-m", "model"];
    for variable in [None, Some(""), Some("1")] {
        assert_eq!(left_at_home(&place, &embed, variable), [""; 0]);
        assert_eq!(left_at_home(&place, &["plugins", "list"], variable), [""; 0]);
    }
    // Whoever wants it can have it; and the check above would have seen it.
    let written = left_at_home(&place, &embed, Some("0"));
    assert!(written.iter().any(|name| name.ends_with("deviceid")), "{written:?}");
}

#[test]
fn the_data_folder_of_the_platform_is_used_where_none_is_named() {
    let Some(place) = Workplace::new() else { return };
    place.fixture("bert-mean", "home/.local/share/drivetrain/models/little");
    let runtimes = place.path("home/.local/share/drivetrain/runtimes/onnxruntime");
    copy_tree(&place.rig.home().join("runtimes/onnxruntime"), &runtimes);
    let program =
        Program::new(&place.rig.program()).args(["embed", "x", "-m", "little"]).env("HOME", place.path("home"));
    let program = ["XDG_DATA_HOME", "XDG_CACHE_HOME"].iter().fold(program, |program, name| program.env(name, ""));
    program.run().succeeded();
}
