//! Compiled models, and one for the sessions of a group.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use drivetrain_contract::Result;

use crate::native::CompiledModel;

/// A compiled model.
#[derive(Debug)]
pub(crate) struct Compiled<M = CompiledModel> {
    /// The engine's own.
    pub(crate) model: M,
    /// Whether one session has it for itself, and runs it once at a time.
    pub(crate) is_alone: bool,
    spoilt: AtomicBool,
}

impl<M> Compiled<M> {
    /// A model just compiled.
    pub(crate) fn new(model: M, is_alone: bool) -> Self {
        Self { model, is_alone, spoilt: AtomicBool::new(false) }
    }

    /// Whether it is to be compiled anew before it is run again.
    pub(crate) fn is_spoilt(&self) -> bool {
        self.spoilt.load(Ordering::Acquire)
    }

    /// No session runs it from now on.
    pub(crate) fn spoil(&self) {
        self.spoilt.store(true, Ordering::Release);
    }
}

/// Compiled models that groups share, as long as a session of the group lives.
#[derive(Debug)]
pub(crate) struct Shared<M = CompiledModel>(Mutex<HashMap<String, Weak<Compiled<M>>>>);

impl<M> Shared<M> {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    /// A place in the compiled model under `key`, which is compiled if there is none, or none with a place left.
    ///
    /// Those that want a model of a group meanwhile wait for it.
    pub(crate) fn join(
        &self,
        key: String,
        places: usize,
        compile: impl FnOnce() -> Result<Compiled<M>>,
    ) -> Result<Arc<Compiled<M>>> {
        let mut models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        models.retain(|_, model| model.strong_count() > 0);
        // The owners are the sessions, and this one. A session that goes meanwhile is counted still, which costs a
        // compilation and nothing else.
        if let Some(model) = models.get(&key).and_then(Weak::upgrade)
            && !model.is_spoilt()
            && Arc::strong_count(&model) <= places
        {
            return Ok(model);
        }
        let model = Arc::new(compile()?);
        models.insert(key, Arc::downgrade(&model));
        Ok(model)
    }
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::Error;

    use super::*;

    #[test]
    fn places_are_shared_counted_and_released_with_the_last() {
        let shared = Shared::new();
        let join = |key: &str, value: u32| shared.join(key.to_owned(), 2, || Ok(Compiled::new(value, false))).unwrap();
        let (first, second) = (join("a", 1), join("a", 2));
        assert_eq!((first.model, second.model), (1, 1));
        assert_eq!((join("a", 3).model, join("b", 4).model), (3, 4));
        drop(second);
        assert!(shared.join("c".to_owned(), 2, || Err(Error::internal("x"))).is_err());
        drop(first);
        let third = join("a", 5);
        assert_eq!(third.model, 5);
        third.spoil();
        assert_eq!(join("a", 6).model, 6);
    }
}
