//! The two sides of a search, and which settings each may have of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::profile::{Profile, Sourced};

/// A side of a search: what is looked for, and what is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Texts that are looked for.
    Query,
    /// Texts that are found.
    Document,
}

impl Side {
    /// Both.
    pub const ALL: [Side; 2] = [Side::Query, Side::Document];

    /// Its word, which is the name of its table in a profile.
    pub fn name(self) -> &'static str {
        match self {
            Side::Query => "query",
            Side::Document => "document",
        }
    }

    /// Names of the prompt that texts of this side have in front of them, the first one that a model has counting: as
    /// `encode_query` and `encode_document` of sentence-transformers 6.2.0 look for it.
    pub fn prompt_names(self) -> &'static [&'static str] {
        match self {
            Side::Query => &["query"],
            Side::Document => &["document", "passage", "corpus"],
        }
    }

    /// Why the setting `key` cannot be one side's own, if it cannot.
    pub(crate) fn refuses(key: &str) -> Option<&'static str> {
        match key {
            "model" => Some("vectors of different models cannot be compared"),
            "plugins" => Some("a program finds its plugins once"),
            "accuracy.max_loss" | "accuracy.min_cosine" | "accuracy.pairs" => {
                Some("the vectors of both sides must agree within one budget")
            }
            _ if key.starts_with("plan.") => Some("both sides are planned in one way"),
            _ => None,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Takes the side off a key: `query.threads` is `threads` of the queries.
pub(crate) fn split(key: &[String]) -> (Option<Side>, &[String]) {
    let side = key.first().and_then(|first| Side::ALL.into_iter().find(|side| side.name() == first));
    (side, &key[usize::from(side.is_some())..])
}

/// Settings of the backends: id, key, value.
pub(crate) type Backends = BTreeMap<String, BTreeMap<String, Sourced<Value>>>;

/// A side that has settings of its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OneSide {
    /// The profile as this side has it, with what it inherits from the whole.
    pub(crate) profile: Profile,
    /// Keys of the settings that are its own.
    pub(crate) own: BTreeSet<&'static str>,
    /// Settings of backends that are its own.
    pub(crate) own_backends: Backends,
}

impl Profile {
    /// Whether a side has settings of its own, so that the two may be run differently.
    pub fn has_sides(&self) -> bool {
        !self.sides.is_empty()
    }

    /// The profile of one side: its own settings, and for all others those of the whole. It has no sides itself.
    ///
    /// A precision that both sides name is taken with what it loses. Where they name different ones their vectors would
    /// be further apart than the budget lets them, so that naming one does not waive it.
    pub fn for_side(&self, side: Side) -> Profile {
        let one = |side| self.sides.get(&side).map_or(self, |one| &one.profile);
        let [query, document] = Side::ALL.map(|side| one(side).precision.value);
        let is_apart = self.is_apart || query != document;
        Profile { sides: BTreeMap::new(), is_apart, side: Some(side), ..one(side).clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::{Goal, Layer, Origin, Variables, profile::settings::SETTINGS};

    fn build(text: &str) -> Profile {
        Profile::build(&[Layer::text(text).unwrap()]).unwrap()
    }

    fn check_refused(text: &str, expected: &str) {
        let message = Profile::build(&[Layer::text(text).unwrap()]).unwrap_err().to_string();
        assert!(message.contains(expected), "{text:?} gave {message:?}");
    }

    fn threads(profile: &Profile) -> [Option<usize>; 3] {
        let [query, document] = Side::ALL.map(|side| profile.for_side(side));
        [profile, &query, &document].map(|profile| profile.threads.value.count().map(NonZeroUsize::get))
    }

    #[test]
    fn a_side_overrides_what_it_says_and_inherits_the_rest() {
        let profile = build(
            "threads = 4\nbackends.e = { a = 1, b = 1 }\n[query]\nthreads = 1\n[query.workload]\ngoal = \"latency\"\n\
             [query.backends.e]\na = 2\n[document.pipeline]\nsessions = 2",
        );
        assert!(profile.has_sides());
        assert_eq!(threads(&profile), [Some(4), Some(1), Some(4)]);
        let [query, document] = Side::ALL.map(|side| profile.for_side(side));
        assert!(!query.has_sides() && !document.has_sides());
        assert_eq!(query.workload.goal.value, Some(Goal::Latency));
        assert_eq!((document.workload.goal.value, profile.workload.goal.value), (None, None));
        assert_eq!(document.pipeline.sessions.value.count().map(NonZeroUsize::get), Some(2));
        assert_eq!((&query.threads.origin, &query.device.origin), (&Origin::Program, &Origin::Default));
        assert_eq!(Value::Object(query.backend_config("e")).to_string(), r#"{"a":2,"b":1}"#);
        assert_eq!(Value::Object(document.backend_config("e")).to_string(), r#"{"a":1,"b":1}"#);
    }

    #[test]
    fn without_settings_of_their_own_there_are_no_sides() {
        for text in ["", "[query]\n[document]", "[query.pipeline]\n[document.backends]\n[query.backends.e]"] {
            let profile = build(text);
            assert_eq!(profile, Profile::build(&[]).unwrap(), "{text:?}");
            assert!(!profile.has_sides());
            assert_eq!(Profile { side: None, ..profile.for_side(Side::Query) }, profile);
        }
    }

    #[test]
    fn between_files_a_side_wins_and_what_is_said_for_a_run_counts_for_both() {
        let sides = || Layer::text("query.threads = 1\ndocument.threads = 8").unwrap();
        let check = |layers: &[Layer], expect: [usize; 3]| {
            assert_eq!(threads(&Profile::build(layers).unwrap()), expect.map(Some));
        };
        let file = || Layer::text("threads = 2").unwrap();
        check(&[file(), sides()], [2, 1, 8]);
        check(&[sides(), file()], [2, 1, 8]);
        check(&[sides(), file(), Layer::text("query.threads = 3").unwrap()], [2, 3, 8]);
        check(&[sides(), Layer::typed("threads=4").unwrap()], [4, 4, 4]);
        check(&[sides(), Layer::typed("threads=4").unwrap(), Layer::typed("query.threads=5").unwrap()], [4, 5, 4]);
        // It comes later and is about the side.
        check(&[Layer::typed("threads=4").unwrap(), sides()], [4, 1, 8]);
        let mut flags = Layer::default();
        flags.set("threads", 6, Origin::Flag("--threads"));
        check(&[sides(), flags], [6, 6, 6]);
        let variables = |name: &str| Variables::new([(name.to_owned(), "7".into())]).unwrap().layer;
        check(&[sides(), variables("DRIVETRAIN_THREADS")], [7, 7, 7]);
        check(&[file(), sides(), variables("DRIVETRAIN_QUERY__THREADS")], [2, 7, 8]);
        let all = Profile::build(&[sides(), Layer::typed("threads=4").unwrap()]).unwrap();
        assert!(!all.has_sides(), "nothing is left of them");
    }

    #[test]
    fn variables_of_one_layer_have_no_order_but_the_sides_own_wins() {
        let variables = ["THREADS", "QUERY__THREADS", "DOCUMENT__THREADS"].map(|name| format!("DRIVETRAIN_{name}"));
        let values = variables.into_iter().zip(["4".into(), "1".into(), "8".into()]);
        let layer = Variables::new(values).unwrap().layer;
        assert_eq!(threads(&Profile::build(&[layer]).unwrap()), [4, 1, 8].map(Some));
    }

    #[test]
    fn what_must_be_one_for_both_is_refused() {
        check_refused("[query]\nmodel = \"m\"", "`query.model` cannot be one side's own: vectors of different models");
        check_refused("[document]\nplugins = []", "`document.plugins` cannot be one side's own");
        check_refused("[document.plan]\nfrozen = true", "(hint: set `plan.frozen`, which counts for both)");
        check_refused("[query.accuracy]\nmax_loss = 0.1", "must agree within one budget");
        check_refused("[query]\ninherits = \"latency\"", "unknown setting `query.inherits`");
        let shared: Vec<&str> =
            SETTINGS.map(|known| known.key).into_iter().filter(|key| Side::refuses(key).is_some()).collect();
        assert_eq!(
            shared,
            [
                "model",
                "plugins",
                "accuracy.max_loss",
                "accuracy.min_cosine",
                "accuracy.pairs",
                "plan.rules",
                "plan.artifacts",
                "plan.tune",
                "plan.tune_seconds",
                "plan.frozen"
            ]
        );
    }

    #[test]
    fn what_is_wrong_in_a_side_names_it() {
        check_refused("[query]\nthreads = 0", "`query.threads`: must be `auto` or a number");
        check_refused("query = 1", "`query` must be a table (hint: write `[query]`");
        check_refused(
            "document.pipeline = 1",
            "`document.pipeline` must be a table (hint: write `[document.pipeline]`",
        );
        check_refused("query.backends.e = 1", "(hint: write `[query.backends.<id>]`");
        check_refused("[query]\nthread = 1", "did you mean `query.threads`?");
        check_refused("[queries.pipeline]\nwindow = 1", "did you mean `query.pipeline.window`?");
        check_refused("[documents]", "did you mean `document`?");
        check_refused("[query.query]\nthreads = 1", "unknown setting `query.query.threads`");
    }
}
