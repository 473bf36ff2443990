//! Names that come from a server or a user, checked before they become part of a path or an address.

use std::path::{Component, Path};

/// Whether `path` is relative, spelled with `/`, and names nothing outside the folder it is joined to.
///
/// `\` and `:` mean something on Windows only; they are refused everywhere, so that a model is the same on all systems.
pub(crate) fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && path.len() <= 1024
        && !path.contains(['\\', ':'])
        && !path.contains(char::is_control)
        && path.split('/').all(|part| !part.is_empty() && !part.ends_with(['.', ' ']))
        && Path::new(path).components().all(|component| matches!(component, Component::Normal(_)))
}

/// The same text as one part of an address or the name of one file: everything but letters, digits and `-._~` escaped.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// Whether `text` is a commit as git names it: 40 hexadecimal digits, or 64 with SHA-256.
pub(crate) fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether `pattern` covers `path`: `*` stands for any characters, also `/`, and `?` for one.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    // Where the last `*` was, and how far the path had come by then: on a mismatch that `*` takes one character more.
    let (pattern, path): (Vec<char>, Vec<char>) = (pattern.chars().collect(), path.chars().collect());
    let (mut at, mut pos) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while pos < path.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, pos));
                at += 1;
            }
            Some(&c) if c == '?' || c == path[pos] => (at, pos) = (at + 1, pos + 1),
            _ => match star {
                Some((star_at, taken)) => {
                    star = Some((star_at, taken + 1));
                    (at, pos) = (star_at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_that_stay_inside_pass() {
        for path in ["config.json", "1_Pooling/config.json", "a b/ü.d", ".gitattributes", "..a/b"] {
            assert!(is_inside(path), "{path:?}");
        }
        let long = "a".repeat(2000);
        let hostile =
            ["", "/", "/etc/passwd", "../a", "a/../../b", "a/..", ".", "a//b", "a/", "C:\\a", "c:a", "a\\..\\b"];
        for path in hostile.into_iter().chain(["a\0", "a\nb", "a.", "a /b", &long]) {
            assert!(!is_inside(path), "{path:?}");
        }
    }

    #[test]
    fn everything_that_means_something_in_an_address_is_escaped() {
        assert_eq!(escape("main"), "main");
        assert_eq!(escape("refs/pr/1"), "refs%2Fpr%2F1");
        assert_eq!(escape("a b?#ü%"), "a%20b%3F%23%C3%BC%25");
    }

    #[test]
    fn patterns_cover_paths() {
        for (pattern, path, expect) in [
            ("onnx/model.onnx", "onnx/model.onnx", true),
            ("onnx/*", "onnx/model_O3.onnx", true),
            ("*.onnx", "onnx/model.onnx", true),
            ("onnx/model_?3.onnx", "onnx/model_O3.onnx", true),
            ("*model*onnx", "onnx/a_model_b.onnx", true),
            ("*", "", true),
            ("onnx/model", "onnx/model.onnx", false),
            ("?", "", false),
            ("*.xml", "openvino/model.bin", false),
        ] {
            assert_eq!(matches(pattern, path), expect, "{pattern} {path}");
        }
        // A matcher that tries every way to share the path among the stars would not come back from this.
        assert!(!matches(&format!("{}b", "*a".repeat(40)), &"a".repeat(1000)));
    }

    #[test]
    fn commits_are_hashes() {
        assert!(is_commit(&"0a".repeat(20)) && is_commit(&"f0".repeat(32)));
        assert!(!is_commit("main") && !is_commit(&"0A".repeat(20)) && !is_commit(&"..".repeat(20)));
    }
}
