//! One `key = value` of a layer, with its place; TOML documents taken apart into them.

use drivetrain_contract::{Error, Result};
use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use crate::profile::Origin;

/// A setting made in some layer. Keys of tables are joined: `backends.onnxruntime.library`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Assignment {
    pub(crate) key: Vec<String>,
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

impl Assignment {
    /// The key as a person writes it.
    pub(crate) fn dotted(&self) -> String {
        self.key.join(".")
    }
}

/// Takes a document apart. `origin` says where a line of it is.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Invalid`] with line and column when it is not TOML.
pub(crate) fn parse(text: &str, label: &str, origin: impl Fn(usize) -> Origin) -> Result<Vec<Assignment>> {
    let document = DeTable::parse(text).map_err(|err| {
        let place = err.span().map_or_else(String::new, |span| {
            let (line, column) = line_and_column(text, span.start);
            format!(":{line}:{column}")
        });
        Error::invalid(format!("`{label}`{place}: {}", err.message()))
    })?;
    let mut assignments = Vec::new();
    let mut key = Vec::new();
    let line_of = |offset| origin(line_and_column(text, offset).0);
    take_table(document.get_ref(), &mut key, &line_of, &mut assignments)?;
    Ok(assignments)
}

fn take_table(
    table: &DeTable<'_>,
    key: &mut Vec<String>,
    origin: &dyn Fn(usize) -> Origin,
    assignments: &mut Vec<Assignment>,
) -> Result<()> {
    for (name, value) in table {
        key.push(name.get_ref().to_string());
        // Only the tables the profile itself has are taken apart; a backend's own nested tables are its values.
        match value.get_ref() {
            DeValue::Table(inner) if key.len() <= 2 => take_table(inner, key, origin, assignments)?,
            other => assignments.push(Assignment {
                key: key.clone(),
                value: to_json(other)?,
                origin: origin(name.span().start),
            }),
        }
        key.pop();
    }
    Ok(())
}

fn to_json(value: &DeValue<'_>) -> Result<Value> {
    Ok(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            Value::from(parsed.map_err(|err| Error::invalid(format!("`{number}` is out of range")).with_source(err))?)
        }
        DeValue::Float(number) => {
            let parsed: f64 =
                number.as_str().parse().map_err(|_| Error::invalid(format!("`{number}` is no number")))?;
            Value::from(parsed)
        }
        DeValue::Datetime(moment) => Value::String(moment.to_string()),
        DeValue::Array(items) => Value::Array(items.iter().map(|item| to_json(item.get_ref())).collect::<Result<_>>()?),
        DeValue::Table(table) => {
            let entries = table.iter().map(|(name, value)| Ok((name.get_ref().to_string(), to_json(value.get_ref())?)));
            Value::Object(entries.collect::<Result<Map<_, _>>>()?)
        }
    })
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
