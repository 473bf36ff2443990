//! `plugins list`: each plugin found, from where, and why one is refused.

use std::fs;

use serde_json::Value;

use crate::cli::{
    Workplace,
    workplace::{copy_tree, files_below},
};

fn listed(place: &Workplace, plugin_path: &str) -> (String, Vec<Value>) {
    let program = |args| place.program(args).env("DRIVETRAIN_PLUGIN_PATH", plugin_path).run().succeeded().stdout;
    let json: Value = serde_json::from_str(&program(&["plugins", "list", "--json"])).expect("JSON");
    (program(&["plugins", "list"]), json.as_array().expect("a list").clone())
}

/// `id state origin` of each.
fn states(plugins: &[Value]) -> Vec<String> {
    let text = |plugin: &Value, key: &str| plugin[key].as_str().unwrap_or("?").to_owned();
    plugins.iter().map(|plugin| ["id", "state", "origin"].map(|key| text(plugin, key)).join(" ")).collect()
}

/// The backends that are part of the program.
const LINKED: [&str; 3] = ["onnxruntime", "openvino", "static"];

/// The plugins in the data folder, by name.
fn installed(place: &Workplace) -> Vec<String> {
    let folders = place.rig.plugins().read_dir().expect("plugins").flatten();
    let mut ids: Vec<String> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    ids.sort();
    ids
}

/// What is listed where nothing comes before what is linked.
fn linked_first(place: &Workplace) -> Vec<String> {
    let linked = LINKED.iter().map(|id| format!("{id} usable linked"));
    let user = installed(place).into_iter().map(|id| match LINKED.contains(&id.as_str()) {
        true => format!("{id} shadowed user"),
        false => format!("{id} usable user"),
    });
    linked.chain(user).collect()
}

#[test]
fn linked_plugins_shadow_those_of_the_data_folder() {
    let Some(place) = Workplace::new() else { return };
    let (text, plugins) = listed(&place, "");
    assert_eq!(states(&plugins), linked_first(&place));
    for line in [
        "onnxruntime 0.1.0  usable  (linked)",
        "engine 1.28.0, reads onnx",
        "device cpu: ",
        "takes text",
        "shadowed  (user ",
    ] {
        assert!(text.contains(line), "`{line}` is not in: {text}");
    }
    let onnxruntime = &plugins[0];
    assert_eq!(onnxruntime["abi_level"], 1);
    assert_eq!(onnxruntime["engine_version"], "1.28.0");
    assert_eq!(onnxruntime["devices"][0]["id"], "cpu");
    assert_eq!(onnxruntime["formats"][0]["format"], "onnx");
    assert!(onnxruntime["config_schema"]["properties"]["library"].is_object(), "{onnxruntime:#}");
    let shadowed = plugins.iter().find(|plugin| plugin["id"] == "onnxruntime" && plugin["state"] == "shadowed");
    let folder = shadowed.and_then(|plugin| plugin["folder"].as_str());
    assert!(folder.is_some_and(|folder| folder.ends_with("plugins/onnxruntime")), "{folder:?}");
}

#[test]
fn a_folder_that_is_named_comes_before_what_is_linked() {
    let Some(place) = Workplace::new() else { return };
    copy_tree(&place.rig.plugins(), &place.path("plugins"));
    let (text, plugins) = listed(&place, place.path("plugins").to_str().expect("a path"));
    let installed = installed(&place);
    let environment = installed.iter().map(|id| format!("{id} usable environment"));
    let linked = LINKED.iter().map(|id| format!("{id} shadowed linked"));
    let user = installed.iter().map(|id| format!("{id} shadowed user"));
    assert_eq!(states(&plugins), environment.chain(linked).chain(user).collect::<Vec<_>>(), "{text}");
    let onnxruntime = plugins.iter().find(|plugin| plugin["id"] == "onnxruntime").expect("a plugin");
    assert_eq!(onnxruntime["engine_version"], "1.28.0");
    let embedded =
        place.program(&["embed", "a text"]).env("DRIVETRAIN_PLUGIN_PATH", place.path("plugins")).run().succeeded();
    assert_eq!(embedded.stdout, place.run(&["embed", "a text"]).succeeded().stdout);

    place.write("p.toml", format!("plugins = [{:?}]", place.path("plugins")));
    let text = place.run(&["plugins", "list", "-c", "p.toml"]).succeeded().stdout;
    let named = format!("onnxruntime 0.1.0  usable  (named {}", place.path("plugins").display());
    assert!(text.contains(&named), "{text}");
}

#[test]
fn the_current_folder_is_never_searched() {
    let Some(place) = Workplace::new() else { return };
    copy_tree(&place.rig.plugins(), &place.path("plugins"));
    copy_tree(&place.rig.plugins().join("static"), &place.path(""));
    for plugin_path in ["", ":", ".", "plugins", "./plugins:"] {
        let (text, plugins) = listed(&place, plugin_path);
        let here = place.path("").display().to_string();
        assert!(!text.contains(&here), "{plugin_path:?}: {text}");
        assert_eq!(plugins.len(), linked_first(&place).len(), "{plugin_path:?}: {text}");
    }
    let warned = place.program(&["plugins", "list"]).env("DRIVETRAIN_PLUGIN_PATH", "plugins").run().succeeded().stderr;
    assert!(warned.contains("`plugins` is not absolute"), "{warned}");
}

fn check_refused(manifest: &str, library: Option<&[u8]>, reason: &str) {
    let Some(place) = Workplace::new() else { return };
    place.write("plugins/strange/plugin.toml", manifest);
    if let Some(contents) = library {
        place.write("plugins/strange/libstrange.so", contents);
    }
    let before = files_below(&place.path("plugins"));
    let (text, plugins) = listed(&place, place.path("plugins").to_str().expect("a path"));
    let expected = [vec!["strange refused environment".to_owned()], linked_first(&place)].concat();
    assert_eq!(states(&plugins), expected, "{text}");
    let why = plugins[0]["refused"].as_str().expect("a reason");
    assert!(why.contains(reason), "`{reason}` is not in: {why}");
    assert!(text.contains("strange") && text.contains("refused: ") && text.contains(reason), "{text}");
    let embed = |args| place.program(args).env("DRIVETRAIN_PLUGIN_PATH", place.path("plugins")).run();
    embed(&["embed", "x", "--backend", "static"]).succeeded();
    let named = embed(&["embed", "x", "--backend", "strange"]);
    assert!(matches!(named.code, Some(2..=4)), "{:?}", named.code);
    assert!(named.stderr.starts_with("error: ") && named.stderr.contains(reason), "{}", named.stderr);
    assert_eq!(files_below(&place.path("plugins")), before);
}

const MANIFEST: &str = "manifest = 1\nid = \"strange\"\nversion = \"0.1.0\"\nabi = { min = 1, max = 1 }\n\
    library = \"strange\"\nsummary = \"\"\nformats = [\"static\"]\nisolation = \"in_process\"\n";

#[test]
fn plugins_that_cannot_be_used_are_listed_with_the_reason() {
    check_refused("not a manifest", None, "plugin.toml");
    check_refused("", None, "plugin.toml");
    check_refused(&MANIFEST.replace("manifest = 1", "manifest = 99"), None, "99");
    check_refused(MANIFEST, None, "libstrange.so` does not exist");
    check_refused(MANIFEST, Some(b"not a library"), "libstrange.so");
    let native = "\n[[native]]\nid = \"nonesuch\"\nconfig_key = \"library\"\nmin = \"1.0\"\n";
    check_refused(&format!("{MANIFEST}{native}"), Some(b"x"), "`nonesuch` is not installed");
}

#[test]
fn a_library_without_the_entry_is_no_plugin() {
    let Some(place) = Workplace::new() else { return };
    let library = fs::read(place.rig.onnxruntime("1.28.0")).expect("a library of another kind");
    check_refused(MANIFEST, Some(&library), "libstrange.so");
}
