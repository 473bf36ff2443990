//! One `key = value` of a layer, with its place; TOML documents taken apart into them.

use drivetrain_contract::{Error, Result};
use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use crate::profile::{Origin, side::split};

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

    /// What a message about it begins with.
    pub(crate) fn place(&self) -> String {
        self.origin.place_of(&self.dotted())
    }
}

/// Takes a document apart. `origin` says where a line of it is.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Invalid`] with line and column when it is not TOML.
pub(crate) fn parse(text: &str, label: &str, origin: impl Fn(usize) -> Origin) -> Result<Vec<Assignment>> {
    let lines = Lines::new(text);
    let document = DeTable::parse(text).map_err(|err| {
        let place = err.span().map_or_else(String::new, |span| {
            let (line, column) = lines.line_and_column(span.start);
            format!(":{line}:{column}")
        });
        Error::invalid(format!("`{label}`{place}: {}", err.message()))
    })?;
    let mut assignments = Vec::new();
    let mut key = Vec::new();
    let origin_at = |offset| origin(lines.line_and_column(offset).0);
    take_table(document.get_ref(), &mut key, &origin_at, &mut assignments)?;
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
        // Only the tables the profile itself has are taken apart; a backend's own nested tables are its values. An
        // empty one stays, so that a table of an unknown name is noticed without a setting in it.
        match value.get_ref() {
            DeValue::Table(inner) if split(key).1.len() <= 2 && !inner.is_empty() => {
                take_table(inner, key, origin, assignments)?;
            }
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

/// A value of TOML as JSON, which has all of its types but dates: those become text.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Invalid`] for an integer beyond 64 bits.
pub(crate) fn to_json(value: &DeValue<'_>) -> Result<Value> {
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

/// Where the lines of a text begin. Searching the text anew for each setting would make a long file quadratic.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(offset, _)| offset + 1);
        Self { text, starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.starts.partition_point(|&start| start <= offset);
        (line, self.text[self.starts[line - 1]..offset].chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_lines(text: &str, expected: &[(&str, usize)]) {
        let line_of = |line| Origin::File { path: "p".into(), line };
        let found: Vec<(String, usize)> = parse(text, "p", line_of)
            .unwrap()
            .into_iter()
            .map(|assignment| match &assignment.origin {
                Origin::File { line, .. } => (assignment.dotted(), *line),
                other => panic!("{other}"),
            })
            .collect();
        let expected: Vec<(String, usize)> = expected.iter().map(|(key, line)| ((*key).to_owned(), *line)).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn each_setting_knows_its_line() {
        check_lines("", &[]);
        check_lines("\u{feff}# ü\r\na = 1\r\n\r\n[t]\r\nb = 'é'\r\n", &[("a", 2), ("t.b", 5)]);
        check_lines("a = \"\"\"\nx\n\"\"\"\nb = 1", &[("a", 1), ("b", 4)]);
        check_lines("[backends.e]\nx.y = 1\n[t]", &[("backends.e.x", 2), ("t", 3)]);
    }
}
