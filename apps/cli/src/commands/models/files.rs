//! The files of a package and their sizes.

use std::{fs, path::Path};

use drivetrain::package::Files;

/// Deepest folder that is looked into: no model has more, and a loop of links ends.
const MAX_DEPTH: usize = 8;

/// Path and length of each file, sorted by path. Hidden files are no part of a model.
pub(crate) fn of(files: &Files) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    match files {
        Files::Memory(pairs) => {
            found.extend(pairs.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.len() as u64)))
        }
        Files::Dir(folder) => walk(folder, "", 0, &mut found),
    }
    found.sort();
    found
}

/// Bytes in all of them.
pub(crate) fn total(files: &Files) -> u64 {
    of(files).iter().fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes))
}

/// A length as people read it.
pub(crate) fn megabytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

fn walk(folder: &Path, rel: &str, depth: usize, found: &mut Vec<(String, u64)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(facts) = fs::metadata(entry.path()) else { continue };
        let path = if rel.is_empty() { name.clone() } else { format!("{rel}/{name}") };
        if name.starts_with('.') {
            continue;
        }
        if facts.is_dir() && depth < MAX_DEPTH {
            walk(&entry.path(), &path, depth + 1, found);
        } else if facts.is_file() {
            found.push((path, facts.len()));
        }
    }
}
