//! Native libraries that a manifest names: loaded before the plugin, with what lies beside them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use drivetrain_contract::ErrorKind;
use drivetrain_plugin_host::{OpenOptions, Origin, PluginBackend, Registry, SearchPath};
use serde_json::json;

use crate::c_plugins::{Case, MANIFEST, build};

/// Compiles an empty library.
fn library(path: &Path) -> PathBuf {
    let source = path.with_extension("c");
    fs::write(&source, "int drivetrain_test_answer(void) { return 42; }\n").unwrap();
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let status = Command::new(compiler).args(["-shared", "-fPIC", "-o"]).args([path, &source]).status();
    assert!(status.expect("a C compiler is needed for these tests").success());
    path.to_path_buf()
}

/// Opens a plugin whose manifest has these lines more, with a native library named by the user.
fn open(folder: &Path, native: &str, library: &Path) -> drivetrain_contract::Result<PluginBackend> {
    build(Case::Good, folder);
    let native = format!("[[native]]\nid = \"engine\"\nconfig_key = \"library\"\nmin = \"2.13.0\"\n{native}");
    fs::write(folder.join("plugin.toml"), format!("{MANIFEST}\n{native}")).unwrap();
    let mut search = SearchPath::default();
    search.push(Origin::Explicit, folder);
    let config = json!({ "library": library }).as_object().unwrap().clone();
    Registry::discover(&search).get("c_plugin")?.open(OpenOptions { config, data_dir: folder.join("home") })
}

#[test]
#[cfg(target_os = "linux")]
fn what_lies_beside_a_library_is_loaded_and_may_be_missing_or_broken() {
    let folder = tempfile::tempdir().unwrap();
    let engine = library(&folder.path().join("libengine.so.2.13.0"));
    let [more, outside] = ["libmore.so", "liboutside.so"].map(|name| library(&folder.path().join(name)));
    fs::write(folder.path().join("libbroken.so"), "not a library").unwrap();
    let with = "with = [\"libabsent.so\", \"libbroken.so\", \"libmore.so\", \"./liboutside.so\"]\n";
    open(folder.path(), with, &engine).unwrap();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let is_loaded = |path: &Path| maps.contains(&path.display().to_string());
    assert!(is_loaded(&engine) && is_loaded(&more));
    assert!(!is_loaded(&outside), "names only, not paths");
}

#[test]
#[cfg(target_os = "linux")]
fn a_library_that_does_not_tell_its_version_may_be_refused() {
    let folder = tempfile::tempdir().unwrap();
    let engine = library(&folder.path().join("libengine.so"));
    open(folder.path(), "", &engine).unwrap();
    let err = open(folder.path(), "must_tell_version = true\n", &engine).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Dependency);
    assert!(
        err.to_text().contains("does not tell its version, `engine` 2.13.0 or newer is needed"),
        "{}",
        err.to_text()
    );
    let older = library(&folder.path().join("libengine.so.2.12.1"));
    let err = open(folder.path(), "must_tell_version = true\n", &older).unwrap_err();
    assert!(err.to_text().contains("is version 2.12.1"), "{}", err.to_text());
}
