//! Sites: the values that linear layers multiply, which is where activations are quantised.

use std::rc::Rc;

/// What one or more linear layers multiply; `V` is how a graph refers to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Site<V> {
    /// That of the first matrix it is multiplied by, with `#2`, `#3`, … where that is the first of several sites.
    pub(crate) name: String,
    /// Token vectors, `[batch, tokens, inputs]`.
    pub(crate) input: V,
    /// The matrices it is multiplied by.
    pub(crate) weights: Vec<Rc<str>>,
}

/// The sites of a graph, in its order.
#[derive(Clone, Debug)]
pub(crate) struct Sites<V>(Vec<Site<V>>);

impl<V> Default for Sites<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V: Clone + PartialEq> Sites<V> {
    /// All so far.
    pub(crate) fn all(&self) -> &[Site<V>] {
        &self.0
    }

    /// The name of the site that `input` is, which is multiplied by `weight`.
    pub(crate) fn name(&mut self, input: &V, weight: &Rc<str>) -> String {
        // Layers that share their input follow each other closely.
        if let Some(known) = self.0.iter_mut().rev().find(|site| site.input == *input) {
            known.weights.push(weight.clone());
            return known.name.clone();
        }
        let earlier = self.0.iter().filter(|site| site.weights[0] == *weight).count();
        let name = if earlier == 0 { weight.to_string() } else { format!("{weight}#{}", earlier + 1) };
        self.0.push(Site { name: name.clone(), input: input.clone(), weights: vec![weight.clone()] });
        name
    }
}
