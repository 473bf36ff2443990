//! `model`: which model to run.

use std::path::{Component, Path};

use drivetrain_contract::{Error, Result};
use serde_json::{Value, json};

use super::{Setting, text_file::path_text};

/// The setting `model`.
pub(crate) struct Model;

impl Setting for Model {
    type Value = String;
    const KEY: &'static str = "model";

    fn parse(value: &Value) -> Result<String> {
        match value {
            Value::String(text) if !text.trim().is_empty() => Ok(text.clone()),
            Value::String(_) => Err(Error::invalid("must not be empty")),
            other => Err(Error::invalid(format!("must be text, not `{other}`"))),
        }
    }

    fn show(value: &String) -> Value {
        Value::String(value.clone())
    }

    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1 })
    }

    fn beside(folder: &Path, value: &mut Value) -> Result<()> {
        beside(folder, value)
    }
}

/// What a file in `folder` means by a name or a path: a path that begins with `./` or `../` starts at the file, wherever
/// the program is started. Any other value may be a name, and a file does not change what it means.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Invalid`] when the path that comes out is not UTF-8.
pub(crate) fn beside(folder: &Path, value: &mut Value) -> Result<()> {
    let Value::String(name) = value else { return Ok(()) };
    if matches!(Path::new(name).components().next(), Some(Component::CurDir | Component::ParentDir)) {
        *name = path_text(folder.join(&name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_beside(text: &str, expected: &str) {
        let mut value = Value::from(text);
        beside(Path::new("/project"), &mut value).unwrap();
        assert_eq!(value, expected);
    }

    #[test]
    fn only_what_is_surely_a_path_starts_at_the_file() {
        check_beside("./model", "/project/./model");
        check_beside("../model", "/project/../model");
        check_beside("/model", "/model");
        check_beside("builtin", "builtin");
        check_beside("folder/model", "folder/model");
        check_beside(".hidden", ".hidden");
    }
}
