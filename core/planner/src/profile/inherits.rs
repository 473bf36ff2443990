//! `inherits`: a profile that builds on another one.

use std::path::{Path, PathBuf};

use crate::profile::{
    assignment::Assignment,
    file::{parse_file, read_regular_file},
    shipped::Shipped,
};
use drivetrain_contract::{Error, Result};

/// The key by which a profile names the one it builds on.
pub(crate) const KEY: &str = "inherits";
/// Profiles that may be inherited one from another. Nobody means more.
const MAX_DEPTH: usize = 16;

/// What a profile is, which decides what it may inherit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Document {
    /// A file: inherits shipped profiles, and files relative to itself.
    File(PathBuf),
    /// Part of the program: inherits others that are.
    Shipped(Shipped),
    /// Text in no place: inherits shipped profiles.
    Text,
}

/// Puts before the settings of a document those it inherits, so that its own come later and win.
///
/// # Errors
/// Whatever is wrong with a profile that is inherited, and [`drivetrain_contract::ErrorKind::Invalid`] for a cycle or
/// a chain that is too long, which the message shows.
pub(crate) fn resolve(document: Document, assignments: Vec<Assignment>) -> Result<Vec<Assignment>> {
    let mut chain = vec![document];
    let mut documents = vec![assignments];
    while let Some(inherits) = documents.last_mut().and_then(take_inherits) {
        let (parent, assignments) = read_parent(chain.last().unwrap_or(&Document::Text), &inherits)?;
        let seen = chain.iter().any(|document| document.is_same(&parent));
        chain.push(parent);
        if seen {
            return Err(wrong(&inherits, &format!("profiles inherit each other: {}", shown(&chain))));
        }
        if chain.len() > MAX_DEPTH + 1 {
            return Err(wrong(&inherits, &format!("more than {MAX_DEPTH} profiles inherited: {}", shown(&chain))));
        }
        documents.push(assignments);
    }
    Ok(documents.into_iter().rev().flatten().collect())
}

fn take_inherits(assignments: &mut Vec<Assignment>) -> Option<Assignment> {
    let idx = assignments.iter().position(|assignment| assignment.key == [KEY])?;
    Some(assignments.remove(idx))
}

fn read_parent(child: &Document, inherits: &Assignment) -> Result<(Document, Vec<Assignment>)> {
    let Some(name) = inherits.value.as_str().filter(|name| !name.is_empty()) else {
        let what = "must be the name of a shipped profile or the path of a file";
        return Err(Error::invalid(format!("{}: {what}, not `{}`", inherits.origin.place_of(KEY), inherits.value)));
    };
    if !is_path(name) {
        let shipped = Shipped::named(name).map_err(|err| within(inherits, name, err))?;
        return Ok((Document::Shipped(shipped), shipped.parse()?));
    }
    let Document::File(path) = child else {
        return Err(wrong(inherits, &format!("cannot inherit the file `{name}`: only files inherit files"))
            .with_hint(format!("name a shipped profile: {}", Shipped::names().join(", "))));
    };
    let path = path.parent().unwrap_or(Path::new("")).join(name);
    let text = read_regular_file(&path).map_err(|err| within(inherits, name, err))?;
    let assignments = parse_file(&path, &text)?;
    Ok((Document::File(path), assignments))
}

/// Names of shipped profiles are single words without an extension; everything else is a path.
fn is_path(name: &str) -> bool {
    name.contains(['/', '\\']) || name.ends_with(".toml")
}

fn wrong(inherits: &Assignment, message: &str) -> Error {
    Error::invalid(format!("{}: {message}", inherits.origin))
}

/// What went wrong with the profile that `inherits` names.
fn within(inherits: &Assignment, name: &str, err: Error) -> Error {
    let error = Error::new(err.kind(), format!("{}: cannot inherit `{name}`", inherits.origin));
    let error = match err.hint() {
        Some(hint) => error.with_hint(hint),
        None => error,
    };
    error.with_source(err)
}

fn shown(chain: &[Document]) -> String {
    let labels: Vec<String> = chain.iter().map(|document| format!("`{}`", document.label())).collect();
    labels.join(" → ")
}

impl Document {
    fn label(&self) -> String {
        match self {
            Document::File(path) => path.display().to_string(),
            Document::Shipped(shipped) => shipped.name.to_owned(),
            Document::Text => "text".to_owned(),
        }
    }

    /// Whether it is the same as another one, by whatever path either is reached.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Document::File(a), Document::File(b)) => {
                a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
            }
            (a, b) => a == b,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use crate::profile::{Layer, Origin, Profile};

    /// Writes files and builds the profile of the first.
    fn build(folder: &TempDir, files: &[(&str, &str)]) -> drivetrain_contract::Result<Profile> {
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Profile::build(&[Layer::file(&folder.path().join(files[0].0))?])
    }

    fn check_refused(files: &[(&str, &str)], expected: &[&str]) {
        let folder = TempDir::new().unwrap();
        let message = build(&folder, files).unwrap_err().to_text();
        for part in expected {
            assert!(message.contains(part), "`{part}` is not in {message:?}");
        }
    }

    #[test]
    fn what_is_inherited_comes_first_and_keeps_its_origin() {
        let folder = TempDir::new().unwrap();
        let files = [
            ("a/own.toml", "inherits = \"../b/parent.toml\"\nthreads = 1"),
            ("b/parent.toml", "threads = 2\nmodel = \"./m\"\ninherits = \"./grand.toml\"\n[backends.e]\nx = 1"),
            ("b/grand.toml", "inherits = \"latency\"\nthreads = 3\nprecision = \"bf16\"\n[pipeline]\nmax_batch = 7"),
        ];
        let profile = build(&folder, &files).unwrap();
        assert_eq!(profile.threads.origin.to_string(), folder.path().join("a/own.toml:2").display().to_string());
        let grand = |line| Origin::File { path: folder.path().join("a/../b/./grand.toml"), line };
        assert_eq!(profile.precision.origin, grand(3));
        assert_eq!(profile.pipeline.max_batch.origin, grand(5));
        assert_eq!(profile.pipeline.sessions.origin, Origin::Shipped("latency"));
        assert_eq!(profile.model.value, folder.path().join("a/../b/./m").display().to_string());
        assert_eq!(profile.backend_config("e")["x"], 1);
    }

    #[test]
    fn cycles_show_the_chain() {
        let files = [("a.toml", "inherits = \"b.toml\""), ("b.toml", "inherits = \"./../x/a.toml\"")];
        let nested = [("x/a.toml", files[0].1), ("x/b.toml", files[1].1)];
        check_refused(&nested, &["b.toml:1: profiles inherit each other: ", "a.toml` → ", "b.toml` → "]);
        check_refused(&[("a.toml", "inherits = \"a.toml\"")], &["inherit each other"]);
    }

    #[test]
    fn a_chain_ends() {
        let chain = |n: usize| -> Vec<(String, String)> {
            let link = |idx| (format!("{idx}.toml"), format!("inherits = \"{}.toml\"", idx + 1));
            (0..n).map(link).chain([(format!("{n}.toml"), "threads = 5".to_owned())]).collect()
        };
        fn borrowed(files: &[(String, String)]) -> Vec<(&str, &str)> {
            files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
        }
        let profile = build(&TempDir::new().unwrap(), &borrowed(&chain(16))).unwrap();
        assert_eq!(profile.threads.value.count().unwrap().get(), 5);
        check_refused(
            &borrowed(&chain(17)),
            &["16.toml:1: more than 16 profiles inherited: ", "0.toml` → ", "17.toml`"],
        );
    }

    #[test]
    fn what_cannot_be_inherited_names_the_place() {
        check_refused(&[("a.toml", "\ninherits = \"b.toml\"")], &["a.toml:2: cannot inherit `b.toml`", "b.toml`: "]);
        check_refused(&[("a.toml", "inherits = \"latncy\"")], &["no profile `latncy`", "did you mean `latency`?"]);
        check_refused(&[("a.toml", "inherits = 3")], &["a.toml:1: `inherits`: must be the name", "`3`"]);
        check_refused(&[("a.toml", "inherits = \"\"")], &["must be the name"]);
        check_refused(&[("a.toml", "[pipeline]\ninherits = \"latency\"")], &["unknown setting `pipeline.inherits`"]);
        check_refused(&[("a.toml", "inherits = \"b.toml\""), ("b.toml", "x = = 1")], &["b.toml`:1:5: "]);
        check_refused(&[("a.toml", "inherits = \"./sub\""), ("sub/b.toml", "")], &["is no file"]);
    }

    #[cfg(unix)]
    #[test]
    fn only_files_are_inherited() {
        check_refused(&[("a.toml", "inherits = \"/dev/zero\"")], &["cannot inherit `/dev/zero`", "is no file"]);
    }

    #[test]
    fn text_inherits_by_name_only() {
        let profile = Profile::build(&[Layer::text("inherits = \"latency\"").unwrap()]).unwrap();
        assert_eq!(profile.pipeline.sessions.origin, Origin::Shipped("latency"));
        let message = Layer::text("inherits = \"./a.toml\"").unwrap_err().to_string();
        assert!(message.contains("only files inherit files"), "{message}");
    }
}
