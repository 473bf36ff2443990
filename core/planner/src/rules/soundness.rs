//! What makes a walk end: nothing leads back to itself, and nothing is there for nothing.

use drivetrain_contract::{Error, Result};

use super::RuleSet;

/// Checks that no node leads back to itself and that each is reached from some task.
///
/// That each question ends in an answer follows: all its targets exist, and the chain of them ends.
pub(super) fn check(rules: &RuleSet, complain: impl Fn(usize, String) -> Error) -> Result<()> {
    let mut visit = Visit { rules, states: vec![State::New; rules.nodes.len()], path: Vec::new() };
    for (_, start) in &rules.tasks {
        visit.enter(*start).map_err(|cycle| {
            let names: Vec<String> = cycle.iter().map(|&node| format!("`{}`", rules.nodes[node].name())).collect();
            complain(cycle[0], format!("{} leads back to itself: {}", names[0], names.join(" → ")))
        })?;
    }
    match visit.states.iter().position(|state| *state == State::New) {
        Some(node) => Err(complain(node, format!("nothing leads to `{}`", rules.nodes[node].name()))
            .with_hint("name it in `yes`, `no`, `otherwise` or `[tasks]`, or leave it out")),
        None => Ok(()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    Open,
    Done,
}

struct Visit<'r> {
    rules: &'r RuleSet,
    states: Vec<State>,
    /// The nodes that are open, from the start.
    path: Vec<usize>,
}

impl Visit<'_> {
    /// Visits a node and all it leads to; the error is a cycle. As deep as the rules, whose length is limited.
    fn enter(&mut self, node: usize) -> Result<(), Vec<usize>> {
        match self.states[node] {
            State::Done => return Ok(()),
            State::Open => {
                let from = self.path.iter().position(|&open| open == node).unwrap_or(0);
                return Err([&self.path[from..], &[node]].concat());
            }
            State::New => {}
        }
        self.states[node] = State::Open;
        self.path.push(node);
        for target in self.rules.nodes[node].targets() {
            self.enter(target)?;
        }
        self.path.pop();
        self.states[node] = State::Done;
        Ok(())
    }
}
