//! Which of our crates may depend on which. A new line here is a change of architecture.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::folders;

/// Crate folder, and the crate folders it may depend on. `*` is anything.
const ALLOWED: &[(&str, &[&str])] = &[
    ("core/contract", &[]),
    ("plugins/abi", &[]),
    ("core/package", &["core/contract"]),
    ("core/runtimes", &["core/contract"]),
    ("plugins/sdk", &["core/contract", "plugins/abi"]),
    ("plugins/host", &["core/contract", "plugins/abi", "core/runtimes"]),
    ("core/architectures", &["core/contract", "core/package"]),
    ("core/planner", &["core/contract", "core/package"]),
    ("core/pipeline", &["core/contract", "core/package"]),
    ("core/convert", &["core/contract", "core/package", "core/architectures"]),
    ("core/files", &["core/contract"]),
    ("backends/static", &["core/contract"]),
    ("core/graphs", &["core/contract"]),
    ("backends/onnxruntime", &["core/contract", "core/graphs"]),
    ("backends/openvino", &["core/contract", "core/graphs"]),
    ("plugins/static", &["backends/static", "plugins/sdk"]),
    ("plugins/onnxruntime", &["backends/onnxruntime", "plugins/sdk"]),
    ("plugins/openvino", &["backends/openvino", "plugins/sdk"]),
    ("backends/libtorch", &["core/contract", "core/package", "core/architectures"]),
    ("plugins/libtorch", &["backends/libtorch", "plugins/sdk"]),
    (
        "core/engine",
        &[
            "core/contract",
            "core/package",
            "core/planner",
            "core/pipeline",
            "core/convert",
            "core/files",
            "core/runtimes",
            "plugins/abi",
            "plugins/sdk",
            "plugins/host",
            "backends/static",
            "backends/onnxruntime",
            "backends/openvino",
        ],
    ),
    ("apps/cli", &["core/engine", "plugins/host"]),
    ("xtask", &["core/package", "core/runtimes"]),
    ("tests", &["*"]),
];

/// Tests may use what their crate may not: the host's tests are plugins themselves, and a backend's run exported models.
const ALLOWED_IN_TESTS: &[(&str, &[&str])] =
    &[("plugins/host", &["plugins/sdk"]), ("backends/openvino", &["core/convert", "core/package"])];

/// Folders of the workspaces that the product is made of.
const WORKSPACES: &[&str] = &["", "backends/libtorch"];

pub(crate) fn check() -> Result<Vec<String>> {
    let root = folders::root();
    let mut packages = Vec::new();
    for workspace in WORKSPACES {
        let mut command = MetadataCommand::new();
        let metadata = command.current_dir(root.join(workspace)).no_deps().exec().context("cargo metadata failed")?;
        packages.extend(metadata.packages);
    }
    let folder_of = |manifest: &std::path::Path| {
        let folder = manifest.parent().and_then(|folder| folder.strip_prefix(&root).ok());
        folder.map(|folder| folder.to_string_lossy().replace('\\', "/")).unwrap_or_default()
    };
    let folders: BTreeMap<String, String> = packages
        .iter()
        .map(|package| (package.name.to_string(), folder_of(package.manifest_path.as_std_path())))
        .collect();
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        ALLOWED.iter().map(|(from, to)| (*from, to.iter().copied().collect())).collect();
    let mut complaints = Vec::new();
    for package in &packages {
        let from = &folders[package.name.as_str()];
        let Some(targets) = allowed.get(from.as_str()) else {
            complaints.push(format!("{from}: a new crate; say in xtask's list what it may depend on"));
            continue;
        };
        for dependency in &package.dependencies {
            let Some(to) = folders.get(&dependency.name) else { continue };
            let in_tests = dependency.kind == DependencyKind::Development
                && ALLOWED_IN_TESTS.iter().any(|(crate_, more)| crate_ == from && more.contains(&to.as_str()));
            if !in_tests && !targets.contains(to.as_str()) && !targets.contains("*") {
                complaints.push(format!("{from}: must not depend on {to}"));
            }
        }
    }
    Ok(complaints)
}
