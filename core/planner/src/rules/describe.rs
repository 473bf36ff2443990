//! Rules as a text to read.

use super::{
    RuleSet,
    rule_set::Node,
    walk::{heading, line},
};

impl RuleSet {
    /// Every question, answer and choice on a line of its own, each once; lines end with a line break.
    pub fn describe(&self) -> String {
        let mut text = heading(&self.name, [&self.title, &self.source, &self.date]);
        let name = |node: usize| self.nodes[node].name();
        text.push_str("\ntasks\n");
        for (task, start) in &self.tasks {
            line(&mut text, format_args!("  {} → {}", task.name(), name(*start)));
        }
        text.push_str("\nquestions\n");
        for node in &self.nodes {
            if let Node::Question(question) = node {
                let (yes, no) = (name(question.yes), name(question.no));
                line(&mut text, format_args!("  {}: {} yes → {yes}, no → {no}", question.name, question.ask));
            }
        }
        text.push_str("\nanswers\n");
        let mut choices = Vec::new();
        for node in &self.nodes {
            let Node::Answer(answer) = node else { continue };
            let names: Vec<&str> = answer.choices.iter().map(|choice| choice.name.as_str()).collect();
            let otherwise = answer.otherwise.map_or_else(String::new, |node| format!(", otherwise → {}", name(node)));
            line(&mut text, format_args!("  {}: {}{otherwise}", answer.name, names.join(", ")));
            choices.extend(&answer.choices);
        }
        choices.sort_by(|a, b| a.name.cmp(&b.name));
        choices.dedup();
        text.push_str("\nchoices\n");
        for choice in choices {
            line(&mut text, format_args!("  {}: {choice}", choice.name));
        }
        text
    }
}
