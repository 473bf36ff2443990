//! Versions that a library itself does not tell, but files that come with it do.
//!
//! libtorch is one such: the same `libtorch_cpu.so` lies in the archives of pytorch.org, in the Python package, in
//! conda's package and in those of distributions, each with other files around it.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use crate::Version;

/// Far more than any of these files needs.
const MAX_BYTES: u64 = 1 << 16;

/// A file that tells the version of libtorch: where it is, as seen from the library's folder, and what comes before the
/// version in it.
const WITNESSES: [(&str, &str); 4] = [
    // The archives of pytorch.org: nothing but the version.
    ("../build-version", ""),
    // The Python package.
    ("../version.py", "__version__ = '"),
    // All of them, if the part for developers is there.
    ("../share/cmake/Torch/TorchConfigVersion.cmake", "set(PACKAGE_VERSION \""),
    // Distributions that have a folder for each processor.
    ("cmake/Torch/TorchConfigVersion.cmake", "set(PACKAGE_VERSION \""),
];

/// Names of the library, without ending.
const TORCH: [&str; 2] = ["libtorch_cpu", "torch_cpu"];

/// The version that a file beside the library at `path` tells; `None` for libraries that none is known of.
pub(crate) fn version(path: &Path) -> Option<Version> {
    let name = path.file_stem()?.to_str()?;
    if !TORCH.contains(&name) {
        return None;
    }
    let folder = path.parent()?;
    WITNESSES.iter().find_map(|(file, before)| after(&folder.join(file), before))
}

fn after(path: &PathBuf, before: &str) -> Option<Version> {
    let file = File::open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text);
    let (_, version) = text.split_once(before)?;
    Version::parse_at_least(version.trim_start(), 2)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn check(file: &str, text: &str, expect: Option<&str>) {
        let root = tempfile::tempdir().unwrap();
        let library = root.path().join("lib/libtorch_cpu.so");
        let witness = library.parent().unwrap().join(file);
        fs::create_dir_all(library.parent().unwrap()).unwrap();
        fs::create_dir_all(witness.parent().unwrap()).unwrap();
        fs::write(&witness, text).unwrap();
        assert_eq!(version(&library).map(|version| version.to_string()).as_deref(), expect, "{file}");
        assert_eq!(version(&library.with_file_name("libonnxruntime.so")), None);
    }

    #[test]
    fn every_way_of_packing_it_tells_the_version() {
        check("../build-version", "2.13.0+cpu\n", Some("2.13.0"));
        check(
            "../version.py",
            "from typing import Optional\n\n__version__ = '2.12.1+cu130'\ndebug = False\n",
            Some("2.12.1"),
        );
        let cmake = "# comment\nset(PACKAGE_VERSION \"2.13.1\")\n\n# Check whether";
        check("../share/cmake/Torch/TorchConfigVersion.cmake", cmake, Some("2.13.1"));
        check("cmake/Torch/TorchConfigVersion.cmake", cmake, Some("2.13.1"));
        for text in ["", "latest", "2", &"x".repeat(100_000)] {
            check("../build-version", text, None);
        }
        check("../version.py", "__version__ = ", None);
    }
}
