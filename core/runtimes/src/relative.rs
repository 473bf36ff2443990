//! Paths that stay where they are put: names and relative paths from files, checked before they touch the disk.

use std::path::{Component, Path};

/// Whether `path` is relative, not empty, spelled with `/`, and names nothing outside the folder it is joined to.
///
/// `\` and `:` mean something on Windows only, so they are refused everywhere: what one system refuses, all refuse.
pub(crate) fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && !path.contains(['\\', ':', '\0'])
        && path.trim_end_matches('/').split('/').all(|part| !part.is_empty())
        && Path::new(path).components().all(|component| matches!(component, Component::Normal(_)))
}

/// Whether `id` can name a runtime: lower-case letters, digits, `-` and `_`, beginning with a letter.
pub(crate) fn is_id(id: &str) -> bool {
    id.starts_with(|c: char| c.is_ascii_lowercase())
        && id.len() <= 64
        && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_that_stay_inside_pass() {
        for path in ["lib/a.so", "a", "lib/", "a b/c.d"] {
            assert!(is_inside(path), "{path:?}");
        }
        for path in
            ["", "/", "/etc/passwd", "../a", "a/../../b", "a/..", ".", "a//b", "C:\\a", "c:a", "a\\..\\b", "a\0"]
        {
            assert!(!is_inside(path), "{path:?}");
        }
    }

    #[test]
    fn ids_are_plain_words() {
        assert!(is_id("onnxruntime") && is_id("libtorch-2_x"));
        for id in ["", "..", ".lock", "a/b", "A", "1a", "a b", "é"] {
            assert!(!is_id(id), "{id:?}");
        }
    }
}
