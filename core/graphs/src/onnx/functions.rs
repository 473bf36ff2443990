//! Functions of a model, which engines put in the place of every node that calls them.

use std::collections::HashMap;

use super::{circles, names::Names, wire::Problem};

/// Most nodes when every call has been replaced: many times what the largest graphs have.
const MOST_NODES: u64 = 1 << 20;

/// The body that nodes of the graph itself belong to.
pub(crate) const GRAPH: u32 = 0;

/// What calls what. A node whose operation is no function of the model calls nothing.
#[derive(Debug, Default)]
pub(crate) struct Functions {
    /// Domain, name and overload of every operation.
    names: Names,
    /// The body that a function's name stands for.
    bodies: HashMap<u32, u32>,
    /// Body that a node is in, and operation of the node.
    nodes: Vec<(u32, u32)>,
}

/// Domain, name and overload of an operation or function.
#[derive(Debug, Default)]
pub(crate) struct Operation {
    pub(crate) domain: Vec<u8>,
    pub(crate) name: Vec<u8>,
    pub(crate) overload: Vec<u8>,
}

impl Functions {
    /// The body of the function that is read next.
    pub(crate) fn next_body(&self) -> u32 {
        self.bodies.len() as u32 + 1
    }

    /// Gives the next body its name.
    pub(crate) fn add(&mut self, function: Operation) -> Result<(), Problem> {
        let body = self.next_body();
        let number = self.number(function)?;
        match self.bodies.insert(number, body) {
            None => Ok(()),
            Some(_) => Err(Problem::broken(format!("its function `{}` is there twice", self.names.shown(number)))),
        }
    }

    /// A node in a body.
    pub(crate) fn call(&mut self, body: u32, operation: Operation) -> Result<(), Problem> {
        let number = self.number(operation)?;
        self.nodes.push((body, number));
        Ok(())
    }

    /// Fails where replacing calls would never end, or nearly so.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        let calls = self.nodes.iter().filter_map(|(body, name)| Some((*body, *self.bodies.get(name)?)));
        let calls: Vec<(u32, u32)> = calls.collect();
        let order = circles::in_order(self.bodies.len() + 1, &calls).map_err(|body| {
            let number = self.bodies.iter().find(|(_, found)| **found == body).map(|(number, _)| *number);
            Problem::broken(format!("its function `{}` calls itself", self.names.shown(number.unwrap_or_default())))
        })?;
        let mut own = vec![0u64; order.len()];
        self.nodes.iter().for_each(|&(body, _)| own[body as usize] += 1);
        let mut called: Vec<Vec<u32>> = vec![Vec::new(); order.len()];
        calls.iter().for_each(|&(body, other)| called[body as usize].push(other));
        for body in order {
            let unfolded = called[body as usize].iter().map(|&other| own[other as usize]);
            own[body as usize] = unfolded.fold(own[body as usize], u64::saturating_add);
        }
        match own[GRAPH as usize] {
            unfolded if unfolded > MOST_NODES => {
                Err(Problem::broken(format!("its functions unfold to more than {MOST_NODES} nodes")))
            }
            _ => Ok(()),
        }
    }

    fn number(&mut self, Operation { mut domain, mut name, overload }: Operation) -> Result<u32, Problem> {
        if !domain.is_empty() {
            domain.push(b'.');
        }
        domain.append(&mut name);
        if !overload.is_empty() {
            domain.push(b':');
            domain.extend(overload);
        }
        self.names.number(domain)
    }
}
