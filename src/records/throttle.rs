//! The guard against guessing (contract/05 §2): who asks filter after filter and gets nothing is slowed down, so that a
//! hidden value can't be found out by many quick questions. Nothing but the time of the answer changes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::ids;

/// Empty answers that are free in a window.
const FREE: u32 = 3;
const WINDOW_MS: i64 = 3000;
/// The delay is drawn evenly from 0 to this.
const DELAY_MS_MAX: u32 = 500;
/// Windows kept; when full, those that have ended go, and if none has, all do: the guard then begins anew.
const WINDOWS_MAX: usize = 10_000;

/// Counts empty answers per client address and collection.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<HashMap<(IpAddr, Arc<str>), Window>>);

#[derive(Debug)]
struct Window {
    start: Timestamp,
    count: u32,
}

impl Throttle {
    /// Counts an empty answer; how long it must wait.
    pub fn delay(&self, ip: IpAddr, collection_id: &Arc<str>, now: Timestamp) -> Duration {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has_ended = |window: &Window| now.as_millisecond() - window.start.as_millisecond() >= WINDOW_MS;
        if windows.len() >= WINDOWS_MAX {
            windows.retain(|_, window| !has_ended(window));
            if windows.len() >= WINDOWS_MAX {
                windows.clear();
            }
        }
        let window = windows.entry((ip, collection_id.clone())).or_insert(Window { start: now, count: 0 });
        if has_ended(window) {
            *window = Window { start: now, count: 0 };
        }
        window.count += 1;
        if window.count <= FREE { Duration::ZERO } else { Duration::from_millis(ids::below(DELAY_MS_MAX + 1).into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_empty_answer_in_three_seconds_waits_and_each_client_counts_for_itself() {
        let throttle = Throttle::default();
        let (collection, start) = (Arc::from("c"), Timestamp::UNIX_EPOCH);
        let [ip, other] = [1, 2].map(|end| IpAddr::from([10, 0, 0, end]));
        let at = |ms: i64| Timestamp::from_millisecond(start.as_millisecond() + ms).unwrap();
        let waits = |ip, ms| (0..40).any(|_| !throttle.delay(ip, &collection, at(ms)).is_zero());
        for _ in 0..FREE {
            assert!(throttle.delay(ip, &collection, at(0)).is_zero());
        }
        assert!(waits(ip, 10));
        assert!(throttle.delay(other, &collection, at(10)).is_zero());
        assert!(throttle.delay(ip, &collection, at(3000)).is_zero());
    }
}
