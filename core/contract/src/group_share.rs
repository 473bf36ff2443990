//! What the sessions of a group have together.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use crate::Result;

/// Values that sessions of a [`crate::SessionGroup`] have together, each as long as one of its sessions lives.
#[derive(Debug)]
pub struct GroupShare<T>(Mutex<HashMap<String, Weak<T>>>);

impl<T> GroupShare<T> {
    /// Nothing yet.
    pub fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    /// A place in the value under `key`, which is made if there is none, or none with one of its `places` left that
    /// `is_usable`. What tells groups apart belongs into the key.
    ///
    /// Those that want a value meanwhile wait for it.
    ///
    /// # Errors
    /// What `make` fails with.
    pub fn join(
        &self,
        key: String,
        places: usize,
        is_usable: impl Fn(&T) -> bool,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<Arc<T>> {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        values.retain(|_, value| value.strong_count() > 0);
        // The owners are the sessions, and this one. A session that goes meanwhile is counted still, which costs another
        // value and nothing else.
        let there = values.get(&key).and_then(Weak::upgrade);
        if let Some(value) = there.filter(|value| Arc::strong_count(value) <= places && is_usable(value)) {
            return Ok(value);
        }
        let value = Arc::new(make()?);
        values.insert(key, Arc::downgrade(&value));
        Ok(value)
    }
}

impl<T> Default for GroupShare<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn places_are_shared_counted_and_released_with_the_last() {
        let share = GroupShare::new();
        let join = |key: &str, value: u32| share.join(key.to_owned(), 2, |_| true, || Ok(value)).unwrap();
        let (first, second) = (join("a", 1), join("a", 2));
        assert_eq!((*first, *second), (1, 1));
        assert_eq!((*join("a", 3), *join("b", 4)), (3, 4));
        drop(second);
        assert!(share.join("c".to_owned(), 2, |_| true, || Err(Error::internal("x"))).is_err());
        drop(first);
        let fifth = join("a", 5);
        assert_eq!(*fifth, 5);
        assert_eq!(*share.join("a".to_owned(), 2, |&value| value != 5, || Ok(6)).unwrap(), 6, "not one that is spoilt");
    }
}
