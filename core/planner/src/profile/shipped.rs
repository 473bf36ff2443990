//! The profiles that are part of the program, to be inherited by name.

use drivetrain_contract::{Error, Result};

use crate::profile::{
    Origin,
    assignment::{Assignment, parse},
};

/// How alike two names must be for one to be offered for the other (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.7;

/// A profile that is part of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shipped {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

/// All of them, by name.
const SHIPPED: [Shipped; 6] = [
    Shipped { name: "cpu-small", text: include_str!("../../../../configs/profiles/cpu-small.toml") },
    Shipped { name: "edge", text: include_str!("../../../../configs/profiles/edge.toml") },
    Shipped { name: "gpu", text: include_str!("../../../../configs/profiles/gpu.toml") },
    Shipped { name: "index-and-query", text: include_str!("../../../../configs/profiles/index-and-query.toml") },
    Shipped { name: "latency", text: include_str!("../../../../configs/profiles/latency.toml") },
    Shipped { name: "throughput", text: include_str!("../../../../configs/profiles/throughput.toml") },
];

impl Shipped {
    /// The names of all of them.
    pub(crate) fn names() -> [&'static str; SHIPPED.len()] {
        SHIPPED.map(|shipped| shipped.name)
    }

    /// Its settings.
    ///
    /// # Errors
    /// When it is not TOML, which a test rules out.
    pub(crate) fn parse(&self) -> Result<Vec<Assignment>> {
        parse(self.text, self.name, |_| Origin::Shipped(self.name))
    }

    /// The one of this name.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::NotFound`] with the nearest name, or all of them.
    pub(crate) fn named(name: &str) -> Result<Self> {
        if let Some(shipped) = SHIPPED.into_iter().find(|shipped| shipped.name == name) {
            return Ok(shipped);
        }
        let likeness = |shipped: &Shipped| strsim::jaro_winkler(shipped.name, name);
        let nearest = SHIPPED.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let hint = match nearest.filter(|shipped| likeness(shipped) >= ALIKE) {
            _ if name == "default" => "every profile builds on the default one as it is".to_owned(),
            Some(nearest) => format!("did you mean `{}`?", nearest.name),
            None => {
                format!("there are {}; the path of a file contains `/` or ends in `.toml`", Self::names().join(", "))
            }
        };
        Err(Error::not_found(format!("no profile `{name}` is part of the program")).with_hint(hint))
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use super::*;
    use crate::profile::{Goal, Layer, Profile, Side, SpaceLimit};

    #[test]
    fn every_profile_of_the_folder_is_shipped_and_builds() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/profiles");
        let files: BTreeSet<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(files, Shipped::names().into_iter().map(str::to_owned).collect());
        let default = Profile::build(&[]).unwrap();
        for name in Shipped::names() {
            let profile = Profile::build(&[Layer::shipped(name).unwrap()]).unwrap();
            assert_ne!(profile, default, "`{name}` changes nothing");
        }
    }

    #[test]
    fn unknown_names_get_the_nearest_one() {
        let check = |name: &str, expected: &str| {
            let message = Shipped::named(name).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        };
        check("latncy", "did you mean `latency`?");
        check("zzz", "there are cpu-small, edge, gpu, index-and-query, latency, throughput");
        check("default", "every profile builds on the default one");
    }

    #[test]
    fn each_setting_says_why() {
        for shipped in SHIPPED {
            let lines: Vec<&str> = shipped.text.lines().collect();
            let settings = lines.windows(2).filter(|pair| pair[1].contains('=') && !pair[1].starts_with('#'));
            for pair in settings {
                assert!(pair[0].starts_with('#'), "`{}`: `{}` has no comment above it", shipped.name, pair[1]);
            }
            assert!(lines[0].starts_with("# For "), "`{}` does not say what it is for", shipped.name);
        }
    }

    #[test]
    fn they_are_for_what_they_say() {
        let build = |name: &str| Profile::build(&[Layer::shipped(name).unwrap()]).unwrap();
        let [query, document] = [Side::Query, Side::Document].map(|side| build("index-and-query").for_side(side));
        assert_eq!(
            (query.workload.goal.value, document.workload.goal.value),
            (Some(Goal::Latency), Some(Goal::Throughput))
        );
        assert_eq!(query.workload.goal.origin, Origin::Shipped("index-and-query"));
        assert_eq!(query.accuracy.max_loss, document.accuracy.max_loss);
        assert!(build("gpu").limits.denies_device(&["cpu", "cpu"]).is_some());
        assert!(build("cpu-small").limits.denies_device(&["cuda:0", "gpu"]).is_some());
        assert_eq!(build("cpu-small").limits.memory.value, SpaceLimit::Bytes(1 << 30));
        for name in Shipped::names() {
            assert_eq!(build(name).has_sides(), name == "index-and-query", "{name}");
        }
    }
}
