//! By what a job is known again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{InputFacts, input::digest};

/// Inputs remembered one by one; of more, a digest.
const MOST_INPUTS: usize = 256;

/// What has to be the same for a job to be gone on with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    inputs: Vec<InputFacts>,
    options: BTreeMap<String, String>,
}

impl Identity {
    /// A job that reads `inputs`; `options` is everything else that its output depends on, by names that a message can
    /// use.
    pub fn new(mut inputs: Vec<InputFacts>, options: BTreeMap<String, String>) -> Self {
        if inputs.len() > MOST_INPUTS {
            let more = inputs.split_off(MOST_INPUTS);
            let told: Vec<String> = more.iter().map(|facts| format!("{facts:?}")).collect();
            inputs.push(InputFacts {
                name: format!("{} more files", more.len()),
                bytes: more.iter().map(|facts| facts.bytes).sum(),
                stamp: Some(digest(&told)),
            });
        }
        Self { inputs, options }
    }

    /// The same with one more option.
    pub(super) fn and(mut self, name: &str, value: &dyn ToString) -> Self {
        self.options.insert(name.to_owned(), value.to_string());
        self
    }

    /// What is another now, in words; `None` if all is the same.
    pub(super) fn difference(&self, now: &Self) -> Option<String> {
        let mut names = self.options.keys().chain(now.options.keys());
        if let Some(name) = names.find(|name| self.options.get(*name) != now.options.get(*name)) {
            let told = |options: &BTreeMap<String, String>| {
                options.get(name).map_or_else(|| "not given".to_owned(), |value| format!("`{value}`"))
            };
            return Some(format!("{name} was {}, and is {} now", told(&self.options), told(&now.options)));
        }
        if self.inputs.len() != now.inputs.len() {
            return Some(format!("it had {} inputs, not {}", self.inputs.len(), now.inputs.len()));
        }
        let (before, now) = self.inputs.iter().zip(&now.inputs).find(|(before, now)| before != now)?;
        Some(match before.name == now.name {
            true => format!("`{}` has changed since", now.name),
            false => format!("its input was `{}`, not `{}`", before.name, now.name),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(name: &str, bytes: u64) -> InputFacts {
        InputFacts { name: name.to_owned(), bytes: Some(bytes), stamp: None }
    }

    fn identity(inputs: &[(&str, u64)], options: &[(&str, &str)]) -> Identity {
        let inputs = inputs.iter().map(|(name, bytes)| facts(name, *bytes)).collect();
        Identity::new(inputs, options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn what_differs_is_named() {
        let before = identity(&[("a", 1)], &[("dim", "2"), ("model", "m")]);
        let check = |now: Identity, expected: Option<&str>| assert_eq!(before.difference(&now).as_deref(), expected);
        check(before.clone(), None);
        check(identity(&[("a", 1)], &[("dim", "3"), ("model", "m")]), Some("dim was `2`, and is `3` now"));
        check(identity(&[("a", 1)], &[("dim", "2")]), Some("model was `m`, and is not given now"));
        check(identity(&[("a", 2)], &[("dim", "2"), ("model", "m")]), Some("`a` has changed since"));
        check(identity(&[("b", 1)], &[("dim", "2"), ("model", "m")]), Some("its input was `a`, not `b`"));
        check(identity(&[], &[("dim", "2"), ("model", "m")]), Some("it had 1 inputs, not 0"));
    }

    #[test]
    fn many_inputs_take_little_room_and_a_change_is_still_seen() {
        let many = |bytes| {
            Identity::new(
                (0..100_000_u64).map(|n| facts(&n.to_string(), bytes + n / 99_999)).collect(),
                BTreeMap::new(),
            )
        };
        assert!(serde_json::to_string(&many(1)).unwrap().len() < 30_000);
        let mut changed = many(1);
        assert_eq!(many(1).difference(&changed), None);
        changed.inputs.last_mut().unwrap().stamp = None;
        assert!(many(1).difference(&changed).unwrap().contains("more files"));
    }
}
