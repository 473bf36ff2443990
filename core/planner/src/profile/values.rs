//! The settings of all layers: each key is known, and the last one wins.

use std::collections::BTreeMap;

use drivetrain_contract::{Error, Result};
use serde_json::Map;

use crate::profile::{
    Layer, Side, Sourced,
    assignment::Assignment,
    settings::{BACKENDS, Known, SETTINGS, Setting, is_table, nearest},
    side::{Backends, OneSide, split},
};

/// What a value is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Slot<'a> {
    /// A setting of the profile, by its key.
    Setting(&'static str),
    /// A setting of a backend: id, key.
    Backend(&'a str, &'a str),
}

/// The value that counts for each setting.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values<'a>(BTreeMap<Slot<'a>, &'a Assignment>);

/// Those of the whole, and what the sides have of their own.
#[derive(Debug, Default)]
pub(crate) struct Settled<'a> {
    pub(crate) whole: Values<'a>,
    pub(crate) sides: BTreeMap<Side, Values<'a>>,
}

impl<'a> Settled<'a> {
    /// Reads layers, the strongest last.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] for an unknown key, with the nearest known one, a table that is
    /// none, and what cannot be one side's own.
    pub(crate) fn new(layers: impl Iterator<Item = &'a Layer>) -> Result<Self> {
        let mut settled = Self::default();
        for assignment in layers.flat_map(|layer| &layer.assignments) {
            if is_table(&assignment.key) {
                must_be_table(assignment)?;
            } else {
                settled.settle(assignment)?;
            }
        }
        settled.sides.retain(|_, values| !values.0.is_empty());
        Ok(settled)
    }

    fn settle(&mut self, assignment: &'a Assignment) -> Result<()> {
        let (side, key) = split(&assignment.key);
        let slot = match key {
            [table, id, key] if table == BACKENDS => Slot::Backend(id, key),
            _ => Slot::Setting(Known::at(&assignment.key).ok_or_else(|| unknown(assignment))?.key),
        };
        if let Some(side) = side {
            if let Slot::Setting(key) = slot {
                may_differ(assignment, key)?;
            }
            self.sides.entry(side).or_default().0.insert(slot, assignment);
            return Ok(());
        }
        if assignment.origin.is_of_the_run() {
            for values in self.sides.values_mut() {
                values.0.remove(&slot);
            }
        }
        self.whole.0.insert(slot, assignment);
        Ok(())
    }
}

impl<'a> Values<'a> {
    /// These, and where they say nothing those of `whole`.
    pub(crate) fn over(&self, whole: &Self) -> Self {
        let mut values = whole.clone();
        values.0.extend(&self.0);
        values
    }

    /// The value of a setting.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] with the place when it is wrong.
    pub(crate) fn take<S: Setting>(&self) -> Result<Sourced<S::Value>> {
        let Some(assignment) = self.0.get(&Slot::Setting(S::KEY)) else {
            return Err(Error::internal(format!("the default profile lacks `{}`", S::KEY)));
        };
        let wrong = |err: Error| {
            let error = Error::invalid(format!("{}: {}", assignment.place(), err.message()));
            match err.hint() {
                Some(hint) => error.with_hint(hint),
                None => error,
            }
        };
        let value = S::parse(&assignment.value).map_err(wrong)?;
        Ok(Sourced { value, origin: assignment.origin.clone() })
    }

    /// The settings of all backends.
    pub(crate) fn backends(&self) -> Backends {
        let mut backends = Backends::new();
        for (slot, assignment) in &self.0 {
            if let Slot::Backend(id, key) = *slot {
                let sourced = Sourced { value: assignment.value.clone(), origin: assignment.origin.clone() };
                backends.entry(id.to_owned()).or_default().insert(key.to_owned(), sourced);
            }
        }
        backends
    }

    /// These as a side's own, where the profile they make with those of the whole is `profile`.
    pub(crate) fn into_side(self, profile: crate::Profile) -> OneSide {
        let settings = self.0.keys().filter_map(|slot| match slot {
            Slot::Setting(key) => Some(*key),
            Slot::Backend(..) => None,
        });
        OneSide { profile, own: settings.collect(), own_backends: self.backends() }
    }
}

fn must_be_table(assignment: &Assignment) -> Result<()> {
    if assignment.value.as_object().is_some_and(Map::is_empty) {
        return Ok(());
    }
    let (side, key) = split(&assignment.key);
    let table = match (side, key.first()) {
        (Some(side), Some(first)) if first == BACKENDS => format!("{side}.{BACKENDS}.<id>"),
        (None, Some(first)) if first == BACKENDS => format!("{BACKENDS}.<id>"),
        _ => assignment.dotted(),
    };
    Err(Error::invalid(format!("{}: `{}` must be a table", assignment.origin, assignment.dotted()))
        .with_hint(format!("write `[{table}]` and its settings below it")))
}

fn may_differ(assignment: &Assignment, key: &str) -> Result<()> {
    match Side::refuses(key) {
        Some(why) => {
            let (origin, own) = (&assignment.origin, assignment.dotted());
            Err(Error::invalid(format!("{origin}: `{own}` cannot be one side's own: {why}"))
                .with_hint(format!("set `{key}`, which counts for both")))
        }
        None => Ok(()),
    }
}

fn unknown(assignment: &Assignment) -> Error {
    let error = Error::invalid(format!("{}: unknown setting `{}`", assignment.origin, assignment.dotted()));
    match nearest(&assignment.key) {
        Some(nearest) => error.with_hint(format!("did you mean `{nearest}`?")),
        None => {
            let keys = SETTINGS.map(|known| known.key).join(", ");
            error.with_hint(format!("the settings are {keys}, and tables `[{BACKENDS}.<id>]`"))
        }
    }
}
