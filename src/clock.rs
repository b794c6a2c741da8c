//! Time, passed in: tests turn it. Text form of contract/00 §2: `2006-01-02 15:04:05.000Z`, UTC, 24 bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use jiff::tz::Offset;

/// Where "now" comes from. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    /// The system's clock plus this many milliseconds, which a test may change while the program runs.
    Shifted(Arc<AtomicI64>),
    /// The system's clock plus the milliseconds written in a file, so that a test can turn another process' time.
    #[cfg(feature = "faults")]
    File(Arc<std::path::PathBuf>),
}

/// Names the file of [`Source::File`]; a missing file means no shift.
#[cfg(feature = "faults")]
const CLOCK_FILE: &str = "MONOBASE_FAULT_CLOCK_FILE";

impl Clock {
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// The clock of the program: the system's, unless a test turns it (feature `faults`).
    #[cfg(not(feature = "faults"))]
    pub fn of_process() -> Self {
        Self::system()
    }

    /// The clock of the program: the system's, unless `MONOBASE_FAULT_CLOCK_FILE` names a file that shifts it.
    #[cfg(feature = "faults")]
    pub fn of_process() -> Self {
        std::env::var_os(CLOCK_FILE).map_or_else(Self::system, |path| Self(Source::File(Arc::new(path.into()))))
    }

    /// A clock that runs `offset_ms` ahead of (or behind) the system's; the handle changes it.
    pub fn shifted(offset_ms: Arc<AtomicI64>) -> Self {
        Self(Source::Shifted(offset_ms))
    }

    pub fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        let offset_ms = match &self.0 {
            Source::System => return now,
            Source::Shifted(offset_ms) => offset_ms.load(Ordering::Relaxed),
            // Read each time: a jump holds from the very next look at the clock on.
            #[cfg(feature = "faults")]
            Source::File(path) => {
                std::fs::read_to_string(path.as_path()).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
            }
        };
        Timestamp::from_millisecond(now.as_millisecond() + offset_ms).unwrap_or(now)
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

/// An instant of the years 0 to 9999 in the stored form (contract/01 §7), cut to milliseconds.
pub fn date_text(at: Timestamp) -> String {
    let at = Offset::UTC.to_datetime(at);
    // By hand: a format string costs ten times as much, and every create and log entry has such texts.
    let mut text = *b"0000-00-00 00:00:00.000Z";
    let mut put = |from: usize, to: usize, mut number: i32| {
        for place in text[from..to].iter_mut().rev() {
            *place = b'0' + (number % 10) as u8;
            number /= 10;
        }
    };
    put(0, 4, i32::from(at.year()).clamp(0, 9999));
    put(5, 7, at.month().into());
    put(8, 10, at.day().into());
    put(11, 13, at.hour().into());
    put(14, 16, at.minute().into());
    put(17, 19, at.second().into());
    put(20, 23, at.subsec_nanosecond() / 1_000_000);
    String::from_utf8(text.to_vec()).expect("digits are ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_24_bytes_of_utc_text() {
        let at = Timestamp::from_millisecond(1_795_527_974_086).expect("in range");
        assert_eq!(date_text(at), "2026-11-24 13:46:14.086Z");
        for nanosecond in [0, 1, 999_999_999, -62_135_596_800_000_000_000, -1, 951_782_399_999_000_000] {
            let at = Timestamp::from_nanosecond(nanosecond).expect("in range");
            assert_eq!(date_text(at), at.strftime("%Y-%m-%d %H:%M:%S.%3fZ").to_string());
        }
    }
}
