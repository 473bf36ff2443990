//! The path of a file of texts, or none: what `workload.sample` and `accuracy.pairs` hold.

use std::{
    marker::PhantomData,
    path::{Path, PathBuf},
};

use drivetrain_contract::{Error, Result};
use serde_json::{Value, json};

use super::{Key, Setting};

/// A setting that holds a path, of the key `K`. Without a file it is `auto`; a file of that name is `./auto`.
pub(crate) struct TextFile<K>(PhantomData<K>);

impl<K: Key> Setting for TextFile<K> {
    type Value = Option<PathBuf>;
    const KEY: &'static str = K::KEY;

    fn parse(value: &Value) -> Result<Option<PathBuf>> {
        match value {
            Value::String(text) if text == "auto" => Ok(None),
            Value::String(text) if !text.trim().is_empty() => Ok(Some(PathBuf::from(text))),
            other => Err(Error::invalid(format!("must be `auto` or the path of a file, not `{other}`"))),
        }
    }

    fn show(value: &Option<PathBuf>) -> Value {
        // It was text when it was read.
        value.as_ref().map_or_else(|| Value::from("auto"), |path| Value::from(path.to_string_lossy()))
    }

    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1 })
    }

    fn beside(folder: &Path, value: &mut Value) -> Result<()> {
        match Self::parse(value) {
            Ok(Some(path)) => {
                *value = Value::from(path_text(folder.join(path))?);
                Ok(())
            }
            // What is wrong with it is said when the profile is built, where the place is known.
            _ => Ok(()),
        }
    }
}

/// The text of a path, since a profile is UTF-8.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Invalid`] when it is not UTF-8.
pub(crate) fn path_text(path: PathBuf) -> Result<String> {
    let text = path.into_os_string().into_string();
    text.map_err(|path| Error::invalid(format!("`{}` is not UTF-8", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::settings::{Pairs, Sample};

    fn check(value: &Value, expect: Option<&str>, beside: &Value) {
        let found = Sample::parse(value).unwrap();
        assert_eq!(found, expect.map(PathBuf::from), "{value}");
        assert_eq!(&Sample::show(&found), value);
        let mut moved = value.clone();
        Sample::beside(Path::new("/p"), &mut moved).unwrap();
        assert_eq!(&moved, beside);
    }

    #[test]
    fn files_are_paths_from_the_profile_that_names_them() {
        check(&json!("auto"), None, &json!("auto"));
        check(&json!("texts.jsonl"), Some("texts.jsonl"), &json!("/p/texts.jsonl"));
        check(&json!("../a/b.txt"), Some("../a/b.txt"), &json!("/p/../a/b.txt"));
        check(&json!("./auto"), Some("./auto"), &json!("/p/./auto"));
        check(&json!("/x"), Some("/x"), &json!("/x"));
        for wrong in [json!(""), json!(" "), json!(1), json!(["a"])] {
            let message = Pairs::parse(&wrong).unwrap_err().to_string();
            assert!(message.starts_with("must be `auto` or the path of a file"), "{wrong}: {message}");
        }
    }
}
