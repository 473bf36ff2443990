//! Which column of a table holds the text.

use drivetrain_contract::{Error, Result};

/// Names shown in a message at the most.
const SHOWN: usize = 12;

/// The place of the column that is `asked` for by name, or by place counted from 0; else of `text`, else of the only
/// one. `label` is what messages call the table.
pub(super) fn choose(names: &[String], asked: Option<&str>, label: &str) -> Result<usize> {
    let named = |wanted: &str| names.iter().position(|name| name == wanted);
    let hint = "name the one with the text, or its place counted from 0: `--column NAME`";
    let found = match asked {
        Some(asked) => named(asked).or_else(|| asked.parse().ok().filter(|&place| place < names.len())),
        None => named("text").or(if names.len() == 1 { Some(0) } else { None }),
    };
    found.ok_or_else(|| {
        let there = match names {
            [] => format!("{label} has no columns"),
            _ => format!("{label} has the columns {}", shown(names)),
        };
        let message = match asked {
            Some(asked) => format!("there is no column `{asked}`: {there}"),
            None => there,
        };
        Error::invalid(message).with_hint(hint)
    })
}

fn shown(names: &[String]) -> String {
    let more = if names.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str], asked: Option<&str>, expected: Result<usize, &str>) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        match (choose(&names, asked, "`t`"), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(err), Err(part)) => assert!(err.message().contains(part), "{err}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn a_column_is_found_by_name_then_by_place_then_by_itself() {
        check(&["a", "b"], Some("b"), Ok(1));
        check(&["a", "b"], Some("1"), Ok(1));
        check(&["1", "b"], Some("1"), Ok(0));
        check(&["id", "text"], None, Ok(1));
        check(&["body"], None, Ok(0));
        check(&["a", "b"], None, Err("`t` has the columns a, b"));
        check(&["a", "b"], Some("c"), Err("no column `c`: `t` has the columns a, b"));
        check(&["a", "b"], Some("2"), Err("no column `2`"));
        check(&["a", "b"], Some("-1"), Err("no column `-1`"));
        check(&[], None, Err("no columns"));
    }
}
