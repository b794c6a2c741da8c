//! Ids of the log's rows: 15 of `[0-9a-z]` as everywhere, but in the order of time. A random key would touch another page of
//! the key's index for nearly each row; a log's ids guard nothing.

use std::sync::atomic::{AtomicU64, Ordering};

const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// For milliseconds: enough for 3,000 years.
const TIME_DIGITS: usize = 9;
const NUMBER_DIGITS: usize = 6;

/// Gives ids that no other call gives, nor another process that started at another random number.
pub struct RowIds(AtomicU64);

impl RowIds {
    pub fn new() -> Self {
        Self(AtomicU64::new(crate::ids::below(u32::MAX).into()))
    }

    /// An id of an entry of this time, unix milliseconds.
    pub fn next(&self, at_ms: i64) -> String {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        let mut id = String::with_capacity(TIME_DIGITS + NUMBER_DIGITS);
        push_digits(u64::try_from(at_ms).unwrap_or(0), TIME_DIGITS, &mut id);
        push_digits(number, NUMBER_DIGITS, &mut id);
        id
    }
}

/// The last `count` digits of a number in base 36.
fn push_digits(number: u64, count: usize, out: &mut String) {
    let digit = |place| char::from(DIGITS[(number / 36_u64.pow(place) % 36) as usize]);
    out.extend((0..count as u32).rev().map(digit));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_time_and_differ() {
        let ids = RowIds::new();
        let made: Vec<String> = [0, 1, 1_764_540_000_000, 1_764_540_000_001].map(|at| ids.next(at)).into();
        assert!(made.is_sorted() && made.iter().all(|id| id.len() == 15), "{made:?}");
        assert_ne!(ids.next(5), ids.next(5));
        assert_eq!(ids.next(-1)[..9], *"000000000", "a clock before 1970");
    }
}
