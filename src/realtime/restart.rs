//! The edges of a restart: a stream that was cut off by the stop comes again soon, and may have lost what was written
//! last (contract/12 §9 C).

use crate::clock::Clock;
use crate::error::Result;
use crate::store::{Conn, Position};

use super::log;

/// Streams opened right after a start count from shortly before the stop (contract/12 §9 C).
pub(super) struct RestartWindow {
    since_ms: i64,
    starts_after: Position,
}

impl RestartWindow {
    const OPEN_FOR_MS: i64 = 10_000;
    const BEFORE_LAST_COMMIT_MS: i64 = 5_000;
    /// With more messages than this nothing is repeated.
    const MESSAGES_MAX: i64 = 1_000;

    pub fn read(conn: &dyn Conn, clock: &Clock) -> Result<Self> {
        let extent = log::extent(conn)?;
        let now = clock.now().as_millisecond();
        let mut starts_after = extent.last;
        if let Some(at_ms) = log::time_of(conn, extent.last)? {
            let found = log::position_before(conn, at_ms - Self::BEFORE_LAST_COMMIT_MS, Self::MESSAGES_MAX + 1)?;
            if extent.last - found <= Self::MESSAGES_MAX {
                starts_after = found;
            }
        }
        Ok(Self { since_ms: now, starts_after })
    }

    /// Where the messages of a stream begin that is opened now, if not here. A clock that is set back closes the window.
    pub fn starts_after(&self, now_ms: i64) -> Option<Position> {
        let is_open = (self.since_ms..self.since_ms + Self::OPEN_FOR_MS).contains(&now_ms);
        is_open.then_some(self.starts_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_open_for_ten_seconds_whatever_the_clock_does() {
        let window = RestartWindow { since_ms: 1_000_000, starts_after: 7 };
        let at = |after_ms: i64| window.starts_after(1_000_000 + after_ms);
        assert_eq!([at(0), at(9_999)], [Some(7); 2]);
        assert_eq!([at(10_000), at(-3_600_000)], [None; 2], "later, and with a clock that was set back");
    }
}
