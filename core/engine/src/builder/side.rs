//! The two sides of a search.

use drivetrain_package::Prompts;
use drivetrain_pipeline::Prompt;
use drivetrain_planner::Side;

use super::EngineBuilder;

impl EngineBuilder<'_> {
    /// The side of a search that texts are of: what is run is what the profile says of that side, and texts have the
    /// prompt of that side in front of them unless another one is asked for ([`Side::prompt_names`]).
    #[must_use]
    pub fn side(mut self, side: Side) -> Self {
        self.side = Some(side);
        self
    }

    /// What is put before each text: of the side, if there is one and nothing else is asked for.
    pub(super) fn prompt_among(&self, prompts: &Prompts) -> Prompt {
        match (&self.options.prompt, self.side) {
            (Prompt::Default, Some(side)) => prompt(prompts, side),
            (asked, _) => asked.clone(),
        }
    }
}

/// The prompt of a side: the first of its names for which the model has a text, else the first it knows.
///
/// sentence-transformers 6.2.0 takes the first it knows right away. Since it takes every model to know `document`, it puts
/// nothing in front of documents where a model has a text for `passage` only, which its authors cannot have meant.
fn prompt(prompts: &Prompts, side: Side) -> Prompt {
    let known = side.prompt_names().iter().filter_map(|name| Some((*name, prompts.entries.get(*name)?)));
    let said = known.clone().find(|(_, text)| !text.is_empty());
    said.or_else(|| known.clone().next()).map_or(Prompt::Default, |(name, _)| Prompt::Named(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(entries: &[(&str, &str)], expect: [Option<&str>; 2]) {
        let entries = entries.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect();
        let prompts = Prompts { entries, default_name: None };
        let found = Side::ALL.map(|side| prompt(&prompts, side));
        assert_eq!(found, expect.map(|name| name.map_or(Prompt::Default, |name| Prompt::Named(name.to_owned()))));
    }

    #[test]
    fn each_side_has_its_prompt() {
        check(&[("query", ""), ("document", "")], [Some("query"), Some("document")]);
        check(&[("query", "q: "), ("document", "d: "), ("passage", "p: ")], [Some("query"), Some("document")]);
        check(&[("query", "q: "), ("document", ""), ("passage", "p: ")], [Some("query"), Some("passage")]);
        check(&[("query", "q: "), ("document", ""), ("corpus", "c: ")], [Some("query"), Some("corpus")]);
        check(&[("passage", "")], [None, Some("passage")]);
        check(&[], [None, None]);
    }
}
