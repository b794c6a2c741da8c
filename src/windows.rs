//! Fixed windows that count events by key, in memory that is bounded whatever comes. A leaf: rate limits, attempts at
//! one-time passwords and the pauses between mails are made of it.

use std::convert::Infallible;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use quick_cache::UnitWeighter;
use quick_cache::sync::Cache;

const WINDOWS_EXPECTED: usize = 64;

#[derive(Debug)]
struct Window {
    start_ms: i64,
    duration_ms: i64,
    used: i64,
}

/// The window is used up; it ends in so many milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedUp {
    pub left_ms: i64,
}

/// Counters by key. When more keys come than there is room for, the least used go and begin anew: a flood of keys can't
/// make memory grow, nor lock anybody out.
#[derive(Debug)]
pub struct FixedWindows<K> {
    windows: Cache<K, Arc<Mutex<Window>>, UnitWeighter>,
}

impl<K: Clone + Eq + Hash> FixedWindows<K> {
    /// Room for `keys_max` keys, some 150 bytes each beside the key.
    pub fn new(keys_max: u64) -> Self {
        Self { windows: Cache::with_weighter(WINDOWS_EXPECTED, keys_max, UnitWeighter) }
    }

    /// Counts one event. A window starts with its first event and lasts `duration_ms`; it takes `max` of them. A refused
    /// event costs nothing.
    pub fn take(&self, key: &K, max: i64, duration_ms: i64, now_ms: i64) -> Result<(), UsedUp> {
        let fresh = || Window { start_ms: now_ms, duration_ms, used: 0 };
        let window = self.windows.get_or_insert_with(key, || Ok(Arc::new(Mutex::new(fresh()))));
        let window = window.unwrap_or_else(|never: Infallible| match never {});
        let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back must not prolong a window.
        if now_ms < window.start_ms || now_ms - window.start_ms >= duration_ms {
            *window = fresh();
        }
        if window.used >= max {
            return Err(UsedUp { left_ms: duration_ms - (now_ms - window.start_ms) });
        }
        window.used += 1;
        Ok(())
    }

    /// Lets the key begin anew.
    pub fn forget(&self, key: &K) {
        self.windows.remove(key);
    }

    /// Drops windows that ended more than `idle_ms` ago.
    pub fn drop_idle(&self, idle_ms: i64, now_ms: i64) {
        self.windows.retain(|_, window| {
            let window = window.lock().unwrap_or_else(PoisonError::into_inner);
            now_ms < window.start_ms.saturating_add(window.duration_ms).saturating_add(idle_ms)
        });
    }

    /// How many keys are kept.
    pub fn len(&self) -> usize {
        self.windows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.windows.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_starts_with_its_first_event_and_refusals_cost_nothing() {
        let windows = FixedWindows::new(10);
        assert_eq!([0, 10, 20].map(|now| windows.take(&"a", 2, 100, now).is_ok()), [true, true, false]);
        assert_eq!(windows.take(&"a", 2, 100, 99), Err(UsedUp { left_ms: 1 }));
        assert!(windows.take(&"a", 2, 100, 100).is_ok());
        assert!(windows.take(&"b", 1, 100, 100).is_ok());
        windows.forget(&"b");
        assert!(windows.take(&"b", 1, 100, 100).is_ok());
        assert!(windows.take(&"b", 1, 100, 50).is_ok(), "a clock that was set back locks nobody out");
    }

    #[test]
    fn more_keys_than_room_stay_bounded() {
        let windows = FixedWindows::new(100);
        for key in 0..100_000 {
            assert!(windows.take(&key, 1, 1000, 0).is_ok());
        }
        assert!(windows.len() <= 100);
    }
}
