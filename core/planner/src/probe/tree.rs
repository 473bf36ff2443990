//! Files below a folder that stands for `/`, so that machines of any kind can be described in tests.

use std::{
    fs::{self, File},
    io::Read,
    path::{Component, Path, PathBuf},
    str::FromStr,
};

/// Longer than any of these files is; `mountinfo` may have thousands of lines.
const MAX_BYTES: u64 = 1 << 20;

/// A folder that stands for `/`.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    root: PathBuf,
}

impl Tree {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    /// The text of a file by its absolute path; `None` where there is none to read.
    pub(super) fn read(&self, path: &str) -> Option<String> {
        self.read_start(path, MAX_BYTES)
    }

    /// Its first bytes.
    pub(super) fn read_start(&self, path: &str, n_bytes: u64) -> Option<String> {
        let path = self.place(path)?;
        // To open a pipe may wait for ever.
        if !fs::metadata(&path).ok()?.is_file() {
            return None;
        }
        let mut bytes = Vec::new();
        File::open(path).ok()?.take(n_bytes.min(MAX_BYTES)).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The one value in a file.
    pub(super) fn value<T: FromStr>(&self, path: &str) -> Option<T> {
        self.read(path)?.trim().parse().ok()
    }

    pub(super) fn has_folder(&self, path: &str) -> bool {
        self.place(path).is_some_and(|path| path.is_dir())
    }

    /// Where an absolute path is; paths read from files must not lead out.
    fn place(&self, path: &str) -> Option<PathBuf> {
        let relative = Path::new(path).strip_prefix("/").ok()?;
        let is_plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
        is_plain.then(|| self.root.join(relative))
    }
}

/// The value behind the first line of `text` that begins with `name` and a colon.
pub(super) fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found.trim() == name).then(|| value.trim())
    })
}

/// The bytes of a value such as `24684084 kB`.
pub(super) fn kilobytes(value: &str) -> Option<u64> {
    value.strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_below_the_root_are_read() {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("root");
        fs::create_dir(&root).unwrap();
        fs::write(outside.path().join("secret"), "1").unwrap();
        fs::write(root.join("number"), b" 12 \xff\n").unwrap();
        let tree = Tree::new(&root);
        assert_eq!(tree.read("/number").unwrap(), " 12 \u{fffd}\n");
        assert_eq!(tree.read_start("/number", 3).unwrap(), " 12");
        assert_eq!(tree.value::<u32>("/number"), None);
        for path in ["/../secret", "number", "/", "/absent", ""] {
            assert_eq!(tree.read(path), None, "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_never_ends_is_not_read() {
        assert_eq!(Tree::new(Path::new("/")).read("/dev/zero"), None);
    }

    #[test]
    fn fields_and_sizes_are_understood() {
        assert_eq!(field("a b\t: c: d\nMemTotal:  16 kB\n", "a b"), Some("c: d"));
        assert_eq!(field("MemTotal:  16 kB\n", "MemTotal").and_then(kilobytes), Some(16384));
        for broken in ["many kB", "1 MB", "18446744073709551615 kB", ""] {
            assert_eq!(kilobytes(broken), None, "{broken}");
        }
    }
}
