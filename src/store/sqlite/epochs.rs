//! A number per collection that moves whenever its rows may have changed; what is cached under it is thrown away by
//! moving it (PERFORMANCE, Spikes, Totals).

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// Invariant: [`Epochs::get`] of a collection never goes back to a value it once had.
#[derive(Default)]
pub struct Epochs(RwLock<Numbers>);

#[derive(Default)]
struct Numbers {
    /// Added to every collection's own number.
    base: u64,
    own: HashMap<Box<str>, u64>,
}

impl Epochs {
    pub fn get(&self, collection_id: &str) -> u64 {
        let numbers = self.0.read().unwrap_or_else(PoisonError::into_inner);
        numbers.base + numbers.own.get(collection_id).copied().unwrap_or(0)
    }

    /// Moves the epochs of some collections.
    pub fn advance<'a>(&self, collection_ids: impl Iterator<Item = &'a str>) {
        let mut numbers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for id in collection_ids {
            match numbers.own.get_mut(id) {
                Some(number) => *number += 1,
                None => drop(numbers.own.insert(id.into(), 1)),
            }
        }
    }

    /// Moves every epoch: nobody knows what changed.
    pub fn advance_all(&self) {
        let mut numbers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Past the highest, so that forgetting the numbers of dropped collections brings none back.
        numbers.base += numbers.own.values().max().copied().unwrap_or(0) + 1;
        numbers.own.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_moves_with_its_collection_or_with_all_and_never_back() {
        let epochs = Epochs::default();
        let mut seen = vec![epochs.get("a")];
        for _ in 0..3 {
            epochs.advance(["a", "b"].into_iter());
            seen.push(epochs.get("a"));
            epochs.advance_all();
            seen.push(epochs.get("a"));
        }
        assert!(seen.is_sorted_by(|x, y| x < y), "{seen:?}");
        let before = epochs.get("c");
        epochs.advance(["a"].into_iter());
        assert_eq!(epochs.get("c"), before);
    }
}
