//! Libraries that are of no use without others beside them.
//!
//! OpenVINO is one such: its C library loads the core, plugins for devices and readers of formats from its own folder,
//! and one of these that is cut short takes the process down when it is loaded.

use std::{fs, path::Path};

use drivetrain_contract::Result;

use crate::{
    binary::{self, Reader},
    failure::io_error,
};

/// How the names of the library and of those beside it begin.
///
/// `libtbb.so` without a version is a text for the linker in some distributions.
const OPENVINO: [&str; 4] = ["libopenvino", "openvino", "libtbb.so.", "tbb12."];

/// Fails for a library beside the one at `path` that is cut short or none.
///
/// # Errors
/// As [`crate::inspect`], for the file beside it.
pub(crate) fn check(path: &Path, cpu: &str) -> Result<()> {
    let is_kin = |name: &str| OPENVINO.iter().any(|start| name.starts_with(start)) && is_library(name);
    let name_of = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let own = name_of(path);
    if !(is_kin(&own) && own.contains("openvino_c")) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    let entries = fs::read_dir(folder).map_err(|err| io_error("read", folder, err))?;
    let files = entries.flatten().map(|entry| entry.path());
    for file in files.filter(|file| is_kin(&name_of(file)) && file.is_file()) {
        binary::read(&Reader::open(&file)?, cpu)?;
    }
    Ok(())
}

/// Whether a name has the ending of a shared library, with a version after it or without.
fn is_library(name: &str) -> bool {
    name.contains(".so") || name.ends_with(".dylib") || name.ends_with(".dll")
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::ErrorKind;

    use super::*;
    use crate::testing::elf;

    #[test]
    fn a_library_beside_it_that_is_cut_short_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let whole = elf(62, None);
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        let library = folder.path().join("libopenvino_c.so.2641");
        for name in ["libopenvino_c.so.2641", "libopenvino.so.2641", "libtbb.so.12", "libopenvino_intel_cpu_plugin.so"]
        {
            write(name, &whole);
        }
        write("libother.so", b"");
        write("openvino.txt", b"");
        write("libtbb.so", b"INPUT(libtbb.so.12)");
        fs::create_dir(folder.path().join("libopenvino_folder.so")).unwrap();
        check(&library, "x86_64").unwrap();
        for name in ["libtbb.so.12", "libopenvino_intel_cpu_plugin.so"] {
            for len in [0, 4, whole.len() / 2, whole.len() - 1] {
                write(name, &whole[..len]);
                let err = check(&library, "x86_64").unwrap_err();
                assert_eq!(err.kind(), ErrorKind::Dependency);
                assert!(err.message().contains(name), "{err}");
                check(&folder.path().join("libother.so"), "x86_64").unwrap();
            }
            write(name, &whole);
        }
    }
}
