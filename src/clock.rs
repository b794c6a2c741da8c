//! Time, passed in: tests turn it. Text form of contract/00 §2: `2006-01-02 15:04:05.000Z`, UTC, 24 bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// Where "now" comes from. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    /// The system's clock plus this many milliseconds, which a test may change while the program runs.
    Shifted(Arc<AtomicI64>),
}

impl Clock {
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that runs `offset_ms` ahead of (or behind) the system's; the handle changes it.
    pub fn shifted(offset_ms: Arc<AtomicI64>) -> Self {
        Self(Source::Shifted(offset_ms))
    }

    pub fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        match &self.0 {
            Source::System => now,
            Source::Shifted(offset_ms) => {
                Timestamp::from_millisecond(now.as_millisecond() + offset_ms.load(Ordering::Relaxed)).unwrap_or(now)
            }
        }
    }

    /// Unix seconds, for token claims (contract/10 §1).
    pub fn now_seconds(&self) -> i64 {
        self.now().as_second()
    }

    /// Now in the stored form.
    pub fn now_text(&self) -> String {
        date_text(self.now())
    }
}

/// An instant in the stored form (contract/01 §7), cut to milliseconds.
pub fn date_text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_24_bytes_of_utc_text() {
        let at = Timestamp::from_millisecond(1_795_527_974_086).expect("in range");
        assert_eq!(date_text(at), "2026-11-24 13:46:14.086Z");
    }
}
